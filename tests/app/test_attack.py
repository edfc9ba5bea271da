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
    made = attack(networks, picture, FAMILY, compatibility, method, 4)
    clean, attacked = (made.comparison.explanations[name] for name in (CLEAN, ATTACKED))
    net = networks.network(FAMILY, compatibility)
    pixels = to_pixels(clean.seen)[None]
    named = torch.tensor([net.info.class_names.index(clean.answer)])
    expected = {"fgsm": fgsm, "pgd": pgd}[method](net, pixels, named, 4)[0] * 255
    assert np.abs(np.asarray(attacked.seen) - expected.permute(1, 2, 0).numpy()).max() <= 0.5 + 1e-4
    assert 1 <= np.abs(made.moves).max() <= 4
    assert attacked.probabilities[clean.answer] < clean.probabilities[clean.answer]
    assert made.is_fooled == (clean.answer != attacked.answer)


@pytest.mark.parametrize("method", METHODS)
def test_epsilon_zero_changes_nothing(networks, picture, method):
    made = attack(networks, picture, FAMILY, "dp", method, 0)
    clean, attacked = (made.comparison.explanations[name] for name in (CLEAN, ATTACKED))
    assert not made.moves.any() and not made.is_fooled
    assert clean.probabilities == attacked.probabilities
    assert "still" in outcome(made) and "0 of 255" in pictures(made)


def test_a_shipped_network_is_fooled_and_the_sentence_says_so():
    networks = Networks.load(BUNDLED)
    scene = Image.open(FOLDER / "airplane.png")
    made = attack(networks, scene, next(iter(networks.families)), "dp", "pgd", STRONGEST)
    clean, attacked = (made.comparison.explanations[name] for name in (CLEAN, ATTACKED))
    assert clean.answer == "airplane" and made.is_fooled
    assert "from airplane (" in outcome(made) and f"to {attacked.answer} (" in outcome(made)
    assert pictures(made).count("<img") == 3
    assert attacked.square == clean.square  # both maps lie over the same picture


def test_api(client, networks, picture, picture_file):  # noqa: F811
    from gradio_client import handle_file

    asked = {"image": handle_file(picture_file), "checkpoint": FAMILY, "compatibility": "dp", "api_name": "/attack"}
    said, file = client.predict(method="fgsm", epsilon=3, **asked)
    made = attack(networks, picture, FAMILY, "dp", "fgsm", 3)
    for name, explanation in made.comparison.explanations.items():
        assert_same(said[name], explanation.to_json())
    assert {k: said[k] for k in ("method", "epsilon", "fooled")} == {
        "method": "fgsm",
        "epsilon": 3,
        "fooled": made.is_fooled,
    }
    assert said["largest_move"] == np.abs(made.moves).max()
    assert np.array_equal(np.asarray(Image.open(file)), np.asarray(made.comparison.explanations[ATTACKED].seen))


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

    asked = {"image": handle_file(picture_file), "checkpoint": FAMILY, "compatibility": "dp", "method": "pgd"}
    with pytest.raises(AppError, match=sentence):
        client.predict(**(asked | {"epsilon": 2} | wrong), api_name="/attack")
