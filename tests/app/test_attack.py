"""Attacked pictures: within epsilon, against the model's own attacks, and through the API."""

import numpy as np
import pytest
import torch
from PIL import Image

from app.__main__ import BUNDLED
from app.attack import ATTACKED, CLEAN, METHODS, STRONGEST, attack
from app.examples import FOLDER
from app.networks import Networks
from app.tabs.attack import outcome, pictures
from model.attacks import fgsm, pgd
from model.presets import to_pixels
from tests.app.serving import FAMILY
from tests.app.test_api import (
    assert_same,
    client,  # noqa: F401 - a fixture
)


@pytest.mark.parametrize("compatibility", ["dp", "pc"])
@pytest.mark.parametrize("method", METHODS)
def test_the_attacked_picture_is_the_models_attack_in_whole_steps(networks, picture, method, compatibility):
    result = attack(networks, picture, FAMILY, compatibility, method, 4)
    clean, attacked = (result.comparison.explanations[name] for name in (CLEAN, ATTACKED))
    net = networks.network(FAMILY, compatibility)
    pixels = to_pixels(clean.seen)[None]
    classes = torch.tensor([net.info.class_names.index(clean.answer)])
    expected = {"fgsm": fgsm, "pgd": pgd}[method](net, pixels, classes, 4)[0] * 255
    assert np.abs(np.asarray(attacked.seen) - expected.permute(1, 2, 0).numpy()).max() <= 0.5 + 1e-4
    assert 1 <= np.abs(result.moves).max() <= 4
    assert attacked.probabilities[clean.answer] < clean.probabilities[clean.answer]
    assert result.is_fooled == (clean.answer != attacked.answer)


@pytest.mark.parametrize("method", METHODS)
def test_epsilon_zero_changes_nothing(networks, picture, method):
    result = attack(networks, picture, FAMILY, "dp", method, 0)
    clean, attacked = (result.comparison.explanations[name] for name in (CLEAN, ATTACKED))
    assert not result.moves.any() and not result.is_fooled
    assert clean.probabilities == attacked.probabilities
    assert "still" in outcome(result) and "0 of 255" in pictures(result)


def test_a_shipped_network_is_fooled_and_the_sentence_says_so():
    networks = Networks.load(BUNDLED)
    scene = Image.open(FOLDER / "airplane.png")
    result = attack(networks, scene, next(iter(networks.families)), "dp", "pgd", STRONGEST)
    clean, attacked = (result.comparison.explanations[name] for name in (CLEAN, ATTACKED))
    assert clean.answer == "airplane" and result.is_fooled
    assert "from airplane (" in outcome(result) and f"to {attacked.answer} (" in outcome(result)
    assert pictures(result).count("<img") == 3
    assert attacked.square == clean.square  # both maps lie over the same picture


def test_api(client, networks, picture, picture_file):  # noqa: F811
    from gradio_client import handle_file

    arguments = {"image": handle_file(picture_file), "checkpoint": FAMILY, "compatibility": "dp", "api_name": "/attack"}
    numbers, file = client.predict(method="fgsm", epsilon=3, **arguments)
    result = attack(networks, picture, FAMILY, "dp", "fgsm", 3)
    for name, explanation in result.comparison.explanations.items():
        assert_same(numbers[name], explanation.to_json())
    assert {k: numbers[k] for k in ("method", "epsilon", "fooled")} == {
        "method": "fgsm",
        "epsilon": 3,
        "fooled": result.is_fooled,
    }
    assert numbers["largest_move"] == np.abs(result.moves).max()
    assert np.array_equal(np.asarray(Image.open(file)), np.asarray(result.comparison.explanations[ATTACKED].seen))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"method": "cw"}, "The method must be fgsm or pgd."),
        ({"epsilon": 2.5}, "Epsilon must be a whole number from 0 to 16."),
        ({"epsilon": 17}, "Epsilon must be a whole number"),
        ({"epsilon": None}, "Epsilon must be a whole number"),
        ({"image": None}, "No picture came with the request."),
        ({"compatibility": "cosine"}, "no weights for that checkpoint"),
    ],
)
def test_api_refuses_in_a_sentence(client, picture_file, wrong, sentence):  # noqa: F811
    from gradio_client import handle_file
    from gradio_client.exceptions import AppError

    arguments = {"image": handle_file(picture_file), "checkpoint": FAMILY, "compatibility": "dp", "method": "pgd"}
    with pytest.raises(AppError, match=sentence):
        client.predict(**(arguments | {"epsilon": 2} | wrong), api_name="/attack")
