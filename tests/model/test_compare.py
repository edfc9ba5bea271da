"""Maps side by side: correlation and difference held against numpy and hand-made maps."""

import numpy as np
import pytest
from PIL import Image

import model
from model import LEVELS
from model.compare import Comparison, correlation


def test_correlation_is_pearsons():
    rng = np.random.default_rng(0)
    a, b = rng.dirichlet(np.ones(64), 2).reshape(2, 8, 8)
    assert correlation(a, b) == pytest.approx(np.corrcoef(a.ravel(), b.ravel())[0, 1])
    assert correlation(a, 3 * a) == pytest.approx(1)
    assert correlation(a, 2 / 64 - a) == pytest.approx(-1)
    even = np.full((8, 8), 1 / 64, np.float32) * (1 + 1e-7 * rng.standard_normal((8, 8)))
    assert correlation(a, even) is None and correlation(even, even) is None


def test_difference_is_in_multiples_of_uniform():
    nets = {c: model.build(f"vgg-att3-concat-{c}", width=1 / 16).eval() for c in ("dp", "pc")}
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8))
    comparison = Comparison({c: model.explain(picture, net) for c, net in nets.items()})
    assert comparison.levels == list(LEVELS) and comparison.pairs == [("dp", "pc")]
    for level, (h, w) in {"conv7": (32, 32), "conv10": (16, 16), "conv13": (8, 8)}.items():
        dp, pc = (comparison.explanations[name].maps[level] for name in ("dp", "pc"))
        values = comparison.difference(("dp", "pc"), level)
        assert values.shape == (h, w) and np.allclose(values, (dp - pc) * h * w)
        assert np.allclose(comparison.difference(("pc", "dp"), level), -values)
        assert abs(values.sum()) < 1e-3  # both maps sum to 1
