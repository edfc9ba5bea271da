"""Post-hoc maps against finite differences and their formulas written out; the deletion check on a known model."""

import copy
import threading
from itertools import product

import pytest
import torch
from captum.attr import LayerGradCam
from torch.nn.functional import interpolate

import model
from model.posthoc import blur, cam, delete, deletion, grad_cam, moved_deletion, random_deletion, ranks, saliency
from model.presets import network_input

ATTENDING = ["vgg-att3-concat-dp", "vgg-att2-indep-pc", "vgg-att1-concat-additive"]
CLASSES = torch.tensor([2, 0])
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


@pytest.fixture
def tiny(lively):
    """Returns a function that makes a small random network by name."""

    def build(name):
        torch.manual_seed(1)
        net = lively(model.build(name, num_classes=3, width=0.0625, input_size=16))
        net.info = model.Info(("a", "b", "c"), MEAN, STD)
        return net

    return build


@pytest.fixture
def photos():
    return torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))


def normalised(pixels):
    """Pixels from 0 to 1, normalised in their own precision."""
    mean, std = (torch.tensor(v, dtype=pixels.dtype).view(1, 3, 1, 1) for v in (MEAN, STD))
    return (pixels - mean) / std


# Maps


@pytest.mark.parametrize("name", [ATTENDING[0], "vgg", "vgg-gap"])
def test_saliency_is_the_largest_finite_difference_of_the_three_channels(tiny, photos, name):
    net = tiny(name)
    maps = saliency(net, photos, CLASSES)
    assert maps.shape == (2, 16, 16) and maps.min() >= 0
    exact, pixels = copy.deepcopy(net).double(), photos.double() / 255
    h = 1e-6
    for y, x in [(0, 0), (7, 8), (3, 15), (12, 5)]:
        changes = []
        for channel in range(3):
            step = torch.zeros_like(pixels)
            step[:, channel, y, x] = h
            with torch.no_grad():
                rise = exact(normalised(pixels + step))[0] - exact(normalised(pixels - step))[0]
            changes.append((rise / (2 * h)).gather(1, CLASSES[:, None])[:, 0].abs())
        expected = torch.stack(changes).amax(0)
        assert torch.allclose(maps[:, y, x].double(), expected, rtol=1e-3, atol=1e-5 * maps.max().item())


@pytest.mark.parametrize("name", ATTENDING)
@pytest.mark.parametrize("level", [None, "conv13", "conv10"])
def test_grad_cam_is_what_captum_gives(tiny, photos, name, level):
    net = tiny(name)
    if level == "conv10" and level not in net.levels:
        with pytest.raises(ValueError, match="the network's levels are conv13, not conv10"):
            grad_cam(net, photos, CLASSES, level)
        return
    layer = net.trunk.get_submodule(level or "conv13")
    theirs = LayerGradCam(lambda x: net(x)[0], layer).attribute(
        network_input(net, photos / 255).requires_grad_(), target=CLASSES, relu_attributions=True
    )[:, 0]
    ours = grad_cam(net, photos, CLASSES, level)
    assert ours.shape == ((2, 4, 4) if level != "conv10" else (2, 8, 8))
    assert ours.max() > 0
    assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-6 * ours.max().item())


def test_grad_cam_is_its_formula(tiny, photos):
    """alpha_k = mean of d logit / d A_k over positions; ReLU(sum_k alpha_k A_k); the gradient by finite differences."""
    net = tiny("vgg-att1-concat-dp").double()
    with torch.no_grad():
        features = net.trunk(normalised(photos.double() / 255))["conv13"]  # [2, 32, 4, 4]

        def logit(conv13):
            g = net.global_branch(conv13)
            c = torch.einsum("bchw,bc->bhw", conv13, g) / conv13.shape[1] ** 0.5
            a = c.flatten(1).softmax(1).view_as(c)
            attended = (a[:, None] * conv13).sum((2, 3))
            return net.classifier(net.norm["conv13"](attended)).gather(1, CLASSES[:, None])[:, 0]

        gradient, h = torch.zeros_like(features), 1e-6
        for k, y, x in torch.cartesian_prod(*(torch.arange(n) for n in features.shape[1:])).tolist():
            step = torch.zeros_like(features)
            step[:, k, y, x] = h
            gradient[:, k, y, x] = (logit(features + step) - logit(features - step)) / (2 * h)
        expected = (gradient.mean((2, 3), keepdim=True) * features).sum(1).clamp(min=0)
    ours = grad_cam(net.float(), photos, CLASSES).double()
    assert torch.allclose(ours, expected, rtol=1e-3, atol=1e-3 * expected.max().item())


def test_grad_cam_of_vgg_gap_is_cam_over_the_number_of_positions(tiny, photos):
    net = tiny("vgg-gap")
    ours, own = grad_cam(net, photos, CLASSES), cam(net, photos, CLASSES)
    assert own.shape == (2, 4, 4) and own.max() > 0
    assert torch.allclose(ours * 16, own, rtol=1e-4, atol=1e-5)


