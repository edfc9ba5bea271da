"""One picture's global feature asked of another: against the network itself, and that pc cannot move."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from app.drawing import grids, words
from app.networks import Networks
from app.query import OWN, PAIR, QUERIED, ask, note, to_json
from app.tabs.query import TITLES
from model.compare import Comparison
from model.explain import Level
from model.presets import network_input, square_pixels
from tests.app.serving import FAMILY, make_checkpoints
from tests.app.test_api import (
    assert_same,
    client,  # noqa: F401 - a fixture
)


@pytest.fixture(scope="session")
def other() -> Image.Image:
    y, x = np.mgrid[:90, :90]
    return Image.fromarray(np.stack([255 * (x // 10 % 2), 255 * (y // 10 % 2), 2 * y], -1).astype(np.uint8))


@pytest.fixture(scope="session")
def other_file(other, tmp_path_factory):
    path = tmp_path_factory.mktemp("other") / "other.png"
    other.save(path)
    return path


@pytest.mark.parametrize("compatibility", ["dp", "additive"])
def test_queried_maps_are_the_networks_under_the_others_global_feature(tmp_path, picture, other, compatibility):
    networks = Networks.load(make_checkpoints(tmp_path, (compatibility,)))
    net = networks.network(FAMILY, compatibility)
    found = ask(networks, picture, other, FAMILY, compatibility)
    with torch.inference_mode():
        local_features, _ = net.features(network_input(net, square_pixels(picture, 32)[None]))
        _, g = net.features(network_input(net, square_pixels(other, 32)[None]))
        expected = net.attention_maps(local_features, g)
    for level, maps in expected.items():
        assert np.allclose(found.explanations[QUERIED].maps[level], maps[0].numpy(), atol=1e-6)
        assert np.abs(found.difference(PAIR, level)).max() > 0.01  # moved
    own = networks.explain(picture, FAMILY, compatibility)
    assert found.explanations[OWN].probabilities == pytest.approx(own.probabilities)
    moved = {level: np.abs(found.difference(PAIR, level)).max() for level in found.levels}
    level = max(moved, key=moved.get)
    assert f"the map of {level} most: by up to {moved[level]:.2f} × uniform" in note(found)
    assert f"is {words.signed(found.correlation(PAIR, level))}." in note(found)


def test_what_moved_is_told_where_it_is():
    """A loss counts as a gain does, and the place is the number's own."""
    even, peaked = np.full((9, 9), 1 / 81), np.full((9, 9), 1.0)
    peaked[:3, :3], peaked[8, 8] = 1.5, 4
    maps = {"conv10": (even, even), "conv13": (even, peaked / peaked.sum())}
    own, queried = ({k: Level(m[i], 0.0) for k, m in maps.items()} for i in (1, 0))
    made = [SimpleNamespace(levels=levels, compatibility="dp") for levels in (own, queried)]
    told = note(Comparison(dict(zip((OWN, QUERIED), made, strict=True))))
    assert re.search(r"the map of conv13 most: by up to 2\.\d\d × uniform, at the lower right\. ", told)
    assert "not defined: a map is even" in told


def test_asking_oneself_moves_nothing(networks, picture):
    found = ask(networks, picture, picture, FAMILY, "dp")
    assert all(r == pytest.approx(1, abs=1e-6) for r in found.correlations(PAIR).values())
    assert note(found).endswith("moved no map.")
    shown = grids.grid(found, TITLES, PAIR, False)
    assert shown.count("<span>no difference, correlation ") == len(found.levels) and "0.00 × apart" not in shown


def test_under_pc_nothing_moves_and_a_sentence_says_why(networks, picture, other):
    found = ask(networks, picture, other, FAMILY, "pc")
    for level in found.levels:
        assert np.array_equal(*(found.explanations[name].maps[level] for name in PAIR))
    assert found.explanations[OWN].probabilities == found.explanations[QUERIED].probabilities
    assert "softmax cancels it" in note(found) and to_json(found)["note"] == note(found)
    shown = grids.grid(found, TITLES, PAIR, False, note(found))
    assert "none between queried and own" in shown and "softmax cancels it" in shown


@pytest.mark.parametrize("compatibility", ["dp", "pc"])
def test_api(client, networks, picture, other, picture_file, other_file, compatibility):  # noqa: F811
    from gradio_client import handle_file

    answer = client.predict(
        image=handle_file(picture_file),
        query=handle_file(other_file),
        checkpoint=FAMILY,
        compatibility=compatibility,
        api_name="/query",
    )
    found = ask(networks, picture, other, FAMILY, compatibility)
    for name, explanation in found.explanations.items():
        assert_same(answer[name], explanation.to_json())
    assert answer["correlation"] == pytest.approx(found.correlations(PAIR), abs=1e-4)
    assert ("softmax cancels it" in answer["note"]) == (compatibility == "pc") and answer["note"] == note(found)


def test_api_needs_two_pictures_and_known_weights(client, picture_file):  # noqa: F811
    from gradio_client import handle_file
    from gradio_client.exceptions import AppError

    given = {"image": handle_file(picture_file), "checkpoint": FAMILY, "api_name": "/query"}
    with pytest.raises(AppError, match="Two pictures are needed"):
        client.predict(query=None, compatibility="dp", **given)
    with pytest.raises(AppError, match="no weights for that checkpoint"):
        client.predict(query=handle_file(picture_file), compatibility="additive", **given)
