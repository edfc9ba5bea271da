"""Uploaded files: read by ``model.pictures``, and refused here in one sentence."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from threading import BoundedSemaphore

from PIL import Image

from app.server.gpu import IS_LENT
from model import pictures

ADVICE = {
    "foreign": "please use a JPEG, PNG, WebP, AVIF, GIF or BMP",
    "raw": "please save it as a JPEG with the camera's program",
    "large": f"please use a picture of at most {pictures.MAX_PIXELS // 1_000_000} million pixels",
    "memory": "please use a smaller picture",
    "gone": "please choose it again",
}
LARGEST = 30_000_000  # bytes of an upload
# Pictures that are decoded at the same time; one of the largest takes 200 MB. A call with a lent GPU runs in a process
# of its own, which would inherit the places that others hold at the fork.
READERS = nullcontext() if IS_LENT else BoundedSemaphore(4)


class PictureError(ValueError):
    """A file that is not shown to the network; the message is one sentence for the person who uploaded it."""


def read_picture(file: str | Path | bytes, enough: int = pictures.ENOUGH) -> Image.Image:
    """An upright RGB picture; see ``model.pictures.read_picture``.

    Raises:
        PictureError: not a picture, damaged, cut short, too large, or no longer there.
    """
    try:
        with READERS:
            return pictures.read_picture(file, enough)
    except pictures.BadPicture as e:
        raise PictureError(f"This file is {e}: {ADVICE.get(e.reason, 'please use another one')}.") from None