def test_cam_is_the_positive_part_of_the_networks_own_map(tiny, photos):
    net = tiny("vgg-gap")
    with torch.no_grad():
        logits, maps = net(network_input(net, photos / 255))
    own = cam(net, photos, logits.argmax(1))
    assert torch.allclose(own, maps["conv13"].clamp(min=0), atol=1e-5)
    assert (maps["conv13"] < 0).any()


@pytest.mark.parametrize("function, name", [(cam, "vgg"), (cam, "vgg-att1-concat-pc"), (grad_cam, "vgg")])
def test_networks_without_the_map_are_refused(tiny, photos, function, name):
    with pytest.raises(ValueError, match="VGG"):
        function(tiny(name), photos, CLASSES)


@pytest.mark.parametrize(
    "function, name", [(saliency, "vgg"), (grad_cam, "resnet164-att2-concat-dp"), (cam, "vgg-gap")]
)
def test_maps_are_plain_tensors_in_any_mode_and_leave_no_trace(tiny, photos, function, name):
    net = tiny(name).requires_grad_(False)
    expected = function(net, photos, CLASSES)
    with torch.inference_mode():
        again = function(net, photos.clone(), CLASSES.clone())
    assert torch.allclose(again, expected) and not expected.requires_grad
    assert torch.allclose(function(net, photos[1:], CLASSES[1:]), expected[1:], rtol=1e-3, atol=1e-5)
    assert not any(m._forward_hooks or m._backward_hooks for m in net.modules())


