"""An answer that follows a tab's inputs. Each question is answered once, and the newest question wins.

A question is what the networks are asked; a view is how the answer is drawn, and changes without asking them again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.drawing import panels, words
from app.images import PictureError, read_picture
from app.server import temporary
from app.server.gpu import on_gpu
from model import CheckpointError

NUMBER = """(...values) => {
  window.questions = (window.questions ?? 0) + 1;
  values[values.length - 2] = window.questions;
  return values;
}"""
FRAMES = 8  # of cameras that are answered at the same time
HISTORY = 3  # earlier answers kept for each tab, some megabytes each


@dataclass(frozen=True)
class Screen:
    """What a visitor's tab shows: the question it answers, and the answer; None where a picture was refused."""

    question: tuple
    answer: Any | None
    earlier: tuple[Screen, ...] = ()  # the latest first, so that switching back asks no network

    def answer_to(self, question: tuple) -> Any | None:
        """The answer to a question that was asked lately, else None."""
        return next((screen.answer for screen in (self, *self.earlier) if screen.question == question), None)

    def then(self, question: tuple, answer: Any | None) -> Screen:
        """What is shown next."""
        earlier = [Screen(self.question, self.answer), *self.earlier]
        others = [screen for screen in earlier if screen.question != question and screen.answer is not None]
        return Screen(question, answer, tuple(others[:HISTORY]))


def ask_once(
    before: Screen | None, files: dict[str, str | None], settings: list, ask: Callable[..., Any], start: str
) -> tuple[Screen | None, Any, list, str] | None:
    """What a tab shows after a change. The networks are asked only if they were not asked the same lately.

    Args:
        before: what it shows now.
        files: what the picture inputs hold, by their labels.
        settings: what ``ask`` takes after the pictures; they and the files are the question.
        ask: may raise PictureError or CheckpointError.
        start: the sentence shown while a picture is missing.

    Returns:
        What it shows next; the answer; the picture inputs (a refused one is emptied, a new one is told its picture's
        name); and a sentence as HTML where there is no answer. None if nothing changes: a refused picture was removed,
        and its refusal must stay readable.
    """
    skips = [gr.skip()] * len(files)
    there = {label: file for label, file in files.items() if file is not None}
    if len(there) < len(files):
        is_refused = before is not None and before.answer is None
        return None if is_refused else (None, None, skips, panels.message(start))
    for file in there.values():
        temporary.touch(file)  # it is in use
    question, before = (*there.values(), *settings), before or Screen((), None)
    answer = before.answer_to(question)
    if answer is None:
        pictures = []
        for file in there.values():
            try:
                pictures.append(read_picture(file))
            except PictureError as e:
                inputs = [None if file == other else gr.skip() for other in there.values()]
                return before.then(question, None), None, inputs, panels.message(str(e), alarm=True)
        try:
            answer = ask(*pictures, *settings)
        except (PictureError, CheckpointError) as e:
            return None, None, skips, panels.message(str(e))
    inputs = [
        gr.skip()
        if before.question[i : i + 1] == (file,)
        else gr.Image(alt_text=f"{label}: {words.picture_name(file)}")
        for i, (label, file) in enumerate(there.items())
    ]
    return before.then(question, answer), answer, inputs, ""


def answer_when_changed(
    pictures: list[gr.Image],
    question: list[gr.components.Component],
    view: list[gr.components.Component],
    ask: Callable[..., Any],
    draw: Callable[..., str],
    start: str,
    slow: bool = False,
) -> gr.HTML:
    """An answer that follows its inputs; each question asks the networks once.

    Args:
        pictures: inputs made by ``picture_input``; there is no answer until each holds one.
        question: the other inputs that ``ask`` takes, after the pictures.
        view: inputs that ``draw`` takes after the result of ``ask``.
        ask: makes what ``draw`` draws of pictures and settings; may raise PictureError or CheckpointError.
        draw: gives HTML.
        start: the sentence shown until there is an answer.
        slow: an answer takes seconds, which the page counts.
    """
    answer = gr.HTML(panels.message(start))
    screen = gr.State(None, time_to_live=3600)
    question_parts, labels = [*pictures, *question], [str(image.label) for image in pictures]
    ask = on_gpu(ask)

    def show(*values):
        *values, before = values
        files = dict(zip(labels, values, strict=False))
        settings = values[len(pictures) : len(question_parts)]
        after = ask_once(before, files, settings, ask, start)
        if after is None:
            return [gr.skip()] * (2 + len(pictures))
        screen, result, inputs, message = after
        return [screen, *inputs, message or draw(result, *values[len(question_parts) :])]

    follow([*question_parts, *view], screen, show, [screen, *pictures, answer], answer, slow)
    return answer


def follow(
    parts: Sequence[Any],
    screen: gr.State,
    show: Callable[..., list],
    outputs: Sequence[gr.components.Component],
    progress: gr.components.Component,
    slow: bool = False,
    changes: Sequence[Any] | None = None,
    camera: gr.HTML | None = None,
) -> None:
    """Calls ``show`` with the values of ``parts``, and ``screen``, when one of them changes; the newest question wins.

    The answer to each frame of a camera is shown, unless a newer one is already there.

    Args:
        parts: the inputs, components whose class has a ``change`` event; Gradio's own base class has none.
        screen: what the tab shows, as ``show`` left it.
        show: gives the outputs' values.
        outputs: what it fills.
        progress: where the visitor sees that an answer is on its way.
        slow: whether the seconds are counted there.
        changes: those of ``parts`` whose change counts; by default all.
        camera: one of ``parts``, made by ``live_camera``; each of its frames counts too.
    """
    number = gr.Number(0, visible=False)
    newest = gr.State({"question": 0, "answer": 0})  # one dict a visitor, changed in place
    nothing = [gr.skip()] * len(outputs)

    def draw(*values):
        *values, number, newest = values
        newest["question"] = max(newest["question"], number)
        result = show(*values) if number == newest["question"] else nothing
        # always_last does not hold for two changes at once: both are asked, and the older may be answered last
        return show_newest(result, number, newest) if number == newest["question"] else nothing

    def draw_frame(*values):
        *values, number, newest = values
        looks = values[parts.index(camera)]
        # if the camera was stopped, a question about what it kept follows
        return show_newest(show(*values), number, newest) if looks else nothing

    def show_newest(result: list, number: int, newest: dict[str, int]) -> list:
        if number < newest["answer"]:
            return nothing
        newest["answer"] = number
        return result

    binding: dict[str, Any] = {"inputs": [*parts, screen, number, newest], "outputs": outputs, "js": NUMBER}
    binding |= {"api_visibility": "private"}
    events = [part.change for part in changes or parts if part is not camera]
    progress_kind = "full" if slow else "minimal"
    gr.on(events, draw, **binding, trigger_mode="always_last", show_progress=progress_kind, show_progress_on=progress)
    if camera is not None:
        limits = {"trigger_mode": "multiple", "concurrency_limit": FRAMES}
        camera.change(draw_frame, **binding, **limits, show_progress="hidden")
