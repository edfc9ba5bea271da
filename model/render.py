"""From attention maps to pictures. A map and a ``View`` are enough; no network is asked."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from model.colours import Colormap, colormaps, to_hex

COLOURS = colormaps["inferno"]  # its lightness rises all the way: it reads without colour too
PALETTE = (COLOURS(np.arange(256))[:, :3] * 255).round().astype(np.uint8).tobytes()  # R, G, B of each shade
DIVERGING = colormaps["RdBu_r"]  # blue below zero, white at it, red above: told apart without red-green vision


@dataclass(frozen=True)
class View:
    """How maps are drawn.

    Attributes:
        opacity: of the map over the picture, 0 to 1.
        smooth: bilinear between the grid's positions; False shows each position as a flat cell.
        shared: one scale for all levels, 0 to the highest peak; False gives each map its own, lowest to highest.
        keep: per cent of the attention to show, taken from the highest values down.
    """

    opacity: float = 0.6
    smooth: bool = True
    shared: bool = False
    keep: float = 100.0


def limits(maps: Mapping[str, np.ndarray], view: View) -> dict[str, tuple[float, float]]:
    """The values at both ends of each level's colour scale, in multiples of uniform.

    Args:
        maps: level: [H, W], each sums to 1.
        view: only ``shared`` matters.
    """
    multiples = {level: a * a.size for level, a in maps.items()}
    if view.shared:
        highest = max(float(a.max()) for a in multiples.values())
        return dict.fromkeys(maps, (0.0, highest))
    return {level: (float(a.min()), float(a.max())) for level, a in multiples.items()}


def enlarge(values: np.ndarray, size: tuple[int, int], smooth: bool) -> np.ndarray:
    """[H, W] to float32 of ``size`` (width, height), bilinear or nearest."""
    return np.asarray(picture_of(values, size, smooth))


def picture_of(values: np.ndarray, size: tuple[int, int], smooth: bool) -> Image.Image:
    """The same as a picture of mode F."""
    kind = Image.Resampling.BILINEAR if smooth else Image.Resampling.NEAREST
    return Image.fromarray(values.astype(np.float32)).resize(size, kind)


def highest_share(values: np.ndarray, keep: float) -> np.ndarray:
    """The highest positions that together hold ``keep`` per cent of the sum: [H, W] to bool [H, W].

    Positions that tie with the lowest of them are included.
    """
    if keep >= 100:
        return np.ones(values.shape, bool)
    order = np.argsort(values, axis=None)[::-1]
    mass = np.cumsum(values.ravel()[order], dtype=np.float64)
    count = int(np.searchsorted(mass, mass[-1] * keep / 100)) + 1
    return values >= values.ravel()[order[min(count, order.size) - 1]]


def overlay(square: Image.Image, attention: np.ndarray, scale: tuple[float, float], view: View) -> Image.Image:
    """A map drawn over the picture's square.

    Args:
        square: RGB, in the shape of what the network read.
        attention: [H, W], sums to 1.
        scale: the values at both ends of the colours, in multiples of uniform.
        view: how to draw it; what is not kept shows the picture in faded grey, outlined in white.
    """
    values, (low, high) = attention * attention.size, scale
    span = high - low
    shade = (values - low) * (255 / span) if span > 1e-9 * max(high, 1) else np.full_like(values, 127.5)
    # Pillow handles large pictures in a fraction of numpy's time; its "L" clips values and drops fractions
    colours = picture_of(shade + 0.5, square.size, view.smooth).convert("L")
    colours.putpalette(PALETTE)
    blend = Image.blend(square, colours.convert("RGB"), view.opacity)
    if view.keep >= 100:
        return blend
    mask = highest_share(enlarge(values, square.size, view.smooth), view.keep)
    pixels = np.where(mask[..., None], np.asarray(blend), 60 + 0.4 * grey(np.asarray(square, np.float32)))
    pixels[border(mask)] = 255
    return Image.fromarray(pixels.round().astype(np.uint8))


def difference(square: Image.Image, values: np.ndarray, limit: float) -> Image.Image:
    """The difference of two maps, smooth, over the picture in grey.

    Args:
        square: RGB, in the shape of what the network read.
        values: [H, W], above zero where the first map is higher.
        limit: the value of the strongest red; blue is as far below zero.
    """
    shade = enlarge(values, square.size, smooth=True) / (limit or 1.0)
    colours = DIVERGING((shade.clip(-1, 1) + 1) / 2)[..., :3].astype(np.float32) * 255
    pixels = 0.3 * grey(np.asarray(square, np.float32)) + 0.7 * colours
    return Image.fromarray(pixels.round().astype(np.uint8))


def png(image: Image.Image) -> bytes:
    """The file's content, compressed little: Pillow's default takes five times as long and saves a sixth."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def jpeg(image: Image.Image, quality: int = 95) -> bytes:
    """The file's content, for maps over a picture: a sixth of a PNG's bytes, in less than a tenth of its time.

    Colours are kept at half the resolution of lightness, as cameras do; that saves a third of the time.
    """
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    return buffer.getvalue()


def grey(photo: np.ndarray) -> np.ndarray:
    """Lightness of float32 [H, W, 3] as [H, W, 1]."""
    return (photo @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]


def border(mask: np.ndarray) -> np.ndarray:
    """The outline of a region, two pixels wide, inside it: bool [H, W] to bool [H, W]."""
    inner = np.pad(mask, 2, mode="edge")
    steps = [inner[2 + dy : inner.shape[0] - 2 + dy, 2:-2] for dy in (-2, -1, 1, 2)]
    steps += [inner[2:-2, 2 + dx : inner.shape[1] - 2 + dx] for dx in (-2, -1, 1, 2)]
    return mask & ~np.logical_and.reduce(steps)


def gradient(steps: int = 12, colours: Colormap = COLOURS) -> str:
    """The colour scale as a CSS gradient, from the lowest value to the highest."""
    stops = (to_hex(colours(i / (steps - 1))) for i in range(steps))
    return f"linear-gradient(to right, {', '.join(stops)})"