def test_two_visitors_at_once_get_their_own_maps(tiny):
    net = tiny(ATTENDING[0])
    pictures = [torch.randint(0, 256, (1, 3, 16, 16), dtype=torch.uint8) for _ in range(2)]
    alone = [grad_cam(net, p, CLASSES[:1]) for p in pictures]
    wrong = []

    def visit(i):
        for _ in range(8):
            if not torch.allclose(grad_cam(net, pictures[i], CLASSES[:1]), alone[i], rtol=1e-3):
                wrong.append(i)

    threads = [threading.Thread(target=visit, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not torch.allclose(*alone, rtol=1e-1) and not wrong


# Deletion


def test_ranks_are_places_in_descending_order():
    maps = torch.tensor([[[0.1, 0.9], [0.5, 0.3]]])
    assert ranks(maps).tolist() == [[[3, 0], [1, 2]]]


def test_equal_pixels_are_ranked_at_random_by_the_seed():
    flat = torch.ones(1, 8, 8)
    first, again, other = ranks(flat, 1), ranks(flat, 1), ranks(flat, 2)
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert first.flatten().sort().values.tolist() == list(range(64))
    assert ranks(torch.zeros(1, 8, 8).index_fill(1, torch.tensor([5]), 1.0), 3)[0, 5].max() == 7


def test_delete_blurs_the_highest_pixels_and_no_other(photos):
    maps = torch.zeros(2, 4, 4)
    maps[0, 0, 0], maps[1, 3, 3] = 1, 1  # each cell is 4 x 4 pixels; 16 of 256
    changed, clean = delete(photos, maps, [16 / 256])[:, 0], photos / 255
    moved = (changed != clean).any(1)
    assert moved.sum((1, 2)).tolist() == [16, 16]
    assert moved[0, :4, :4].float().mean() > 0.7 and moved[1, -4:, -4:].float().mean() > 0.7  # bilinear rounds corners
    assert torch.equal(changed[moved[:, None].expand_as(changed)], blur(clean)[moved[:, None].expand_as(changed)])
    assert torch.equal(delete(photos, maps, [0, 1]), torch.stack([clean, blur(clean)], 1))


def test_blurring_keeps_the_mean_colour_and_flattens(photos):
    clean = photos / 255
    assert torch.allclose(blur(clean).mean((2, 3)), clean.mean((2, 3)), atol=0.05)
    assert blur(clean).std() < 0.3 * clean.std()
    flat = torch.full((1, 3, 8, 12), 0.25)
    assert torch.allclose(blur(flat), flat)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_shares_out_of_range_are_refused(photos, share):
    with pytest.raises(ValueError, match="shares must be from 0 to 1"):
        delete(photos, torch.ones(2, 4, 4), [share])


class Linear(model.Network):
    """Two classes; the first one's logit is <weight, normalised pixels> + bias, the other's 0."""

    def __init__(self, weight, bias):
        super().__init__(num_classes=2, width=1.0, input_size=16)
        self.weight, self.bias = torch.nn.Parameter(weight), bias
        self.info = model.Info(("yes", "no"), MEAN, STD)

    def forward(self, images):
        yes = (self.weight * images).sum((1, 2, 3)) + self.bias
        return torch.stack([yes, torch.zeros_like(yes)], 1), {}


def test_deletion_falls_as_a_linear_model_says(photos):
    """Deleting a pixel changes this logit by a known amount, so the order of the true amounts must fall fastest."""
    clean = photos[:1] / 255
    difference = normalised(clean) - normalised(blur(clean))
    weight = 4 * difference / (difference**2).sum()
    net = Linear(weight, 2 - (weight * normalised(clean)).sum())  # the logit goes from 2 to -2
    loss = (weight * difference).sum(1)  # [1, 16, 16]: how much each pixel's deletion lowers it
    shares, yes = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0), torch.tensor([0])
    best = deletion(net, photos[:1], yes, loss, shares)[0]
    chance = random_deletion(net, photos[:1], yes, shares, seeds=5)[0]
    worst = deletion(net, photos[:1], yes, -loss, shares)[0]
    assert (best.diff() < 0).all()
    assert (best[1:-1] < chance[1:-1]).all() and (chance[1:-1] < worst[1:-1]).all()
    order = loss.flatten().sort(descending=True).values
    for probability, share in zip(best, shares, strict=True):
        assert probability == pytest.approx(torch.sigmoid(2 - order[: round(share * 256)].sum()).item(), abs=1e-4)
    assert torch.allclose(best[[0, -1]], chance[[0, -1]], atol=1e-5)  # nothing and everything leave no choice


def test_a_moved_maps_deletion_is_that_of_the_shifted_maps(tiny, photos):
    net = tiny("vgg-att1-concat-pc")
    maps = torch.rand(2, 4, 4, generator=torch.Generator().manual_seed(2))
    shares = (0.0, 0.2, 1.0)
    falls = moved_deletion(net, photos, CLASSES, maps, shares, seeds=4)
    assert falls.shape == (4, 2, 3) and torch.equal(falls, moved_deletion(net, photos, CLASSES, maps, shares, seeds=4))
    enlarged = interpolate(maps[:, None], (16, 16), mode="bilinear")[:, 0]
    for seed, one in enumerate(falls):  # each picture by a quarter of the side or more
        places = [p for p in product(range(16), range(16)) if any(4 <= i <= 12 for i in p)]
        shifted = [deletion(net, photos, CLASSES, enlarged.roll(p, (1, 2)), shares, seed) for p in places]
        assert torch.isclose(torch.stack(shifted), one, atol=1e-6).all(2).any(0).all()
    second = moved_deletion(
        net, photos[1:], CLASSES[1:], maps[1:], shares, seeds=4, numbers=[1]
    )  # whatever else is in the batch
    assert torch.allclose(second, falls[:, 1:], atol=1e-6)
    same = [tensor[:1].expand(2, *tensor.shape[1:]) for tensor in (photos, CLASSES, maps)]
    twice = moved_deletion(net, *same, shares, seeds=4)
    assert not torch.allclose(twice[:, 0], twice[:, 1], atol=1e-4)  # not all pictures by the same moves
    own = deletion(net, photos, CLASSES, maps, shares)
    assert torch.allclose(falls[..., [0, 2]], own[:, [0, 2]].expand(4, -1, -1), atol=1e-6)  # these leave no choice
    assert (falls[..., 1] - own[:, 1]).abs().amin(1).max() > 1e-4


def test_random_pixels_are_each_pictures_own(tiny, photos):
    net = tiny("vgg-att1-concat-pc")
    shares = (0.0, 0.2, 1.0)
    together = random_deletion(net, photos, CLASSES, shares, seeds=3)
    second = random_deletion(
        net, photos[1:], CLASSES[1:], shares, seeds=3, numbers=[1]
    )  # whatever else is in the batch
    assert together.shape == (2, 3) and torch.allclose(second, together[1:], atol=1e-6)
    same = [tensor[:1].expand(2, *tensor.shape[1:]) for tensor in (photos, CLASSES)]
    twice = random_deletion(net, *same, shares, seeds=3)
    assert not torch.isclose(*twice[:, 1], atol=1e-6) and torch.allclose(twice[0, ::2], twice[1, ::2], atol=1e-6)
    one, other = (random_deletion(net, photos[:1], CLASSES[:1], shares, seeds=1, numbers=[n]) for n in (0, 7))
    assert not torch.allclose(one, other, atol=1e-6)


def test_deletion_of_a_batch_is_that_of_each_picture(tiny, photos):
    net = tiny("vgg-att1-concat-pc")
    maps = torch.rand(2, 4, 4, generator=torch.Generator().manual_seed(2))
    together = deletion(net, photos, CLASSES, maps)
    assert together.shape == (2, 6) and together.min() >= 0 and together.max() <= 1
    for i in range(2):
        alone = deletion(net, photos[i : i + 1], CLASSES[i : i + 1], maps[i : i + 1])
        assert torch.allclose(alone, together[i : i + 1], atol=1e-5)
    with torch.no_grad():
        expected = net(normalised(photos / 255))[0].softmax(1).gather(1, CLASSES[:, None])[:, 0]
    assert torch.allclose(together[:, 0], expected, atol=1e-5)
