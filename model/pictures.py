"""From a picture file to RGB, safely: the size is checked before anything is decoded."""

from __future__ import annotations

import contextlib
import io
import threading
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from model import repairs

MAX_PIXELS = 50_000_000  # a phone's largest photograph; Pillow takes 4 bytes a pixel, and as much again to turn it
ENOUGH = 1280  # pixels a side, beyond which a picture may be read at a fraction of its size
LARGE = 4_000_000  # pixels from which on at most two pictures are read at once; the largest take up to 0.8 GB each
reading = threading.BoundedSemaphore(2)

Image.init()  # once, and not from several threads
FORMATS = [  # none that starts another program
    f for f in ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM") if f in Image.OPEN
]


class BadPicture(ValueError):
    """A file that holds no usable picture.

    The message is a few words that go on from "this file is"; ``reason`` is one word: foreign, raw, damaged, large,
    gone, closed or memory.
    """

    def __init__(self, words: str, reason: str = "damaged"):
        super().__init__(words)
        self.reason = reason


def read_picture(
    file: str | Path | bytes, enough: int = ENOUGH, turn: bool = True, guess_range: bool = True
) -> Image.Image:
    """The first frame of a file in RGB: 16-bit values scaled, transparency on white.

    A file is read if all its pixels are there, even without its end mark or with damaged or very large metadata.
    16-bit values are scaled by a smaller range if the file gives one, or if all are below 4096 or 256.

    Args:
        file: a path, or the file's content.
        enough: a larger picture may be read at a fraction of its size, as long as both sides keep this many pixels.
        turn: turn it upright, as the EXIF orientation says; False keeps all of the file's own rows and columns.
        guess_range: 32-bit values are scaled by the range that the picture uses; False refuses them.

    Raises:
        BadPicture: not a picture, a camera's raw file, damaged, cut short, larger than ``MAX_PIXELS`` or the memory,
            gone, closed to this program, or, if ``guess_range`` is False, of 32-bit values.
    """
    try:
        warnings.filterwarnings("ignore", module=r"PIL\.")  # they would be logged, with Pillow's own path
        with io.BytesIO(file) if isinstance(file, bytes) else open(file, "rb") as stream:
            return decode(stream, enough, turn, guess_range)
    except BadPicture:
        raise
    except repairs.UnknownKind:
        raise BadPicture("damaged, or of a kind that cannot be read", "foreign") from None
    except UnidentifiedImageError:
        raise BadPicture("not a picture that can be read", "foreign") from None
    except Image.DecompressionBombError:
        raise BadPicture("too large", "large") from None
    except FileNotFoundError:
        raise BadPicture("no longer there", "gone") from None
    except PermissionError:
        raise BadPicture("closed to this program", "closed") from None
    except IsADirectoryError:
        raise BadPicture("a folder", "foreign") from None
    except MemoryError:
        raise BadPicture("larger than the memory allows", "memory") from None
    except Exception:  # a hostile file can make a decoder raise anything
        raise BadPicture("damaged or cut short") from None


def read_image(image: Image.Image) -> Image.Image:
    """A Pillow image in RGB, upright as its EXIF says; the image itself stays as it is.

    Raises:
        BadPicture: its file is damaged, or its mode is not known.
    """
    try:
        image = image.copy()
        turn_upright(image)
        return to_rgb(image)
    except Exception:  # as above
        raise BadPicture("damaged or cut short") from None


def decode(file: BinaryIO, enough: int, turn: bool, guess_range: bool) -> Image.Image:
    """As ``read_picture``, from an open file; raises whatever a decoder raises."""
    file, bits = repairs.without_extras(file)
    with repairs.open_image(file, FORMATS) as image:
        if repairs.is_raw(image, file):
            raise BadPicture("a camera's raw file, of which only a preview can be read", "raw")
        if image.width * image.height > MAX_PIXELS:
            raise BadPicture(f"too large ({image.width:,} x {image.height:,} pixels)", "large")
        if repairs.lacks_pixels(image, file, LARGE):
            raise BadPicture("damaged or cut short")
        file_white, negative = repairs.read_white(image, bits), repairs.is_negative(image)
        wide = image.mode == "F" or (image.mode == "I" and image.format != "PPM")
        if wide and not guess_range:
            raise BadPicture("of 32-bit pixels, whose range is unknown", "foreign")
        if turn:
            image.draft(None, (enough, enough))
        with reading if image.width * image.height > LARGE else contextlib.nullcontext():
            image = repairs.load(image, file, file_white, enough if turn else None)
            if turn:
                turn_upright(image)
                image = shrink(image, enough)
            image = to_rgb(image, file_white)
            return ImageOps.invert(image) if negative else image


def turn_upright(image: Image.Image) -> None:
    """Turns it as its EXIF says, where that can be read."""
    with contextlib.suppress(Exception):  # broken metadata is no reason to refuse the pixels
        ImageOps.exif_transpose(image, in_place=True)


def shrink(image: Image.Image, enough: int) -> Image.Image:
    """Averages a picture to a whole fraction of its size, to save memory; both sides keep ``enough``."""
    factor = min(image.size) // enough
    if factor < 2:
        return image
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode == "1" or image.mode.startswith("I;"):  # which Pillow does not average
        return image
    return image.reduce(factor)


def to_rgb(image: Image.Image, file_white: int = 0) -> Image.Image:
    """Any of Pillow's modes to RGB, without clipping 16-bit values or uncovering what transparency hides.

    Args:
        file_white: the value of white that the file gives, where values are of 16 bits; 0 where it gives none.
    """
    if image.mode.startswith(("I", "F")):
        values, clear = np.asarray(image), image.info.get("transparency")
        grey = Image.fromarray(to_8_bit(values, file_white))
        if isinstance(clear, int):
            grey.paste(255, mask=Image.fromarray(values == clear))
        return grey.convert("RGB")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def to_8_bit(values: np.ndarray, file_white: int = 0) -> np.ndarray:
    """Scales [H, W] to uint8: uint16 by its ``white_value``, floats of 0 to 1 by 1, all else by the range used."""
    if values.dtype.kind == "u" and values.itemsize == 2:  # of either byte order
        white = repairs.white_value(int(values.max()), file_white)
        if white < 65535:
            return np.round(np.arange(white + 1) * (255 / white)).astype(np.uint8)[values]
        whole, rest = np.divmod(values, 257)  # in 16 bits, which take less memory
        return whole.astype(np.uint8) + (rest > 128)
    parts = blocks(values)
    low = min(0.0, *(finite(part).min() for part in parts))
    high = max(0.0, *(finite(part).max() for part in parts))
    if low == 0 and high <= 1:
        high = 1.0
    pixels = np.empty(values.shape, np.uint8)
    for part, target in zip(parts, blocks(pixels), strict=True):
        target[:] = np.round((finite(part) - low) / (high - low) * 255)
    return pixels


def blocks(values: np.ndarray) -> list[np.ndarray]:
    """Views of a million values each, which take little memory one after another."""
    return np.array_split(values.reshape(-1), -(-values.size // 1_000_000))


def finite(values: np.ndarray) -> np.ndarray:
    """The values in float64; 0 if not finite."""
    return np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
