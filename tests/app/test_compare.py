"""Maps side by side on the page: the answers against Explain's, the grid against its numbers."""

import re

import numpy as np
import pytest

from app.drawing import grids
from app.networks import SWITCH, Networks
from model import CheckpointError
from tests.app.serving import FAMILY, make_checkpoints
from tests.app.test_api import (
    assert_same,
    client,  # noqa: F401 - a fixture
)


@pytest.fixture(scope="module")
def comparison(networks, picture):
    return networks.compare(picture, FAMILY)


def test_each_answer_is_that_of_explain(networks, picture, comparison):
    assert list(comparison.explanations) == ["dp", "pc"] and comparison.pairs == [("dp", "pc")]
    for name, explanation in comparison.explanations.items():
        alone = networks.explain(picture, FAMILY, name)
        assert explanation.probabilities == pytest.approx(alone.probabilities)
        for level in comparison.levels:
            assert np.allclose(explanation.maps[level], alone.maps[level], atol=1e-7)


def test_three_compatibilities_make_three_pairs(tmp_path, picture):
    three = Networks.load(make_checkpoints(tmp_path, ("dp", "pc", "additive")))
    comparison = three.compare(picture, FAMILY)
    assert comparison.pairs == [("dp", "pc"), ("dp", "additive"), ("pc", "additive")]
    html = grids.grid(comparison, SWITCH, ("pc", "additive"), shared=False)
    assert "pc − additive" in html and html.count("<figure") == 3 * 4


def test_one_compatibility_or_none_gets_a_sentence(tmp_path, networks, picture):
    one = Networks.load(make_checkpoints(tmp_path, ("dp",)))
    with pytest.raises(CheckpointError, match="one compatibility only"):
        one.compare(picture, FAMILY)
    with pytest.raises(CheckpointError, match=f"no such checkpoint; there are: {FAMILY}"):
        networks.compare(picture, "../..")


def test_grid_says_its_numbers_and_words(comparison):
    html = grids.grid(comparison, SWITCH, ("dp", "pc"), shared=False)
    numbers = re.findall(r'class="r">([^<]+)<', html)
    assert [float(r.replace("−", "-")) for r in numbers] == pytest.approx(
        list(comparison.correlations(("dp", "pc")).values()), abs=0.0051
    )
    alts = re.findall(r'<img [^>]*alt="([^"]*)"', html)
    assert len(alts) == 9 and all(alts) and alts[2].startswith("Difference at conv7: dp is higher by up to ")
    limit = np.abs(comparison.difference(("dp", "pc"), "conv13")).max()
    assert f"−{limit:.2f} ×" in html and f"+{limit:.2f} ×" in html
    assert "because" not in html


def test_shared_scale_is_that_of_the_row(comparison):
    html = grids.row(comparison, "conv13", ("dp", "pc"), shared=True)
    highest = max(e.levels["conv13"].peak_x_uniform for e in comparison.explanations.values())
    assert html.count(f"Colours from 0.00 to {highest:.2f} times") == 2


def test_api(client, picture_file, comparison):  # noqa: F811
    from gradio_client import handle_file

    answer = client.predict(image=handle_file(picture_file), checkpoint=FAMILY, api_name="/compare")
    assert answer["checkpoint"] == FAMILY and list(answer["answers"]) == ["dp", "pc"]
    for name, explanation in comparison.explanations.items():
        assert_same(answer["answers"][name], explanation.to_json())
    (pair,) = answer["pairs"]
    assert pair["of"] == ["dp", "pc"]
    assert pair["correlation"] == pytest.approx(comparison.correlations(("dp", "pc")), abs=1e-4)


def test_api_refuses_in_a_sentence(client, tmp_path):  # noqa: F811
    from gradio_client import handle_file
    from gradio_client.exceptions import AppError

    (tmp_path / "a.png").write_bytes(b"hello")
    with pytest.raises(AppError, match="not a picture that can be read"):
        client.predict(image=handle_file(tmp_path / "a.png"), checkpoint=FAMILY, api_name="/compare")
