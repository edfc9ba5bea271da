"""ResNet-164 and its attention against the same networks written out, and what follows from their construction."""

import pytest
import torch
from torch.nn.functional import max_pool2d

import model
from model.networks.attention import COMPATIBILITIES


def stages_by_hand(w, images):
    """The outputs of the three stages: 18 pre-activation bottlenecks each."""
    x, outputs = w.conv(images, "trunk.conv1"), []
    for stage in (1, 2, 3):
        for i in range(18):
            name, stride = f"trunk.stage{stage}.{i}", 2 if stage > 1 and i == 0 else 1
            h = w.norm_relu(x, f"{name}.norm.0", 1e-5)
            r = w.norm_relu(w.conv(h, f"{name}.residual.0", stride), f"{name}.residual.1.0", 1e-5)
            r = w.norm_relu(w.conv(r, f"{name}.residual.2"), f"{name}.residual.3.0", 1e-5)
            x = w.conv(r, f"{name}.residual.4") + (w.conv(h, f"{name}.shortcut", stride) if i == 0 else x)
        outputs.append(x)
    return outputs


@pytest.fixture(scope="module")
def narrow():
    torch.manual_seed(0)
    return {c: model.build(f"resnet164-att2-concat-{c}", num_classes=7, width=0.125) for c in COMPATIBILITIES}


def test_resnet164_equals_the_network_written_out(lively, pictures, written_out):
    net = lively(model.build("resnet164", num_classes=7, width=0.25)).double()
    with torch.no_grad():
        logits, maps = net(pictures(dtype=torch.float64))
        w = written_out(net)
        stages = stages_by_hand(w, pictures(dtype=torch.float64))
        expected = w.linear(w.norm_relu(stages[2], "norm.0", 1e-5).mean((2, 3)), "classifier")
    assert maps == {}
    assert [s.shape[1:] for s in stages] == [(16, 32, 32), (32, 16, 16), (64, 8, 8)]
    assert torch.allclose(logits, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("compatibility", COMPATIBILITIES)
def test_attention_equals_the_network_written_out(compatibility, narrow, lively, pictures, written_out):
    net = lively(narrow[compatibility]).double()
    with torch.no_grad():
        logits, maps = net(pictures(dtype=torch.float64))
        w = written_out(net)
        _, stage2, stage3 = stages_by_hand(w, pictures(dtype=torch.float64))
        x = max_pool2d(w.norm_relu(stage3, "global_branch.norm.0", 1e-5), 2)
        x = max_pool2d(w.conv_norm_relu(x, "global_branch.conv"), 4)
        g3 = w.linear(x.flatten(1), "global_branch.fc1")
        g2 = w.linear(w.norm_relu(g3, "project.stage2.0"), "project.stage2.3")
        joined = []
        for level, l, g in (("stage2", stage2, g2), ("stage3", stage3, g3)):
            u = g[:, :, None, None]
            if compatibility == "dp":
                c = (l * u).sum(1) / l.shape[1] ** 0.5
            elif compatibility == "pc":
                c = ((l + u) * w.w[f"score.{level}.u.weight"]).sum(1)
            elif compatibility == "additive":
                v = w.w[f"score.{level}.v.weight"] @ g.T
                h = torch.tanh(w.conv(l, f"score.{level}.w") + v.T[:, :, None, None])
                c = (h * w.w[f"score.{level}.u.weight"]).sum(1)
            else:
                c = l[:, 0] * 0
            e = torch.exp(c - c.amax((1, 2), keepdim=True))
            a = e / e.sum((1, 2), keepdim=True)
            assert torch.allclose(maps[level], a, rtol=0, atol=1e-10)
            joined.append(w.norm_relu((l * a[:, None]).sum((2, 3)), f"norm.{level}.0"))
        expected = w.linear(torch.cat(joined, 1), "classifier")
    assert torch.allclose(logits, expected, rtol=1e-10, atol=1e-10)


def test_164_layers_and_the_published_size():
    """He et al. report 1.7 M parameters; 164 counts convolutions and the classifier, without projections."""
    with torch.device("meta"):
        net, attention = model.build("resnet164"), model.build("resnet164-att2-concat-pc")
    weighted = [name for name, m in net.named_modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    assert sum("shortcut" not in name for name in weighted) == 164
    assert round(sum(p.numel() for p in net.parameters()) / 1e6, 1) == 1.7
    assert attention.classifier.in_features == 384
    rates = {name: m.p for name, m in attention.named_modules() if isinstance(m, torch.nn.Dropout) and m.p}
    assert rates == {
        "global_branch.conv.3": 0.4,
        "global_branch.dropout": 0.5,
        "project.stage2.2": 0.5,
        "norm.stage2.2": 0.3,
        "norm.stage3.2": 0.3,
    }


@pytest.mark.parametrize("compatibility", COMPATIBILITIES)
def test_a_logit_is_the_bias_and_one_term_for_each_stage(compatibility, narrow, lively, pictures):
    net = lively(narrow[compatibility]).double()
    with torch.no_grad():
        logits, attention, terms, bias = net.explain_logits(pictures(dtype=torch.float64))
    assert list(attention) == list(terms) == ["stage2", "stage3"]
    assert torch.allclose(logits, bias + terms["stage2"] + terms["stage3"], rtol=1e-10, atol=1e-10)
    assert all(torch.allclose(a.sum((1, 2)), torch.ones(2).double()) for a in attention.values())


def test_levels_are_the_stages():
    with pytest.raises(ValueError, match="levels must be some of stage2, stage3, in that order, not conv13"):
        model.ResNet164Attention(levels=("conv13",), width=0.125)
