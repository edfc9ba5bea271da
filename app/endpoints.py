"""The page's public endpoints: they ask what the page asks, and refuse in sentences."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import gradio as gr
from fastapi import Request
from fastapi.responses import JSONResponse
from PIL import Image

from app.images import PictureError, read_picture
from app.server.gpu import on_gpu
from app.site import Site
from model import CheckpointError

UNTAKEN = (
    "A value of this request could not be taken: a picture is sent as a file that was uploaded (in Python by "
    "gradio_client's handle_file) or inside a data: URL, not as a web address, and a number as a number."
)


def refuse_in_a_sentence(page: gr.Blocks) -> None:
    """Answers values that gradio refuses in a sentence; by itself it answers ``null`` and logs a traceback."""
    take = page.preprocess_data

    @functools.wraps(take)
    async def taken(*args: Any, **kwargs: Any) -> list:
        try:
            return await take(*args, **kwargs)
        except gr.Error:
            raise
        except Exception as e:
            foreseen = isinstance(e, ValueError)  # pydantic's and gradio's refusals are; anything else is logged
            raise gr.Error(UNTAKEN, print_exception=not foreseen) from e

    page.preprocess_data = taken


def wrong_argument(request: Request, e: Exception) -> JSONResponse:
    """An answer of status 400 to a call that names an endpoint or an argument wrongly; to gradio it is a crash.

    Raises:
        Exception: ``e`` itself, where it is anything else.
    """
    called = request.url.path.partition("/call/")[2]
    said, _, _ = str(e).strip("'").partition(". ")
    if isinstance(e, KeyError) and called and said.strip("/") == called.removeprefix("v2/").strip("/"):
        said = f"There is no endpoint {said}"
    elif not called or not said.startswith(("Parameter `", "No value provided")):
        raise e
    return JSONResponse({"error": f"{said}. The page's footer, Use via API, lists what there is."}, 400)


def hidden_switch(site: Site) -> tuple[gr.Dropdown, gr.Radio]:
    """An endpoint's own checkpoint and compatibility: the page's switch does not narrow what a program may ask."""
    compatibilities = ["", *(c for _, c in site.compatibility_choices())]
    compatibility = gr.Radio(compatibilities, value="", label="compatibility", visible=False)
    compatibility.preprocess = text
    return hidden_checkpoint(site), compatibility


def hidden_checkpoint(site: Site) -> gr.Dropdown:
    """An endpoint's own checkpoint: a family, or a checkpoint's own name."""
    names = list(dict.fromkeys([*(family for _, family in site.checkpoint_choices()), *site.networks.places]))
    checkpoint = gr.Dropdown(names, value=site.first_checkpoint, label="checkpoint", visible=False)
    checkpoint.preprocess = text
    return checkpoint


def text(value: Any) -> str:
    """What a program sent for a name, unchecked: ``Networks`` refuses what is not there, in a sentence of ours."""
    return "" if value is None else str(value)


def detail_input() -> gr.Number:
    """An endpoint's ``side``: at how many pixels a picture is read."""
    side = gr.Number(0, precision=0, label="side", visible=False)
    side.preprocess = lambda value: value  # refused by ``Networks``, in a sentence of ours
    return side


def pictures_input() -> gr.Checkbox:
    """An endpoint's ``pictures``: whether any are drawn; by default they are."""
    return gr.Checkbox(True, label="pictures", visible=False)


def endpoint(function: Callable, inputs: list, outputs: list, name: str, at_once: int = 2) -> None:
    """A public endpoint, documented by the function's docstring; what it refuses, it refuses in a sentence.

    Args:
        function: takes the inputs' values by the names that programs use; may raise PictureError or CheckpointError.
        inputs, outputs: invisible components.
        name: without the slash.
        at_once: calls that are worked on at the same time; others wait.
    """

    asked = on_gpu(function)

    @functools.wraps(function)
    def answered(*values):
        try:
            return asked(*values)
        except (PictureError, CheckpointError) as e:
            raise gr.Error(str(e), print_exception=False) from None

    answered.__name__ = name  # what MCP calls it
    gr.Button(visible=False).click(answered, inputs, outputs, api_name=name, concurrency_limit=at_once)


def given(image: str | bytes | None) -> Image.Image:
    """The picture that a program sent.

    Raises:
        PictureError: there is none, or it cannot be read.
    """
    if image is None:
        raise PictureError("No picture came with the request.")
    return read_picture(image)
