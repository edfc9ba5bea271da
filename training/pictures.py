"""Picture files of a data set, read safely and in parallel into one uint8 tensor; a bad file costs only itself."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from tqdm import tqdm

from model.presets import to_pixels

MAX_PIXELS = 50_000_000  # more is no photograph, and would fill the memory
ENOUGH = 1280  # a JPEG may be decoded at a fraction of its size, as long as both sides keep so many pixels
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")  # none that starts another program


class BadPicture(ValueError):
    """A file that holds no usable picture; the message is a few words."""


def read_picture(file: Path, turn: bool = True) -> Image.Image:
    """The first frame of a file in RGB: 16-bit grey scaled to 8, transparency on white.

    Args:
        file: any of ``FORMATS``.
        turn: upright, as the EXIF orientation says; False keeps the file's own rows and columns.

    Raises:
        BadPicture: not a picture, damaged, cut short, or more than ``MAX_PIXELS``.
    """
    try:
        known = [f for f in FORMATS if f in Image.OPEN]  # AVIF is not in every build of Pillow
        with Image.open(file, formats=known) as image:
            if image.width * image.height > MAX_PIXELS:
                raise BadPicture(f"{image.width:,} x {image.height:,} pixels are too many")
            image.draft(None, (ENOUGH, ENOUGH))
            image.load()
            return to_rgb(upright(image) if turn else image)
    except BadPicture:
        raise
    except UnidentifiedImageError:
        raise BadPicture("not a picture that can be read") from None
    except Image.DecompressionBombError:
        raise BadPicture("too many pixels") from None
    except PermissionError:
        raise BadPicture("no permission to read it") from None
    except Exception:  # a broken file can make a decoder raise anything
        raise BadPicture("damaged or cut short") from None


def upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # broken metadata is no reason to lose the pixels
        return image


def to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):  # Pillow's own conversion clips at 255
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise BadPicture("32-bit pixels, whose range is unknown")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def read_all(
    read: Callable[[int], Image.Image], count: int, size: int, title: str
) -> tuple[Tensor, list[int], dict[int, str]]:
    """Calls ``read(0)`` to ``read(count - 1)`` on all cores; each gives an RGB picture of ``size`` x ``size``.

    Returns:
        The good pictures, uint8 [n, 3, size, size]; their n indices, rising; and what is wrong with each bad one.
    """

    def attempt(i: int) -> Tensor | str:
        try:
            return to_pixels(read(i))
        except BadPicture as e:
            return str(e)

    images, kept, bad = torch.empty(count, 3, size, size, dtype=torch.uint8), [], {}
    Image.init()  # not from several threads at once
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow's: about sizes, checked above, and about metadata
            for i, answer in enumerate(tqdm(pool.map(attempt, range(count)), title, count, unit="img", disable=None)):
                if isinstance(answer, str):
                    bad[i] = answer
                else:
                    images[len(kept)] = answer
                    kept.append(i)
    finally:
        pool.shutdown(cancel_futures=True)  # an interrupt does not wait for the remaining files
    return images[: len(kept)], kept, bad
