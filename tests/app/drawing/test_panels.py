"""What Explain shows is what was computed: the answer's and the cards' numbers, read as text."""

import re

import numpy as np
import pytest
from PIL import Image

from app.drawing import panels, words
from model import render
from model.explanation import Level
from model.render import View
from tests.app.serving import FAMILY


def read(html: str) -> str:
    return " ".join(re.sub("<[^>]*>", " ", html).split())


def test_the_answer_states_the_explanations_numbers(networks, picture):
    result = networks.explain(picture, FAMILY, "dp")
    text = read(panels.answer(result))
    five = sorted(result.probabilities.items(), key=lambda item: -item[1])[:5]
    assert " ".join(f"{name} {panels.per_cent(p)}" for name, p in five) in text
    assert "Its test error is 10.0 %" in text
    terms = [f"{name} {words.with_sign(level.logit, plus=True)}" for name, level in result.levels.items()]
    total = (
        f"bias {words.with_sign(result.logit_bias, plus=True)} logit "
        f"their sum {words.with_sign(result.logit, plus=True)}"
    )
    assert " ".join([*terms, total]) in text


def test_each_card_states_its_levels_numbers(networks, picture):
    result = networks.explain(picture, FAMILY, "dp")
    scales = render.limits(result.maps, View())
    for name, level in result.levels.items():
        h, w = level.grid
        peak, entropy = level.attention.max() * h * w, level.entropy
        logit = words.with_sign(level.logit, plus=True)
        numbers = f"Grid {h} × {w} Peak {peak:.1f} × uniform Entropy {entropy:.2f} Logit {logit}"
        assert numbers in read(panels.card(level, result.logit, scales[name], View()))
        share = "(50 %)" if level.logit > 0 else "(−50 %)"
        assert f"Logit {logit} {share}" in read(panels.card(level, abs(2 * level.logit), scales[name], View()))


def test_a_card_states_how_much_is_kept_not_how_much_was_asked_for():
    a = np.array([[0.6, 0.2], [0.1, 0.1]])
    for keep, shares in ((5, "60 % of the attention lies in 25 %"), (70, "80 % of the attention lies in 50 %")):
        card = read(panels.card(Level(a, 1.0), 1.0, (0.4, 2.4), View(smooth=False, keep=keep)))
        assert f"{shares} of the picture." in card


def test_the_mark_stands_where_attention_is_even():
    assert 'left:25.0%" title="1 × uniform"' in panels.colour_bar((0.5, 2.5))
    assert "title=" not in panels.colour_bar((1.5, 2.5))


@pytest.mark.parametrize(("brightest", "is_dark"), [(31, True), (32, False)])
def test_the_page_says_that_a_picture_is_very_dark(networks, brightest, is_dark):
    html = panels.answer(networks.explain(Image.new("RGB", (40, 40), (0, brightest, 0)), FAMILY, "dp"))
    assert (f"This picture is very dark: its brightest value is {brightest} of 255." in html) == is_dark
