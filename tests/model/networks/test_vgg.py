"""AttentionVGG against the same network written out from the paper's table, its parameter counts and its identities."""

import pytest
import torch
from torch.nn import functional as F

from model import AttentionVGG
from model.networks.attention import COMPATIBILITIES
from model.networks.layers import fold_norms
from model.networks.vgg import LEVELS

LEVELS_OF = {1: ("conv13",), 2: ("conv10", "conv13"), 3: LEVELS}


@pytest.fixture
def network(lively):
    """Returns a function that makes a narrow network in evaluation mode whose BatchNorms are not the identity."""

    def make(**arguments):
        torch.manual_seed(0)
        return lively(AttentionVGG(**{"width": 0.125, **arguments}))

    return make


def by_hand(w, net, images):
    """Logits and maps, from the paper's table."""
    x, local = images, {}
    for number in range(1, 16):
        x = w.conv_norm_relu(x, f"{'trunk' if number <= 13 else 'global_branch'}.conv{number}")
        local[f"conv{number}"] = x
        if number in (7, 10, 13, 14, 15):
            x = F.max_pool2d(x, 5 if number == 7 and net.input_size == 80 else 2)
    g = w.linear(x.flatten(1), "global_branch.fc1")

    maps, attended, logits = {}, {}, 0
    for level in net.levels:
        l, u = local[level], g
        if l.shape[1] != g.shape[1]:
            u = w.linear(w.norm_relu(g, f"project.{level}.0"), f"project.{level}.3")
        u = u[:, :, None, None]
        if net.compatibility == "dp":
            c = (l * u).sum(1) / l.shape[1] ** 0.5
        elif net.compatibility == "pc":
            c = w.conv(l + u, f"score.{level}.u")[:, 0]
        elif net.compatibility == "additive":
            v = F.conv2d(u, w.w[f"score.{level}.v.weight"][:, :, None, None])
            c = w.conv(torch.tanh(w.conv(l, f"score.{level}.w") + v), f"score.{level}.u")[:, 0]
        else:
            c = l[:, 0] * 0
        e = torch.exp(c - c.amax((1, 2), keepdim=True))
        maps[level] = e / e.sum((1, 2), keepdim=True)
        attended[level] = w.norm_relu((l * maps[level][:, None]).sum((2, 3)), f"norm.{level}.0")
        if not isinstance(net.classifier, torch.nn.Linear):
            logits = logits + w.linear(attended[level], f"classifier.{level}")
    if isinstance(net.classifier, torch.nn.Linear):
        logits = w.linear(torch.cat(list(attended.values()), 1), "classifier")
    return logits, maps


@pytest.mark.parametrize("compatibility", COMPATIBILITIES)
@pytest.mark.parametrize("head", ["concat", "indep"])
@pytest.mark.parametrize("size", [32, 80])
def test_equals_the_network_written_out(compatibility, head, size, network, pictures, written_out):
    net = network(compatibility=compatibility, head=head, input_size=size, num_classes=7).double()
    with torch.no_grad():
        logits, maps = net(pictures(size, dtype=torch.float64))
        expected, expected_maps = by_hand(written_out(net), net, pictures(size, dtype=torch.float64))
    assert torch.allclose(logits, expected, rtol=0, atol=1e-10)
    assert {k: v.shape for k, v in maps.items()} == {
        "conv7": (2, size, size),
        "conv10": (2, 16, 16),
        "conv13": (2, 8, 8),
    }
    for level, a in maps.items():
        assert torch.allclose(a, expected_maps[level], rtol=0, atol=1e-10)


@pytest.mark.parametrize(("levels", "parameters"), [(1, 19_714_123), (2, 19_720_780), (3, 19_856_461)])
def test_parameter_counts_are_the_papers(levels, parameters):
    """19.714, 19.721 and 19.856 million at ten classes."""
    with torch.device("meta"):
        net = AttentionVGG(10, LEVELS_OF[levels], "pc")
    assert sum(p.numel() for p in net.parameters()) == parameters


