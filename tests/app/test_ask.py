"""Ask on the page and over the API: against the library, and that pc cannot move."""

import numpy as np
import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError

import model
from app.ask import Look, ask, look, read
from app.drawing import scenes
from app.images import PictureError
from app.networks import Networks
from app.site import Site
from app.tabs import ask as tab
from model.ask import ClassAnswer
from model.checkpoints import BUNDLED
from tests.app.serving import CIFAR10, EXAMPLES, FAMILY, make_checkpoints
from tests.app.test_api import client  # noqa: F401 - a fixture

SCENE = ("deer", "automobile", "frog", "ship")


@pytest.fixture(scope="module")
def site(networks) -> Site:
    return Site(networks)


@pytest.fixture(scope="module")
def shipped() -> Site:
    return Site(Networks.load(BUNDLED))


def of(scene=SCENE, compatibility="dp", grid=None, side=0) -> tuple:
    return scene, FAMILY, compatibility, grid, side, None


@pytest.mark.parametrize("question", [("class", "frog"), ("picture", "cat")])
def test_an_answer_is_the_librarys_and_its_scene_is_read_once(site, question):
    answer = tab.answer_to(site, None, [], of(), ("class", "ship"))
    again = tab.answer_to(site, answer.look, [], of(), question)
    kind, name = question
    net = site.networks.network(FAMILY, "dp")
    asks = name if kind == "class" else EXAMPLES / f"{name}.png"
    expected = model.ask([EXAMPLES / f"{key}.png" for key in SCENE], asks, net)
    assert again.look is answer.look
    assert np.allclose(again.explanations.asked.maps["conv13"], expected.asked.maps["conv13"], atol=1e-6)
    assert again.explanations.own.probabilities == pytest.approx(expected.own.probabilities, abs=1e-5)
    assert again.explanations.asked.checkpoint == FAMILY
    html = tab.draw_answer(again, SCENE, question, tab.list_pictures(site, {}))
    for share in expected.shares["conv13"]:
        assert f"<span>{100 * share:.0f} %</span>" in html
    heading = f"Where is the <b>{name}</b>?" if kind == "class" else f'alt="the picture {name}"'
    assert heading in html and "softmax" not in html


def test_the_class_asked_for_is_where_the_map_goes(site):
    answer = tab.answer_to(site, None, [], of(), ("class", SCENE[0]))
    for i, name in enumerate(SCENE):
        shares = tab.answer_to(site, answer.look, [], of(), ("class", name)).explanations.shares["conv13"]
        assert max(shares) == shares[i]


@pytest.mark.parametrize("question", [("class", "frog"), ("picture", "cat")])
def test_under_pc_no_question_moves_anything_and_a_sentence_says_why(site, question):
    answer = tab.answer_to(site, None, [], of(compatibility="pc"), question)
    assert answer.explanations.asked is answer.explanations.own or np.array_equal(
        answer.explanations.asked.maps["conv13"], answer.explanations.own.maps["conv13"]
    )
    assert all(np.array_equal(each.attention, answer.explanations.own.maps["conv13"]) for each in answer.look.every)
    assert "absent" not in scenes.every_class(answer.look)
    html = tab.draw_answer(answer, SCENE, question, [])
    assert "softmax cancels it. So every question gets the same maps and the same answer." in html


def test_four_pictures_may_stand_in_a_row(site):
    result = tab.answer_to(site, None, [], of(grid=tab.ROW), ("class", "ship")).explanations
    assert result.grid == (1, 4) and result.asked.seen.size == (128, 32)
    assert max(result.shares["conv13"]) == result.shares["conv13"][3]
    assert "on the last picture (ship)" in tab.draw_answer(
        tab.answer_to(site, None, [], of(grid=tab.ROW), ("class", "ship")), SCENE, ("class", "ship"), []
    )


def test_a_single_picture_has_no_cells(site):
    answer = tab.answer_to(site, None, [], of(("frog",)), ("class", "frog"))
    html = tab.draw_answer(answer, ("frog",), ("class", "frog"), [])
    assert "cells" not in html and '<p class="verdict">conv13 ' in html


def test_classes_stand_by_probability_live_ones_by_name_and_of_a_hundred_most_are_folded(site):
    look = tab.answer_to(site, None, [], of(), ("class", "frog")).look
    html = scenes.every_class(look)
    places = [html.index(f'data-ask="class:{each.name}"') for each in sorted(look.every, key=lambda e: -e.probability)]
    assert places == sorted(places) and len(places) == 10 and "<details>" not in html
    assert html.count('class="absent"') == sum(each.probability < 0.5 for each in look.every)
    live = scenes.every_class(look, live=True)
    places = [live.index(f'data-ask="class:{name}"') for name in sorted(each.name for each in look.every)]
    assert places == sorted(places)
    attention = look.every[0].attention
    many = tuple(ClassAnswer(f"class <{i}>", i / 200, attention) for i in range(100))
    html = scenes.every_class(Look(look.scene, many))
    shown, folded = html.split("<details>")
    assert shown.count("<button") == scenes.FIRST and folded.count("<button") == 100
    assert "class &lt;99&gt;" in shown and "class &lt;99&gt;" in folded and "<99>" not in html


