"""A network of a hundred classes, whose names are written as CIFAR-100 writes them, on every tab."""

import re

import pytest

from app.ask import ask, look, read
from app.attack import attack
from app.drawing import grids, panels, scenes, words
from app.examples import list_examples
from app.networks import Networks
from app.others import explain_otherwise
from app.site import Site
from app.tabs import attack as attack_tab
from app.tabs import others
from app.tabs.ask import first_wish
from tests.app.serving import HUNDRED, make_hundred_classes

FAMILY = "vgg-att3-cifar100-s"


@pytest.fixture(scope="module")
def hundred(tmp_path_factory) -> Networks:
    return Networks.load(make_hundred_classes(tmp_path_factory.mktemp("hundred")))


def visible(html: str) -> str:
    """The text of a piece of the page, and what is read aloud of its pictures."""
    return " ".join([re.sub(r"<[^>]*>", " ", html), *re.findall(r'(?:alt|aria-label|title)="([^"]*)"', html)])


def test_explain_shows_the_best_five_and_names_some(hundred, picture):
    page = panels.answer(hundred.explain(picture, FAMILY, "dp"))
    assert page.count('<th scope="row">small kind ') == 5
    assert "the 100 classes of CIFAR-100, such as small kind 00, small kind 33 and small kind 66." in page
    assert "_" not in visible(page)


@pytest.mark.parametrize("compatibility", ["dp", "pc"])
def test_ask_draws_the_most_probable_and_offers_every_class_by_name(hundred, picture, compatibility):
    result = look(hundred, read(hundred, [picture], FAMILY, compatibility), FAMILY, compatibility)
    assert len(result.every) == 100
    strip = scenes.every_class(result)
    drawn, listed = strip.split("<details>")
    best = sorted(result.every, key=lambda each: -each.probability)[: scenes.FIRST]
    assert re.findall(r'data-ask="class:(\w+)"', drawn) == [each.name for each in best]
    assert re.findall(r'data-ask="class:(\w+)"', listed) == list(HUNDRED) and "<img" not in listed
    assert f"the {scenes.FIRST} most probable of 100 classes" in drawn and "_" not in visible(strip)
    answer = ask(hundred, result.scene, "small_kind_77", FAMILY, compatibility)
    assert "_" not in visible(scenes.answer(answer, ["disc"], "", ""))


def test_ten_classes_are_all_drawn(networks, picture):
    asked = "vgg-att3-cifar10-s", "dp"
    strip = scenes.every_class(look(networks, read(networks, [picture], *asked), *asked))
    assert strip.count("<img") == 10 and "<details>" not in strip and "most probable" not in strip


def test_ask_begins_with_a_picture_if_its_name_is_no_class(hundred):
    site = Site(hundred)
    assert first_wish(site, list_examples(site.examples))["question"] == "picture:frog"


def test_other_tabs_write_the_names_as_people_do(hundred, picture):
    pair = hundred.compare(picture, FAMILY)
    assert "_" not in visible(grids.grid(pair, {"dp": "Dot product", "pc": "Parametrised"}, ("dp", "pc"), False))
    assert "small kind" in (sentence := attack_tab.outcome(attack(hundred, picture, FAMILY, "dp", "fgsm", 16)))
    assert "_" not in sentence
    page = visible(others.draw(explain_otherwise(hundred, picture, FAMILY, "dp")))
    assert "small kind" in page and "_" not in page and "none is served here" in page


def test_a_class_that_is_none_of_a_hundred_is_refused_with_some_of_them():
    assert words.classes(HUNDRED) == "the 100 classes, such as small_kind_00, small_kind_33 and small_kind_66"
    assert words.classes(HUNDRED[:3]) == "the classes: small_kind_00, small_kind_01 and small_kind_02"
    assert words.classes(HUNDRED[:1], " of X") == "the classes of X: small_kind_00"