def test_dropout_rates_are_the_papers():
    with torch.device("meta"):
        net = AttentionVGG()
    rates = {name: m.p for name, m in net.named_modules() if isinstance(m, torch.nn.Dropout) and m.p}
    assert rates == {
        **{f"trunk.conv{i}.3": 0.4 for i in (3, 5, 6, 8, 9, 11, 12)},
        "trunk.conv1.3": 0.3,
        "global_branch.conv14.3": 0.4,
        "global_branch.conv15.3": 0.4,
        "global_branch.dropout": 0.5,
        "project.conv7.2": 0.5,
        **{f"norm.{level}.2": 0.5 for level in LEVELS},
    }


@pytest.mark.parametrize("levels", [1, 2, 3])
@pytest.mark.parametrize("head", ["concat", "indep"])
@pytest.mark.parametrize("compatibility", COMPATIBILITIES)
def test_a_logit_is_the_bias_and_one_term_for_each_level(levels, head, compatibility, network, pictures):
    net = network(levels=LEVELS_OF[levels], head=head, compatibility=compatibility)
    with torch.no_grad():
        logits, attention, terms, bias = net.explain_logits(pictures())
        plain, maps = net(pictures())
    assert tuple(terms) == tuple(attention) == LEVELS_OF[levels]
    assert torch.equal(logits, plain)
    assert all(torch.equal(attention[k], maps[k]) for k in maps)
    assert torch.allclose(logits, bias + torch.stack(list(terms.values())).sum(0), atol=1e-5)
    assert bias.shape == (10,)
    assert all(t.shape == (2, 10) for t in terms.values())


@pytest.mark.parametrize("compatibility", ["dp", "additive"])
def test_a_question_moves_dp_and_additive(compatibility, network, pictures):
    net = network(compatibility=compatibility)
    with torch.no_grad():
        _, g = net.features(pictures())
        own, other = net.explain_logits(pictures()), net.explain_logits(pictures(), question=g.flip(0))
    assert all((own.attention[k] - other.attention[k]).abs().max() > 1e-6 for k in LEVELS)
    assert not torch.equal(own.logits, other.logits)


@pytest.mark.parametrize("compatibility", ["pc", "uniform"])
@pytest.mark.parametrize("global_branch", [True, False])
def test_no_question_moves_pc_and_uniform(compatibility, global_branch, network, pictures):
    net = network(compatibility=compatibility, global_branch=global_branch)
    with torch.no_grad():
        own = net.explain_logits(pictures())
        other = net.explain_logits(pictures(), question=torch.full((2, 64), 1e6))
    assert all(torch.equal(own.attention[k], other.attention[k]) for k in LEVELS)
    assert torch.equal(own.logits, other.logits)


@pytest.mark.parametrize("compatibility", COMPATIBILITIES)
def test_pc_leaves_the_global_branch_without_gradient(compatibility, network, pictures):
    net = network(compatibility=compatibility)
    net(pictures())[0].square().sum().backward()
    branch = [p for name, p in net.named_parameters() if name.startswith(("global_branch.", "project."))]
    assert branch
    if compatibility in ("dp", "additive"):
        assert all(p.grad is not None for p in branch)
        assert net.global_branch.fc1.weight.grad.abs().max() > 0
    else:
        assert all(p.grad is None for p in branch)
    assert net.trunk.conv1[0].weight.grad.abs().max() > 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("compatibility", COMPATIBILITIES)
def test_autocast_gives_finite_maps_that_sum_to_1(compatibility, dtype, network, pictures):
    net = network(compatibility=compatibility, scale_scores=False)
    for images in (pictures(), 1e3 * pictures(), torch.zeros(2, 3, 32, 32)):
        with torch.no_grad(), torch.autocast("cpu", dtype=dtype):
            logits, maps = net(images)
        assert logits.isfinite().all()
        for a in maps.values():
            assert a.isfinite().all()
            assert torch.allclose(a.sum((1, 2)), torch.ones(2), atol=1e-5)


