"""Attacks move pixels exactly as far as they say, in the direction of a higher loss, and never out of range."""

import dataclasses

import pytest
import torch
from torch.nn.functional import cross_entropy

import model
from model.attacks import fgsm, logits_of, pgd
from model.presets import unit_pixels


@pytest.fixture(scope="module")
def trained():
    """A small attention network fitted to sixteen noisy pictures of two kinds, the pictures, and their classes."""
    torch.manual_seed(0)
    net = model.build("vgg-att2-concat-dp", num_classes=2, width=0.0625, dropout=0.0, input_size=16)
    net.info = dataclasses.replace(net.info, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
    classes = torch.arange(16) % 2
    pictures = torch.randint(0, 160, (16, 3, 16, 16), dtype=torch.uint8)
    pictures[:, :, :8] += (classes * 95).to(torch.uint8).view(-1, 1, 1, 1)  # class 1 is lighter above
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (net.info.mean, net.info.std))
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    net.train()
    for _ in range(25):
        loss = cross_entropy(net((pictures / 255 - mean) / std)[0], classes)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    net.eval()
    assert (logits_of(net, pictures).argmax(1) == classes).all()
    return net, pictures, classes


def losses(net, pictures, classes):
    return cross_entropy(logits_of(net, pictures), classes, reduction="none")


def test_logits_are_those_of_normalised_pictures(trained):
    net, pictures, _ = trained
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (net.info.mean, net.info.std))
    with torch.no_grad():
        expected = net((pictures / 255 - mean) / std)[0]
    assert torch.allclose(logits_of(net, pictures), expected, atol=1e-4)
    assert torch.allclose(logits_of(net, pictures / 255), expected, atol=1e-4)


@pytest.mark.parametrize("epsilon", [1, 8])
def test_fgsm_moves_each_pixel_by_epsilon_or_to_the_end_of_its_range(trained, epsilon):
    net, pictures, classes = trained
    clean = pictures / 255
    attacked = fgsm(net, pictures, classes, epsilon)
    up, down = (clean + epsilon / 255).clamp(max=1), (clean - epsilon / 255).clamp(min=0)
    is_up, is_down = torch.isclose(attacked, up, atol=1e-6), torch.isclose(attacked, down, atol=1e-6)
    assert (is_up | is_down).all()
    assert is_up.float().mean() > 0.1 and is_down.float().mean() > 0.1
    assert (clean < epsilon / 255).any() and attacked.min() >= 0 and attacked.max() <= 1


def test_fgsm_goes_where_the_loss_rises(trained):
    """Against finite differences, at the pixel values that move the loss most."""
    net, pictures, classes = trained
    clean = unit_pixels(pictures[:1])
    direction = (fgsm(net, clean, classes[:1], 1e-2) - clean).sign()
    with torch.enable_grad():
        mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (net.info.mean, net.info.std))
        x = clean.clone().requires_grad_()
        cross_entropy(net((x - mean) / std)[0], classes[:1]).backward()
    for position in x.grad.abs().flatten().topk(10).indices:
        step = torch.zeros_like(clean).view(-1)
        step[position] = 0.01
        step = step.view_as(clean)
        above, below = (losses(net, (clean + s).clamp(0, 1), classes[:1]) for s in (step, -step))
        assert (above - below).sign() == direction.flatten()[position]


def test_attacks_raise_the_loss_and_pgd_more(trained):
    net, pictures, classes = trained
    clean = losses(net, pictures, classes)
    one_step = losses(net, fgsm(net, pictures, classes, 4), classes)
    ten_steps = losses(net, pgd(net, pictures, classes, 4), classes)
    noise = losses(net, pgd(net, pictures, classes, 4, steps=1, step_size=0), classes)  # the random start itself
    assert (one_step > clean).all()
    assert ten_steps.mean() > one_step.mean()
    assert one_step.mean() - clean.mean() > 5 * (noise.mean() - clean.mean()).abs()


@pytest.mark.parametrize("step_size", [None, 50.0])
def test_pgd_stays_in_the_ball_and_in_range(trained, step_size):
    net, pictures, classes = trained
    attacked = pgd(net, pictures, classes, 3, steps=4, step_size=step_size)
    distance = (attacked - pictures / 255).abs().max()
    assert 2.9 / 255 < distance <= 3 / 255 + 1e-6
    assert attacked.min() >= 0 and attacked.max() <= 1


def test_pgd_is_fixed_by_its_seed(trained):
    net, pictures, classes = trained
    first, again, other = (pgd(net, pictures[:2], classes[:2], 4, steps=2, seed=s) for s in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_one_picture_is_attacked_as_in_a_batch(trained):
    net, pictures, classes = trained
    alone, together = fgsm(net, pictures[:1], classes[:1], 8), fgsm(net, pictures, classes, 8)[:1]
    assert torch.isclose(alone, together).float().mean() > 0.99  # a gradient of rounding's size may change its sign


@pytest.mark.parametrize("attack", [fgsm, pgd])
def test_attacks_leave_inputs_and_network_alone_in_any_mode(trained, attack):
    net, pictures, classes = trained
    before, weights = pictures.clone(), {k: v.clone() for k, v in net.state_dict().items()}
    expected = attack(net, pictures, classes, 2)
    with torch.inference_mode():
        assert torch.equal(attack(net, pictures.clone(), classes.clone(), 2), expected)
    with torch.no_grad():
        assert torch.equal(attack(net, pictures, classes, 2), expected)
    assert torch.equal(pictures, before)
    assert all(torch.equal(v, weights[k]) for k, v in net.state_dict().items())
    assert all(p.requires_grad for p in net.parameters())


def test_epsilon_0_changes_nothing(trained):
    net, pictures, classes = trained
    for attack in (fgsm, pgd):
        assert torch.equal(attack(net, pictures, classes, 0), pictures / 255)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"epsilon": -1}, "epsilon must be 0 to 255"),
        ({"epsilon": float("nan")}, "epsilon must be 0 to 255"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"step_size": 300}, "step_size must be 0 to 255"),
        ({"pictures": torch.zeros(3, 16, 16)}, "pictures must be"),
        ({"pictures": torch.full((1, 3, 16, 16), 7.0)}, "from 0 to 1"),
        ({"pictures": torch.full((1, 3, 16, 16), float("nan"))}, "from 0 to 1"),
        ({"pictures": torch.zeros(1, 3, 16, 16, dtype=torch.int64)}, "must be uint8"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(trained, change, words):
    net, pictures, classes = trained
    with pytest.raises(ValueError, match=words):
        pgd(**{"net": net, "pictures": pictures[:1], "classes": classes[:1], "epsilon": 1, **change})