def test_a_network_without_class_questions_is_asked_by_picture_and_the_page_says_so(tmp_path):
    networks = Networks.load(make_checkpoints(tmp_path, ("additive",)))
    site = Site(networks)
    net = networks.network(FAMILY, "additive")
    assert tab.fit_question(("class", "frog"), SCENE, net) == ("picture", "frog")
    assert tab.fit_question(("class", "dog"), SCENE, net) == ("picture", "deer")
    assert tab.first_wish(site, tab.list_pictures(site, {})) == {"scene": [*SCENE], "question": "picture:frog"}
    answer = tab.answer_to(site, None, [], of(compatibility="additive"), ("picture", "frog"))
    assert answer.look.every == () and scenes.NO_NAMES in scenes.every_class(answer.look)
    with pytest.raises(PictureError, match=r"^Vgg-att3-.* cannot be asked for a class by name.*\.$"):
        ask(networks, answer.look.scene, "frog", FAMILY, "additive")


def test_the_tab_begins_with_a_checkpoint_that_takes_names(tmp_path):
    make_checkpoints(tmp_path, ("additive", "dp", "pc"))
    site = Site(Networks.load(tmp_path))
    assert site.first_asking == (FAMILY, "dp")
    assert tab.first_wish(site, tab.list_pictures(site, {}))["question"] == "class:frog"


@pytest.mark.parametrize(
    "sent",
    [None, "frog", ["frog"], {}, {"scene": "frog"}, {"scene": [["frog"], 1, "../etc/passwd"]}, {"question": ["x"]}],
)
def test_values_that_no_click_sends_are_ignored(site, sent):
    scene, (kind, name) = tab.wish(sent, site, {})
    assert scene == () and (kind, name) == ("picture", "")


def test_a_wish_keeps_what_is_there(site):
    scene, question = tab.wish({"scene": [*CIFAR10], "question": "picture:frog"}, site, {})
    assert scene == CIFAR10[:4] and question == ("picture", "frog")
    assert tab.wish({"scene": ["frog", tab.SCENE], "question": "class:a:b"}, site, {})[1] == ("class", "a:b")


@pytest.mark.parametrize("compatibility", ["dp", "pc"])
@pytest.mark.parametrize("by_name", [True, False])
def test_api(client, networks, picture, picture_file, compatibility, by_name):  # noqa: F811
    question = {"about": "ship"} if by_name else {"question": handle_file(EXAMPLES / "ship.png")}
    inputs = {"image": handle_file(picture_file), "checkpoint": f"vgg-att3-{compatibility}-cifar10-s"}
    answer = client.predict(**inputs, **question, side=48, api_name="/ask")
    net = networks.network(FAMILY, compatibility)
    expected = model.ask(picture, "ship" if by_name else EXAMPLES / "ship.png", net, side=48)
    for which in ("asked", "own"):
        numbers = expected.to_json()[which]
        assert answer[which]["class"] == numbers["class"]
        assert answer[which]["probabilities"] == pytest.approx(numbers["probabilities"], abs=1e-4)
        assert np.allclose(answer[which]["levels"]["conv13"]["map"], numbers["levels"]["conv13"]["map"], atol=1e-5)
    assert answer["correlation"] == pytest.approx(expected.to_json()["correlation"], abs=1e-4)
    assert answer["note"] == expected.note and answer["by_name"] == by_name
    assert (answer["asked"]["levels"] == answer["own"]["levels"]) == (compatibility == "pc")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "Send one question: either"),
        ({"about": "frog", "question": True}, "Send one question: either"),
        ({"about": "unicorn"}, "unicorn is not one of the classes: airplane, "),
        ({"about": "frog", "compatibility": "additive"}, "There are no weights for that"),
        ({"about": "frog", "side": 5000}, "Side must be 0 or a whole number"),
    ],
)
def test_api_refuses_in_a_sentence(client, picture_file, arguments, sentence):  # noqa: F811
    if "question" in arguments:
        arguments = {**arguments, "question": handle_file(picture_file)}
    with pytest.raises(AppError, match=sentence):
        client.predict(
            image=handle_file(picture_file), **{"checkpoint": FAMILY, "side": 0, **arguments}, api_name="/ask"
        )


def test_a_scene_of_the_page_cannot_have_a_picture_that_is_gone(site):
    with pytest.raises(PictureError, match="no longer there"):
        tab.answer_to(site, None, [], of(("nothing",)), ("class", "frog"))
    scene = read(site.networks, [tab.picture_of(site, "frog", {})], FAMILY, "dp")
    assert len(look(site.networks, scene, FAMILY, "dp").every) == 10


@pytest.mark.skipif(not BUNDLED.is_dir(), reason="no trained checkpoint is in assets/checkpoints")
@pytest.mark.parametrize("count", [2, 3, 4])
def test_shipped_networks_can_be_asked_at_every_side_that_the_page_offers(shipped, count):
    for checkpoint, nets in shipped.networks.families.items():
        for compatibility in nets:
            for side in shipped.sides(checkpoint, compatibility):
                where = SCENE[:count], checkpoint, compatibility, None, side, None
                answer = tab.answer_to(shipped, None, [], where, ("picture", "cat"))
                assert tab.draw_answer(answer, SCENE[:count], ("picture", "cat"), [])
                assert sum(answer.explanations.shares["conv13"]) == pytest.approx(1)
