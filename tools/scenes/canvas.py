"""A small paintbox: shapes as coverage fields, and the canvas that lights and textures them.

Fields are float32 (H, W) over the enlarged picture; lengths are pixels of the finished 256 x 256 one.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageColor, ImageDraw

SIZE = 256
SCALE = 3  # drawn this much larger, then reduced: smooth edges
WIDE = SIZE * SCALE
Y, X = np.mgrid[0:WIDE, 0:WIDE].astype(np.float32) / SCALE


def rgb(colour) -> np.ndarray:
    """A "#rrggbb" string, or an array that already is a colour (field), as floats in 0..1."""
    return np.array(ImageColor.getrgb(colour), np.float32) / 255 if isinstance(colour, str) else colour


def ramp(field: np.ndarray, *stops: tuple[float, str]) -> np.ndarray:
    """Colours (H, W, 3) for the values of a field (H, W), linear between the stops (value, colour)."""
    at, colours = [s[0] for s in stops], np.stack([rgb(s[1]) for s in stops])
    return np.stack([np.interp(field, at, colours[:, i]) for i in range(3)], -1).astype(np.float32)


def points(spec) -> list[tuple[float, ...]]:
    """The points of "x,y x,y ..." (or "x,y,radius ..."); a list of tuples is one already."""
    return [tuple(map(float, p.split(","))) for p in spec.split()] if isinstance(spec, str) else list(spec)


def mirror(spec, middle: float) -> list[tuple[float, ...]]:
    """The points mirrored at x = middle."""
    return [(2 * middle - x, *rest) for x, *rest in points(spec)]


def smooth(spec, closed=True, steps=12) -> list[tuple[float, ...]]:
    """Points along the Catmull-Rom curve through the given ones."""
    p = np.array(points(spec), float)
    p = np.concatenate([p[-1:], p, p[:2]] if closed else [p[:1], p, p[-1:]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    curve = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(p[:-3], p[1:-2], p[2:-1], p[3:], strict=True)
    ]
    return [tuple(q) for q in np.concatenate([*curve, p[-2:-1]])]


def poly(spec) -> np.ndarray:
    """Coverage (H, W) of a polygon."""
    return _cover(lambda pen: pen.polygon([(x * SCALE, y * SCALE) for x, y in points(spec)], fill=255))


def blob(spec) -> np.ndarray:
    """Coverage (H, W) of the smooth closed shape through the points."""
    return poly(smooth(spec))


def oval(x, y, rx, ry=None, tilt=0.0) -> np.ndarray:
    """Coverage (H, W) of an ellipse, turned clockwise by `tilt` degrees."""
    c, s, ry = np.cos(np.radians(tilt)), np.sin(np.radians(tilt)), ry or rx
    u, v = ((X - x) * c + (Y - y) * s) / rx, ((Y - y) * c - (X - x) * s) / ry
    return (u * u + v * v <= 1).astype(np.float32)


def limb(spec) -> np.ndarray:
    """Coverage (H, W) of a smooth stroke through points (x, y, radius)."""
    disks = [(x * SCALE, y * SCALE, max(r * SCALE, 0.5)) for x, y, r in smooth(spec, closed=False, steps=100)]
    return _cover(lambda pen: [pen.ellipse((x - r, y - r, x + r, y + r), fill=255) for x, y, r in disks])


def furry(region: np.ndarray, grain: np.ndarray, depth=2.0) -> np.ndarray:
    """The region with an edge roughened by a noise field: fur, feathers, leaves."""
    return np.clip((blur(region, depth) + 0.2 * np.clip(grain, -1.85, 1.85) - 0.5) * 4 + 0.5, 0, 1)


def _cover(drawing: Callable) -> np.ndarray:
    image = Image.new("L", (WIDE, WIDE))
    drawing(ImageDraw.Draw(image))
    return np.asarray(image, np.float32) / 255


def blur(field: np.ndarray, radius: float) -> np.ndarray:
    """Gaussian blur of (H, W) or (H, W, 3); the border is repeated outwards."""
    if field.ndim == 3:
        return np.stack([blur(field[..., i], radius) for i in range(3)], -1)
    pad = int(2.5 * radius * SCALE) + 1
    wide = np.pad(field, pad, mode="edge")
    fy, fx = np.fft.fftfreq(wide.shape[0])[:, None], np.fft.rfftfreq(wide.shape[1])
    bell = np.exp(-2 * (np.pi * radius * SCALE) ** 2 * (fy**2 + fx**2))
    return np.fft.irfft2(np.fft.rfft2(wide) * bell, wide.shape)[pad:-pad, pad:-pad].astype(np.float32)


class Canvas:
    """A picture (H, W, 3) in the making, and the mask (H, W) of its object.

    Args:
        seed: of every texture; the same seed draws the same picture.
        with_object: False leaves out the object's parts, and nothing else (its cast shadow stays).
    """

    def __init__(self, seed: int, with_object: bool = True):
        self.rng, self.with_object = np.random.default_rng(seed), with_object
        self.pixels = np.zeros((WIDE, WIDE, 3), np.float32)
        self.mask = np.zeros((WIDE, WIDE), np.float32)

    def noise(self, length: float, width: float | None = None, tilt: float = 0.0, octaves: int = 3) -> np.ndarray:
        """Smooth noise (H, W) of deviation 1, in grains of `length` x `width` px turned clockwise by `tilt` degrees."""
        side, total = int(WIDE * 1.5), np.zeros((WIDE, WIDE), np.float32)
        for octave in range(octaves):
            grain = [max(2, int(1.5 * SIZE / max(g / 2**octave, 0.7))) for g in (width or length, length)]
            layer = Image.fromarray(self.rng.standard_normal(grain).astype(np.float32))
            layer = layer.resize((side, side), Image.Resampling.BICUBIC).rotate(-tilt, Image.Resampling.BILINEAR)
            edge = (side - WIDE) // 2
            total = total + np.asarray(layer)[edge : edge + WIDE, edge : edge + WIDE] * 0.6**octave
        return total / total.std()

    def paint(self, region, colour, alpha=1.0):
        """Put surroundings down: `region` is a coverage (H, W) or 1 for everywhere, `colour` one colour or a field."""
        cover = np.broadcast_to(np.asarray(region * alpha, np.float32), self.mask.shape)
        self.pixels += (rgb(colour) - self.pixels) * cover[..., None]
        self.mask *= 1 - cover

    def part(self, region, colour, bulge=0.0, light=0.45, texture=0.0, alpha=1.0):
        """Put a piece of the object down, lit from the upper left as if it were rounded off over `bulge` px."""
        shade = 1 + texture * np.ones_like(self.mask)
        if bulge:
            slope_y, slope_x = np.gradient(blur(region, bulge))
            shade += light * 2.5 * bulge * SCALE * (0.45 * slope_x + 0.9 * slope_y)
        if self.with_object:
            lit = np.clip(rgb(colour) * shade[..., None], 0, 1)
            self.pixels += (lit - self.pixels) * (region * alpha)[..., None]
        self.mask = np.maximum(self.mask, region * alpha)

    def shadow(self, region, radius=4.0, alpha=0.5, colour="#10141c"):
        """The object's soft shadow on the surroundings; draw it before the object."""
        self.paint(blur(region, radius), colour, alpha)

    def blades(self, n, y, height, colours, lean=6.0, width=1.2, x=(0, SIZE)):
        """`n` blades of grass rooted at heights `y` (low, high), in colours drawn between the two given."""
        roots = np.sort(self.rng.uniform(*y, n))  # the near ones last
        near, (dark, bright) = (roots - y[0]) / max(y[1] - y[0], 1e-6), map(rgb, colours)
        tint, cover = Image.new("RGB", (WIDE, WIDE)), Image.new("L", (WIDE, WIDE))
        pens = ImageDraw.Draw(tint), ImageDraw.Draw(cover)
        for root, size in zip(roots, 0.5 + 0.5 * near, strict=True):
            foot, tip = self.rng.uniform(*x), self.rng.normal(0, lean)
            tall, half = height * size * self.rng.uniform(0.6, 1.2), width * size
            shape = [(foot - half, root), (foot + half, root), (foot + tip / 2 + half / 2, root - tall * 0.6)]
            shape = [(a * SCALE, b * SCALE) for a, b in [*shape, (foot + tip, root - tall)]]
            shade = dark + (bright - dark) * self.rng.uniform()
            pens[0].polygon(shape, fill=tuple(int(255 * v) for v in shade))
            pens[1].polygon(shape, fill=255)
        self.paint(np.asarray(cover, np.float32) / 255, np.asarray(tint, np.float32) / 255)

    def woods(self, top, sway, width, *stops):
        """A line of trees out of focus, down from y = `top`, its crowns `width` px wide and `sway` px high."""
        crowns = furry((Y > top + sway * self.noise(width, 900)).astype(np.float32), self.noise(9), 4)
        self.paint(blur(crowns, 1.2), blur(ramp(self.noise(15), *stops), 1.2))

    def finish(self) -> tuple[Image.Image, Image.Image]:
        """Grain, vignette, reduction: the RGB picture and its L mask of 0 and 255."""
        glow = 1.03 - 0.13 * (((X - 128) / 128) ** 2 + ((Y - 128) / 128) ** 2) ** 1.5 / 2.8
        pixels = np.clip(self.pixels * glow[..., None] + 0.008 * self.noise(3, octaves=1)[..., None], 0, 1)
        picture = Image.fromarray((pixels * 255).astype(np.uint8)).resize((SIZE, SIZE), Image.Resampling.LANCZOS)
        picture = picture.point([round(v / 4) * 4 if v < 254 else 255 for v in range(256)] * 3)  # keeps the files small
        mask = self.mask.reshape(SIZE, SCALE, SIZE, SCALE).mean((1, 3)) > 0.5
        return picture, Image.fromarray((mask * 255).astype(np.uint8))
