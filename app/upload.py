"""An image input that hands over the upload unopened: ``images.read_picture`` is the only reader of visitors' files."""

from __future__ import annotations

import base64
from abc import ABCMeta
from typing import Any

import gradio as gr


def preprocess(self: gr.Image, data: Any) -> str | bytes | None:
    """The path of an upload, or the content of a ``data:`` URL that a program sent."""
    if data is None:
        return None
    if data.url and data.url.startswith("data:"):
        try:
            return base64.b64decode(data.url.partition(",")[2])
        except ValueError:
            return b""
    return data.path


# Gradio's own preprocess opens the file first, and its errors are not written for visitors. A class statement would
# run gradio's metaclass, which writes a .pyi beside this file: a server may not be allowed to, and nobody needs it.
Upload = ABCMeta.__new__(
    type(gr.Image), "Upload", (gr.Image,), {"__module__": __name__, "is_template": True, "preprocess": preprocess}
)


def picture_input(**settings: Any) -> gr.Image:
    """The input for a picture: upload, camera or clipboard."""
    return Upload(
        type="filepath",
        image_mode=None,
        format="png",
        label="Picture",
        sources=["upload", "webcam", "clipboard"],
        alt_text="The picture to explain",
        height=250,
        **settings,
    )
