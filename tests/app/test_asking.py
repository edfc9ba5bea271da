"""What a tab remembers: switching back asks no network, and a refusal is not remembered as an answer."""

import os

import gradio as gr

from app.asking import HISTORY, Screen, ask_once


def test_an_earlier_answer_is_found_again():
    screen = Screen((), None).then(("a.png", "dp"), 1).then(("a.png", "pc"), 2)
    assert (screen.question, screen.answer) == (("a.png", "pc"), 2)
    assert screen.answer_to(("a.png", "dp")) == 1 and screen.answer_to(("a.png", "pc")) == 2
    assert screen.answer_to(("b.png", "dp")) is None
    back = screen.then(("a.png", "dp"), 1)
    assert back.answer_to(("a.png", "pc")) == 2 and len(back.earlier) == 1


def test_refusals_are_shown_and_forgotten():
    screen = Screen((), None).then(("bad.png",), None)
    assert screen.answer is None and screen.question == ("bad.png",)
    assert screen.then(("a.png",), 1).earlier == ()


def test_no_more_than_a_few_are_kept():
    screen = Screen((), None)
    for i in range(20):
        screen = screen.then((i,), i + 1)
    assert [s.answer for s in screen.earlier] == [20 - 1 - k for k in range(HISTORY)]
    assert all(s.earlier == () for s in screen.earlier)
    assert screen.answer_to((10,)) is None


def test_an_input_names_its_picture_even_if_the_other_one_showed_it_before(picture, tmp_path):
    files = [str(tmp_path / name) for name in ("cat.png", "frog.png")]
    for file in files:
        picture.save(file)
    labels, calls = ("Looked at", "Asks"), []

    def ask_again(before, *files):
        questions = dict(zip(labels, files, strict=True))
        after, answer, inputs, message = ask_once(before, questions, [], lambda *_: calls.append(1) or 1, "")
        assert answer == 1 and message == ""
        return after, [None if i == gr.skip() else i.alt_text for i in inputs]

    screen, texts = ask_again(None, *files)
    assert texts == ["Looked at: cat", "Asks: frog"]
    screen, texts = ask_again(screen, files[1], files[1])
    assert texts == ["Looked at: frog", None]
    screen, texts = ask_again(screen, *files[::-1])
    assert texts == [None, "Asks: cat"] and len(calls) == 3


def test_a_picture_in_use_is_as_good_as_new(picture, tmp_path):
    picture.save(file := tmp_path / "cat.png")
    os.utime(file, (0, 0))  # else it would be swept
    ask_once(None, {"Picture": str(file)}, [], lambda *_: 1, "")
    assert file.stat().st_mtime > 0
