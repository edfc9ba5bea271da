"""From an uploaded file to an RGB picture, safely: nothing is decoded before its size is known to be bearable."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

MAX_PIXELS = 50_000_000  # a phone's largest photograph; as RGB 150 MB
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")  # none that starts another program
READABLE = "a JPEG, PNG, WebP, AVIF, GIF, BMP or TIFF"


class PictureError(ValueError):
    """A file that is not shown to the network; the message is one sentence for the person who uploaded it."""


def read_picture(file: str | Path | bytes, enough: int = 1280) -> Image.Image:
    """An upright RGB picture: the first frame, 16-bit values scaled, transparency on white.

    Args:
        file: a path, or the file's content.
        enough: a JPEG may be decoded at a fraction of its size, as long as both sides keep this many pixels.

    Raises:
        PictureError: not a picture, damaged, cut short, or more than ``MAX_PIXELS``.
    """
    Image.init()
    try:
        with Image.open(io.BytesIO(file) if isinstance(file, bytes) else file, formats=known_formats()) as image:
            check_size(image.size)
            image.draft(None, (enough, enough))
            image.load()
            return to_rgb(upright(image))
    except PictureError:
        raise
    except UnidentifiedImageError:
        raise PictureError(f"This file is not a picture that can be read: please use {READABLE}.") from None
    except Image.DecompressionBombError:
        raise PictureError(too_large()) from None
    except FileNotFoundError:
        raise PictureError("This picture is no longer on the server: please choose it again.") from None
    except MemoryError:
        raise PictureError("This picture needs more memory than there is: please use a smaller one.") from None
    except Exception:  # a hostile file can make a decoder raise anything; none of it is for the visitor
        raise PictureError("This picture is damaged or cut short: please use another one.") from None


def known_formats() -> list[str]:
    return [f for f in FORMATS if f in Image.OPEN]  # AVIF is not in every build of Pillow


def check_size(size: tuple[int, int]) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise PictureError(too_large(f"This picture has {width:,} x {height:,} pixels"))


def too_large(opening: str = "This picture is too large") -> str:
    return f"{opening}; at most {MAX_PIXELS // 1_000_000} million can be read: please use a smaller one."


def upright(image: Image.Image) -> Image.Image:
    """Turned as its EXIF says, where that can be read."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # broken metadata is no reason to refuse the pixels
        return image


def to_rgb(image: Image.Image) -> Image.Image:
    """Any of Pillow's modes to RGB, without clipping 16-bit values or uncovering what transparency hides."""
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(to_8_bit(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def to_8_bit(values: np.ndarray) -> np.ndarray:
    """uint16 by its full range, floats from 0 to 1 by that, all else by the range it uses: [H, W] to uint8 [H, W]."""
    if values.dtype == np.uint16:
        low, high = 0.0, 65535.0
    else:
        values = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
        low, high = min(0.0, values.min()), max(0.0, values.max())
        if low == 0 and high <= 1:
            high = 1.0
    return np.round((values - low) / (high - low) * 255).astype(np.uint8)
