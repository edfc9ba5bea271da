"""Maps side by side: correlation and difference held against numpy and hand-made maps, the grid against its numbers."""

import re

import numpy as np
import pytest
from PIL import Image

from app.compare import compare, correlation
from app.drawing import grids
from app.explain import COMPATIBILITIES, Networks
from model import CheckpointError, render
from tests.app.serving import FAMILY, make_checkpoints
from tests.app.test_api import (
    assert_same,
    client,  # noqa: F401 - a fixture
)

GREY = Image.new("RGB", (320, 320), (128, 128, 128))


@pytest.fixture(scope="module")
def found(networks, picture):
    return compare(networks, picture, FAMILY)


def test_correlation_is_pearsons():
    rng = np.random.default_rng(0)
    a, b = rng.dirichlet(np.ones(64), 2).reshape(2, 8, 8)
    assert correlation(a, b) == pytest.approx(np.corrcoef(a.ravel(), b.ravel())[0, 1])
    assert correlation(a, 3 * a) == pytest.approx(1)
    assert correlation(a, 2 / 64 - a) == pytest.approx(-1)
    even = np.full((8, 8), 1 / 64, np.float32) * (1 + 1e-7 * rng.standard_normal((8, 8)))
    assert correlation(a, even) is None and correlation(even, even) is None


def test_each_answer_is_that_of_explain(networks, picture, found):
    assert list(found.explanations) == ["dp", "pc"] and found.pairs == [("dp", "pc")]
    for name, explanation in found.explanations.items():
        alone = networks.explain(picture, FAMILY, name)
        assert explanation.probabilities == pytest.approx(alone.probabilities)
        for level in found.levels:
            assert np.allclose(explanation.maps[level], alone.maps[level], atol=1e-7)


def test_difference_is_in_multiples_of_uniform(found):
    for level, (h, w) in {"conv7": (32, 32), "conv10": (16, 16), "conv13": (8, 8)}.items():
        dp, pc = (found.explanations[name].maps[level] for name in ("dp", "pc"))
        values = found.difference(("dp", "pc"), level)
        assert values.shape == (h, w) and np.allclose(values, (dp - pc) * h * w)
        assert np.allclose(found.difference(("pc", "dp"), level), -values)
        assert abs(values.sum()) < 1e-3  # both maps sum to 1


def test_three_compatibilities_make_three_pairs(tmp_path, picture):
    three = Networks.load(make_checkpoints(tmp_path, ("dp", "pc", "additive")))
    found = compare(three, picture, FAMILY)
    assert found.pairs == [("dp", "pc"), ("dp", "additive"), ("pc", "additive")]
    shown = grids.grid(found, COMPATIBILITIES, ("pc", "additive"), shared=False)
    assert "pc − additive" in shown and shown.count("<figure") == 3 * 4


def test_one_compatibility_or_none_is_said_in_a_sentence(tmp_path, networks, picture):
    one = Networks.load(make_checkpoints(tmp_path, ("dp",)))
    with pytest.raises(CheckpointError, match="one compatibility only"):
        compare(one, picture, FAMILY)
    with pytest.raises(CheckpointError, match=f"no such checkpoint; there are: {FAMILY}"):
        compare(networks, picture, "../..")


def test_red_where_the_first_is_higher_blue_where_the_second_is():
    values = np.zeros((8, 8))
    values[1, 1], values[6, 6] = 2.0, -2.0
    drawn = np.asarray(render.difference(GREY, values, 2.0), int)
    red, none, blue = drawn[60, 60], drawn[60, 260], drawn[260, 260]
    assert red[0] > red[2] + 50 and blue[2] > blue[0] + 50 and np.ptp(none) <= 3
    assert np.ptp(np.asarray(render.difference(GREY, np.zeros((8, 8)), 0.0), int)) <= 3


def test_grid_says_its_numbers_and_words(found):
    shown = grids.grid(found, COMPATIBILITIES, ("dp", "pc"), shared=False)
    said = re.findall(r'class="r">([^<]+)<', shown)
    assert [float(r.replace("−", "-")) for r in said] == pytest.approx(
        list(found.correlations(("dp", "pc")).values()), abs=0.0051
    )
    alts = re.findall(r'<img [^>]*alt="([^"]*)"', shown)
    assert len(alts) == 9 and all(alts) and alts[2].startswith("Difference at conv7: dp is higher by up to ")
    limit = np.abs(found.difference(("dp", "pc"), "conv13")).max()
    assert f"−{limit:.2f} ×" in shown and f"+{limit:.2f} ×" in shown
    assert "because" not in shown


def test_shared_scale_is_that_of_the_row(found):
    shown = grids.row(found, "conv13", ("dp", "pc"), shared=True)
    highest = max(e.levels["conv13"].peak_x_uniform for e in found.explanations.values())
    assert shown.count(f"Colours from 0.00 to {highest:.2f} times") == 2


def test_api(client, picture_file, found):  # noqa: F811
    from gradio_client import handle_file

    answer = client.predict(image=handle_file(picture_file), checkpoint=FAMILY, api_name="/compare")
    assert answer["checkpoint"] == FAMILY and list(answer["answers"]) == ["dp", "pc"]
    for name, explanation in found.explanations.items():
        assert_same(answer["answers"][name], explanation.to_json())
    (pair,) = answer["pairs"]
    assert pair["of"] == ["dp", "pc"]
    assert pair["correlation"] == pytest.approx(found.correlations(("dp", "pc")), abs=1e-4)


def test_api_refuses_in_a_sentence(client, tmp_path):  # noqa: F811
    from gradio_client import handle_file
    from gradio_client.exceptions import AppError

    (tmp_path / "a.png").write_bytes(b"hello")
    with pytest.raises(AppError, match="not a picture that can be read"):
        client.predict(image=handle_file(tmp_path / "a.png"), checkpoint=FAMILY, api_name="/compare")