@pytest.mark.parametrize(("size", "grids"), [((8, 8), (8, 4, 2)), ((33, 40), (33, 17, 9)), ((96, 64), (96, 48, 24))])
def test_other_sizes_work_as_the_trunk_allows(size, grids, network):
    net = network()
    with torch.no_grad():
        logits, maps = net(torch.randn(1, 3, *size))
    assert logits.shape == (1, 10)
    assert tuple(a.shape[1] for a in maps.values()) == grids


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"levels": ()}, "levels must be some of"),
        ({"levels": ("conv13", "conv7")}, "in that order, not conv13, conv7"),
        ({"levels": ("conv12",)}, "levels must be some of conv7, conv10, conv13"),
        ({"compatibility": "cosine"}, "compatibility must be one of dp, pc, additive, uniform"),
        ({"head": "mean"}, "head must be 'concat' or 'indep'"),
        ({"compatibility": "dp", "global_branch": False}, "dp needs the global branch"),
        ({"compatibility": "additive", "global_branch": False}, "additive needs the global branch"),
        ({"width": 0}, "width must be above 0"),
        ({"num_classes": 0}, "num_classes must be at least 1"),
        ({"input_size": 7}, "input_size must be a whole number of pixels from 8 to 1024, not 7"),
        ({"input_size": 1025}, "input_size must be a whole number of pixels from 8 to 1024, not 1025"),
        ({"input_size": 32.5}, "input_size must be a whole number"),
    ],
)
def test_wrong_arguments_get_one_sentence(arguments, message):
    with pytest.raises(ValueError, match=message) as e:
        AttentionVGG(**{"width": 0.125, **arguments})
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("input_size", "shape"),
    [(32, (1, 3, 7, 32)), (32, (1, 1, 32, 32)), (32, (3, 32, 32)), (80, (1, 3, 19, 80))],
)
def test_images_that_do_not_fit_get_one_sentence(input_size, shape, network):
    smallest = 20 if input_size == 80 else 8
    with pytest.raises(ValueError, match=f"sides of at least {smallest} pixels, not ") as e:
        network(input_size=input_size)(torch.zeros(shape))
    assert "\n" not in str(e.value)


def test_images_of_bytes_are_refused(network):
    with pytest.raises(ValueError, match="must be normalised floating-point numbers, not torch.uint8"):
        network()(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))


@pytest.mark.parametrize("shape", [(3, 64), (2, 63)])
def test_a_question_of_another_shape_gets_one_sentence(network, pictures, shape):
    with pytest.raises(ValueError, match=r"question must be \[2, 64\], as the images' own g, not \[\d, 6\d\]"):
        network().explain_logits(pictures(), question=torch.zeros(shape))


@pytest.mark.parametrize("compatibility", ["dp", "additive"])
def test_a_question_reaches_the_logits_only_through_the_maps(compatibility, monkeypatch):
    torch.manual_seed(0)
    net = AttentionVGG(compatibility=compatibility, width=1 / 16).eval()
    with torch.no_grad():
        local_features, g = net.features(torch.randn(2, 3, 32, 64))
        own, other = net.explain_features(local_features, g), net.explain_features(local_features, 3 * g.flip(0))
        assert not torch.equal(own.logits, other.logits)
        monkeypatch.setattr(net, "attention_maps", lambda *_: own.attention)
        held = net.explain_features(local_features, 3 * g.flip(0))
    assert torch.equal(own.logits, held.logits)


def test_class_questions_are_saved_and_loaded_strictly(tmp_path):
    net = AttentionVGG(width=1 / 16, num_classes=3)
    questions = torch.randn(3, 32)
    asking = net.with_class_questions(questions)
    assert net.class_questions is None and "class_questions" not in net.state_dict()
    asking.save_pretrained(tmp_path)
    again = AttentionVGG.from_pretrained(tmp_path)
    assert torch.equal(again.class_questions, questions) and again.arguments["class_questions"] is True
    with pytest.raises(ValueError, match=r"shape \[3, 5\] do not fit; this network takes \[3, 32\]"):
        net.with_class_questions(torch.randn(3, 5))
    with pytest.raises(ValueError, match="pc has no class questions: under it no map depends on g"):
        AttentionVGG(width=1 / 16, compatibility="pc", class_questions=True)


def test_folded_norms_change_nothing(network):
    net, images = network(dropout=0.0), torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        logits, maps = net(images)
        folded = fold_norms(net)
        assert not [name for name, part in net.trunk.named_modules() if isinstance(part, torch.nn.BatchNorm2d)]
        again, maps_again = folded(images)
    assert torch.allclose(again, logits, atol=1e-5)
    assert all(torch.allclose(maps_again[level], a, atol=1e-6) for level, a in maps.items())
    with pytest.raises(ValueError, match="training mode"):
        fold_norms(network().train())
