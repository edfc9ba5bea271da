"""The page's public endpoints: the same questions as on the page, and errors of one sentence."""

from __future__ import annotations

import functools
from collections.abc import Callable

import gradio as gr
from PIL import Image

from app.images import PictureError, read_picture
from app.server.gpu import on_gpu
from app.server.gradio_patches import as_it_came, as_text
from app.site import Site
from model import CheckpointError


def hidden_switch(site: Site) -> tuple[gr.Dropdown, gr.Radio]:
    """An endpoint's own checkpoint and compatibility; what a visitor chooses on the page does not limit a program."""
    compatibilities = ["", *(c for _, c in site.compatibility_choices())]
    compatibility = gr.Radio(compatibilities, value="", label="compatibility", visible=False)
    as_text(compatibility)  # refused by ``Networks``, in a sentence of ours
    return hidden_checkpoint(site), compatibility


def hidden_checkpoint(site: Site) -> gr.Dropdown:
    """An endpoint's own checkpoint: a family, or a checkpoint's own name."""
    names = list(dict.fromkeys([*(family for _, family in site.checkpoint_choices()), *site.networks.places]))
    checkpoint = gr.Dropdown(names, value=site.first_checkpoint, label="checkpoint", visible=False)
    as_text(checkpoint)
    return checkpoint


def detail_input() -> gr.Number:
    """An endpoint's ``side``: at how many pixels a picture is read."""
    side = gr.Number(0, precision=0, label="side", visible=False)
    as_it_came(side)  # refused by ``Networks``, in a sentence of ours
    return side


def pictures_input() -> gr.Checkbox:
    """An endpoint's ``pictures``: whether any are drawn; by default they are."""
    return gr.Checkbox(True, label="pictures", visible=False)


def endpoint(function: Callable, inputs: list, outputs: list, name: str, at_once: int = 2) -> None:
    """A public endpoint, documented by the function's docstring; its refusals are sentences.

    Args:
        function: takes the inputs' values by the names that programs use; may raise PictureError or CheckpointError.
        inputs, outputs: invisible components.
        name: without the slash.
        at_once: calls that are worked on at the same time; others wait.
    """
    ask = on_gpu(function)

    @functools.wraps(function)
    def answer(*values):
        try:
            return ask(*values)
        except (PictureError, CheckpointError) as e:
            raise gr.Error(str(e), print_exception=False) from None

    answer.__name__ = name  # what MCP calls it
    gr.Button(visible=False).click(answer, inputs, outputs, api_name=name, concurrency_limit=at_once)


def read_sent(image: str | bytes | None) -> Image.Image:
    """The picture that a program sent.

    Raises:
        PictureError: there is none, or it cannot be read.
    """
    if image is None:
        raise PictureError("No picture came with the request.")
    return read_picture(image)
