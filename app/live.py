"""Live: a camera whose newest frame is answered again and again, for as long as the visitor looks."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from app.drawing import panels
from app.images import PictureError, read_picture
from app.inputs import INTERNAL, as_value
from model import CheckpointError
from model.presets import crop_square

SIDE = 320  # px of a frame: as large as its maps are drawn on a screen, and a multiple of every grid
LARGEST = 1_000_000  # characters of a frame as it is sent; the page's own have some 40,000
CAMERA = Path(__file__).with_name("live.js").read_text("utf-8")
MARKUP = """<button type="button" aria-pressed="false">Live camera</button>
<video muted playsinline aria-label="What the camera sees"></video><p></p>"""
UNREADABLE = "The camera's picture cannot be read: please stop the camera and start it again."


@dataclass(frozen=True)
class Frame:
    """What the camera sees.

    Attributes:
        picture: RGB, ``SIDE`` x ``SIDE``.
        at: when it was taken, by the browser's clock.
    """

    picture: Image.Image
    at: int


def live_camera() -> gr.HTML:
    """A button that starts a camera, and the camera. While it looks, its value is the newest frame, else None.

    At most two frames are under way: another is taken when ``answered`` says that an answer is there.
    """
    return gr.HTML(None, html_template=MARKUP, js_on_load=CAMERA, elem_classes="live", answered=0)


def keep_last(camera: gr.HTML, picture: gr.Image) -> None:
    """When the camera is stopped, puts its last picture into a picture input."""

    def keep(event: gr.EventData) -> str:
        try:
            return as_value(read(getattr(event, "picture", None)), "camera picture")
        except PictureError as e:
            raise gr.Error(str(e), print_exception=False) from None

    camera.stop(keep, None, picture, **INTERNAL)


def acknowledge(frame: Frame | None) -> Any:
    """A value that tells the camera that a frame was answered."""
    return gr.HTML(answered=frame.at) if frame else gr.skip()


def read_frame(value: Any) -> Frame:
    """The frame that a camera sent.

    Raises:
        PictureError: it is not a frame, or is larger than the page's own frames.
    """
    value = value if isinstance(value, dict) else {}
    at = value.get("at")
    return Frame(crop_square(read(value.get("picture")), SIDE), at if isinstance(at, int) else 0)


def read(url: Any) -> Image.Image:
    """Reads a picture from a ``data:`` URL, or raises PictureError."""
    if not isinstance(url, str) or len(url) > LARGEST:
        raise PictureError(UNREADABLE)
    try:
        return read_picture(base64.b64decode(url.partition(",")[2]))
    except ValueError:
        raise PictureError(UNREADABLE) from None


def answer_frame(value: Any, ask: Callable[[Frame], Any]) -> tuple[Frame | None, Any, str]:
    """The answer to a frame; it is not kept, as the next one follows at once.

    Returns:
        The frame; what ``ask`` found; and a sentence as HTML where there is no answer.
    """
    frame = None
    try:
        frame = read_frame(value)
        return frame, ask(frame), ""
    except (PictureError, CheckpointError) as e:
        return frame, None, panels.message(str(e))
