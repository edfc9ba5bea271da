"""From a picture file to RGB, safely: nothing is decoded before its size is known to be bearable."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

MAX_PIXELS = 50_000_000  # a phone's largest photograph; as RGB 200 MB, for Pillow takes 4 bytes a pixel
ENOUGH = 1280  # pixels a side, beyond which a JPEG need not be decoded whole

Image.init()  # once, and not from several threads
FORMATS = [  # none that starts another program
    f for f in ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM") if f in Image.OPEN
]


class BadPicture(ValueError):
    """A file that holds no usable picture.

    The message is a few words that go on from "this file is"; ``reason`` is one word: foreign, damaged, large, gone,
    closed or memory.
    """

    def __init__(self, words: str, reason: str = "damaged"):
        super().__init__(words)
        self.reason = reason


def read_picture(
    file: str | Path | bytes, enough: int = ENOUGH, turn: bool = True, guess_range: bool = True
) -> Image.Image:
    """The first frame of a file in RGB: 16-bit values scaled, transparency on white.

    Args:
        file: a path, or the file's content.
        enough: a JPEG may be decoded at a fraction of its size, as long as both sides keep this many pixels.
        turn: upright, as the EXIF orientation says; False keeps the file's own rows and columns.
        guess_range: 32-bit values are scaled by the range that the picture uses; False refuses them.

    Raises:
        BadPicture: not a picture, damaged, cut short, or more than ``MAX_PIXELS``.
    """
    try:
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # it would be logged; our own limit comes next
        with Image.open(io.BytesIO(file) if isinstance(file, bytes) else file, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise BadPicture(f"too large ({image.width:,} x {image.height:,} pixels)", "large")
            if image.mode in ("I", "F") and not guess_range:
                raise BadPicture("of 32-bit pixels, whose range is unknown", "foreign")
            image.draft(None, (enough, enough))
            image.load()
            return to_rgb(upright(image) if turn else image)
    except BadPicture:
        raise
    except UnidentifiedImageError:
        raise BadPicture("not a picture that can be read", "foreign") from None
    except Image.DecompressionBombError:
        raise BadPicture("too large", "large") from None
    except FileNotFoundError:
        raise BadPicture("no longer there", "gone") from None
    except PermissionError:
        raise BadPicture("closed to this program", "closed") from None
    except MemoryError:
        raise BadPicture("larger than the memory allows", "memory") from None
    except Exception:  # a hostile file can make a decoder raise anything
        raise BadPicture("damaged or cut short") from None


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
    if values.dtype.kind == "u" and values.itemsize == 2:  # of either byte order; in whole numbers, for they take less
        return ((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    values = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = min(0.0, values.min()), max(0.0, values.max())
    if low == 0 and high <= 1:
        high = 1.0
    return np.round((values - low) / (high - low) * 255).astype(np.uint8)
