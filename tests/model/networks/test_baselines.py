"""The baselines against the same networks written out from the paper's table, and their known properties."""

import pytest
import torch
from torch.nn.functional import max_pool2d

import model

FAMILY = ["vgg", "vgg-global", "vgg-gap", "vgg-pan"]


def global_feature(w, x, name, first_pool=2):
    """A pool, conv14, a pool, conv15, a pool, FC-1."""
    for number, pool in ((14, first_pool), (15, 2)):
        x = w.conv_norm_relu(max_pool2d(x, pool), f"{name}.conv{number}")
    x = max_pool2d(x, 2)
    assert x.shape[2:] == (1, 1)
    return w.linear(x.flatten(1), f"{name}.fc1")


def logits_by_hand(w, name, images, input_size):
    """Logits and maps, from the paper's table."""
    pools = {7: 5 if input_size == 80 else 2, 10: 2}
    if name == "vgg":
        pools |= {2: 2, 4: 2, 13: 2}
    x, maps = images, {}
    for number in range(1, 14):
        x = w.conv_norm_relu(x, f"trunk.conv{number}")
        if name == "vgg-pan" and number == 10:
            g = global_feature(w, x, "global_branch.conv10", 4)[:, :, None, None]
            c = ((x + g) * w.w["score.conv10.u.weight"]).sum(1) + w.w["score.conv10.u.bias"]
            maps["conv10"] = 1 / (1 + torch.exp(-c))
            x = x * maps["conv10"][:, None]
        if number in pools:
            x = max_pool2d(x, pools[number])
    if name == "vgg":
        assert x.shape[2:] == (1, 1)
        return w.linear(w.norm_relu(w.linear(x.flatten(1), "fc1"), "norm.0"), "classifier"), maps
    if name == "vgg-global":
        return w.linear(w.norm_relu(global_feature(w, x, "global_branch"), "norm.0"), "classifier"), maps
    if name == "vgg-gap":
        logits = w.linear(x.mean((2, 3)), "classifier")
        weight = w.w["classifier.weight"][logits.argmax(1)]
        return logits, {"conv13": (x * weight[:, :, None, None]).sum(1)}
    g = global_feature(w, x, "global_branch.conv13")[:, :, None, None]
    e = torch.exp(((x + g) * w.w["score.conv13.u.weight"]).sum(1))
    maps["conv13"] = e / e.sum((1, 2), keepdim=True)
    attended = (x * maps["conv13"][:, None]).sum((2, 3))
    return w.linear(w.norm_relu(attended, "norm.0"), "classifier"), maps


@pytest.mark.parametrize("name", FAMILY)
@pytest.mark.parametrize("size", [32, 80])
def test_equals_the_network_written_out(name, size, lively, pictures, written_out):
    net = lively(model.build(name, num_classes=7, width=0.125, input_size=size)).double()
    images = pictures(size, dtype=torch.float64)
    with torch.no_grad():
        logits, maps = net(images)
        expected, expected_maps = logits_by_hand(written_out(net), name, images, size)
    assert logits.shape == (2, 7)
    assert torch.allclose(logits, expected, rtol=0, atol=1e-10)
    assert maps.keys() == expected_maps.keys()
    assert all(torch.allclose(maps[k], expected_maps[k], rtol=0, atol=1e-10) for k in maps)


@pytest.mark.parametrize(
    ("name", "parameters"), [("vgg", 14_991_946), ("vgg-gap", 14_728_266), ("vgg-pan", 24_698_956)]
)
def test_parameter_counts_are_the_papers(name, parameters):
    """14,991,946; 14.728 and 24.699 million at ten classes."""
    with torch.device("meta"):
        assert sum(p.numel() for p in model.build(name).parameters()) == parameters


def test_dropout_rates_of_the_baseline_are_the_papers():
    with torch.device("meta"):
        net = model.build("vgg")
    rates = {name: m.p for name, m in net.named_modules() if isinstance(m, torch.nn.Dropout) and m.p}
    assert rates == {
        **{f"trunk.conv{i}.3": 0.4 for i in (3, 5, 6, 8, 9, 11, 12)},
        "trunk.conv1.3": 0.3,
        "dropout": 0.5,
        "norm.2": 0.5,
    }


def test_the_mean_of_cam_and_the_bias_make_the_logit(lively, pictures):
    net = lively(model.build("vgg-gap", width=0.125))
    with torch.no_grad():
        logits, maps = net(pictures())
        conv13 = net.trunk(pictures())["conv13"]
        second = net.cam(conv13, torch.tensor([4, 7]))
    winner, bias = logits.argmax(1), net.classifier.bias
    assert torch.allclose(maps["conv13"].mean((1, 2)) + bias[winner], logits.amax(1), atol=1e-5)
    assert torch.allclose(second.mean((1, 2)) + bias[[4, 7]], logits[[0, 1], [4, 7]], atol=1e-5)


def test_a_sigmoid_gate_sees_the_global_feature_under_pc(lively, pictures):
    """Finding 1 holds for the softmax only: the gate of VGG-PAN moves with g, and its branch is trained."""
    net = lively(model.build("vgg-pan", width=0.125))
    logits, maps = net(pictures())
    assert maps["conv10"].min() >= 0 and maps["conv10"].max() <= 1
    assert torch.allclose(maps["conv13"].sum((1, 2)), torch.ones(2), atol=1e-5)
    logits.square().sum().backward()
    assert net.global_branch["conv10"].fc1.weight.grad.abs().max() > 0
    assert all(p.grad is None for p in net.global_branch["conv13"].parameters())
    with torch.no_grad():
        net.global_branch["conv10"].fc1.bias += 1
        assert (net(pictures())[1]["conv10"] - maps["conv10"]).abs().max() > 1e-3
