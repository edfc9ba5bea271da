"""Every attention module against a plain loop written from the paper's formulas, and the algebra that follows."""

import math

import pytest
import torch

from model.networks.attention import COMPATIBILITIES, attend, compatibility_of, spatial_softmax

B, C, H, W = 2, 5, 3, 4


def features(seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(shape, generator=generator, dtype=dtype) for shape in ((B, C, H, W), (B, C)))


def module_of(kind, scale_scores=True, channels=C):
    torch.manual_seed(1)
    module = compatibility_of(kind, channels, scale_scores)
    for p in module.parameters():
        torch.nn.init.normal_(p)  # biases too
    return module


def dot(a, b):
    return sum(float(x) * float(y) for x, y in zip(a, b, strict=True))


def score_by_loop(kind, module, l, g, scale_scores):
    """c at one position, from its local feature ``l`` and the global feature ``g``, both lists of C numbers."""
    if kind == "dp":
        factor = {True: 1 / math.sqrt(C), False: 1.0}.get(scale_scores)
        return dot(l, g) * (math.exp(float(module.log_scale)) if factor is None else factor)
    if kind == "pc":
        return dot(module.u.weight.flatten(), [a + b for a, b in zip(l, g, strict=True)]) + float(module.u.bias)
    if kind == "additive":
        h = [
            math.tanh(dot(module.w.weight[k].flatten(), l) + float(module.w.bias[k]) + dot(module.v.weight[k], g))
            for k in range(len(module.u.weight.flatten()))
        ]
        return dot(module.u.weight.flatten(), h)
    return 0.0


@pytest.mark.parametrize("kind", COMPATIBILITIES)
@pytest.mark.parametrize("scale_scores", [True, False, "learnt"])
def test_scores_maps_and_sums_equal_the_loop(kind, scale_scores):
    local, g = features()
    module = module_of(kind, scale_scores).double()
    with torch.no_grad():
        c = module(local, g)
        a = spatial_softmax(c)
        attended = attend(local, a)
    for p in module.parameters():
        p.requires_grad_(False)
    for b in range(B):
        scores = {
            (i, j): score_by_loop(kind, module, local[b, :, i, j].tolist(), g[b].tolist(), scale_scores)
            for i in range(H)
            for j in range(W)
        }
        total = sum(math.exp(s) for s in scores.values())
        expected = [0.0] * C
        for (i, j), score in scores.items():
            weight = math.exp(score) / total
            assert abs(float(c[b, i, j]) - score) < 1e-10
            assert abs(float(a[b, i, j]) - weight) < 1e-10
            expected = [e + weight * float(l) for e, l in zip(expected, local[b, :, i, j], strict=True)]
        assert max(abs(float(x) - e) for x, e in zip(attended[b], expected, strict=True)) < 1e-10


@pytest.mark.parametrize("kind", COMPATIBILITIES)
def test_only_dp_and_additive_see_the_global_feature(kind):
    local, g = features()
    _, other = features(seed=7)
    module = module_of(kind).double()
    moved = (spatial_softmax(module(local, g)) - spatial_softmax(module(local, other))).abs().max()
    if kind in ("dp", "additive"):
        assert moved > 0.01
    else:
        assert moved < 1e-12


@pytest.mark.parametrize("kind", COMPATIBILITIES)
def test_gradients_reach_the_global_feature_under_dp_and_additive_alone(kind):
    local, g = features()
    g.requires_grad_()
    local.requires_grad_()
    attend(local, spatial_softmax(module_of(kind).double()(local, g))).square().sum().backward()
    if kind in ("dp", "additive"):
        assert g.grad.abs().max() > 1e-3
    else:
        assert g.grad is None or g.grad.abs().max() < 1e-12
    assert local.grad.abs().max() > 1e-3


@pytest.mark.parametrize("kind", ["pc", "uniform"])
def test_pc_and_uniform_need_no_global_feature(kind):
    local, g = features()
    module = module_of(kind).double()
    assert torch.allclose(spatial_softmax(module(local, None)), spatial_softmax(module(local, g)), atol=1e-12)


@pytest.mark.parametrize("kind", COMPATIBILITIES)
def test_the_same_feature_everywhere_gives_a_uniform_map(kind):
    local, g = features()
    local = local[:, :, :1, :1].expand(B, C, H, W)
    assert torch.allclose(spatial_softmax(module_of(kind).double()(local, g)), torch.tensor(1 / (H * W)).double())


@pytest.mark.parametrize("kind", COMPATIBILITIES)
@pytest.mark.parametrize(
    ("dtype", "size"),
    [(dtype, size) for dtype in (torch.float16, torch.bfloat16, torch.float32) for size in (0.0, 1.0, 1e3, 6e4)]
    + [(torch.bfloat16, 1e30), (torch.float32, 1e30)],
)
def test_maps_are_finite_and_sum_to_1_on_any_finite_input(kind, dtype, size):
    channels = 64
    generator = torch.Generator().manual_seed(0)
    local = torch.randn((B, channels, 8, 8), generator=generator).clamp(-1, 1).mul(size).to(dtype).requires_grad_()
    g = torch.randn((B, channels), generator=generator).clamp(-1, 1).mul(size).to(dtype)
    module = module_of(kind, scale_scores=False, channels=channels)
    with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
        a = spatial_softmax(module(local, g))
        attended = attend(local, a)
    assert a.dtype == torch.float32
    assert a.isfinite().all() and a.min() >= 0
    assert torch.allclose(a.sum((1, 2)), torch.ones(B), atol=1e-5)
    assert attended.isfinite().all()
    attended.float().mean().backward()
    if size <= 1e3:
        assert local.grad.isfinite().all()


@pytest.mark.parametrize("kind", ["dp", "pc"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_scores_keep_single_precision_under_autocast(kind, dtype):
    local, g = (100 * x.to(dtype) for x in features())  # scores in the thousands: half would round to whole units
    module = module_of(kind)
    with torch.autocast("cpu", dtype=dtype):
        c = module(local, g)
    assert torch.allclose(c.double(), module.double()(local.double(), g.double()), rtol=1e-5, atol=0.01)


def test_an_unknown_compatibility_is_refused():
    with pytest.raises(ValueError, match="must be one of dp, pc, additive, uniform, not 'cosine'"):
        compatibility_of("cosine", 4)


def test_a_learnt_scale_starts_at_the_root_and_gets_a_gradient():
    local, g = features(dtype=torch.float32)
    fixed, learnt = (compatibility_of("dp", C, scale) for scale in (True, "learnt"))
    assert torch.allclose(fixed(local, g), learnt(local, g), rtol=1e-6)
    attend(local, spatial_softmax(learnt(local, g))).square().sum().backward()
    assert learnt.log_scale.grad.abs() > 0
