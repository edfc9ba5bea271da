"""What a network says of one picture, and how it is written down: ``explain`` gives one ``Explanation``."""

from __future__ import annotations

import dataclasses
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from model.atomic import write_atomically
from model.render import View, limits, overlay, png

SIDE = 640  # px of the square that maps are drawn on; a multiple of every grid, so that nearest cells are all alike
MANIFEST = "manifest.json"
NOTE = "Each .npy sums to 1. A map highlights where features were taken from, not why the class was chosen."


@dataclass(frozen=True)
class Level:
    """One level's attention, and what it added to the winning logit.

    Attributes:
        attention: float64 [H, W], sums to 1.
        logit: this level's term of the winning logit.
        title: what a visitor reads beside its name, such as "late layer".
    """

    attention: np.ndarray
    logit: float
    title: str = ""

    @property
    def grid(self) -> tuple[int, int]:
        return self.attention.shape

    @property
    def times_uniform(self) -> np.ndarray:
        """The attention in multiples of what each position would get if all were equal: a * H * W."""
        return self.attention * self.attention.size

    @property
    def peak_x_uniform(self) -> float:
        return float(self.times_uniform.max())

    @property
    def entropy(self) -> float:
        """Entropy over log(H * W): 1 is even attention, 0 a single position."""
        a = self.attention[self.attention > 0]
        return float(-(a * np.log(a)).sum() / math.log(self.attention.size))


@dataclass(frozen=True)
class Explanation:
    """A network's answer for one picture.

    Attributes:
        checkpoint: what the caller named: the checkpoint's own name, or its family on the page.
        compatibility: dp, pc, additive or uniform.
        probabilities: class name: probability, every class, in the network's order.
        logit: of the winning class; ``logit_bias`` plus the levels' logits.
        levels: each level's attention and its term of that logit, the lowest level first.
        seen: the picture that the network saw.
        square: the same centred square of the picture at ``SIDE`` pixels; None where nothing is to be drawn.
        seconds: how long the network took for the whole batch.
        scale_scores: dp only, see ``model.networks.attention.DotProduct``.
        name: the checkpoint's own name, with the compatibility in it.
        dataset: the short name of the data that it was trained on, such as cifar10.
        test_error: the measured error on test images, a fraction; None where it is not known.
    """

    checkpoint: str
    compatibility: str
    probabilities: Mapping[str, float]
    logit: float
    logit_bias: float
    levels: Mapping[str, Level]
    seen: Image.Image
    square: Image.Image | None
    seconds: float
    scale_scores: bool | str
    name: str
    dataset: str
    test_error: float | None = None

    @property
    def answer(self) -> str:
        return max(self.probabilities, key=self.probabilities.__getitem__)

    @property
    def canvas(self) -> Image.Image:
        """The square that maps are drawn on.

        Raises:
            ValueError: the result was made from pixels alone, so there is none.
        """
        if self.square is None:
            raise ValueError("this result was made without a picture to draw on: explain the picture itself")
        return self.square

    @property
    def maps(self) -> dict[str, np.ndarray]:
        return {name: level.attention for name, level in self.levels.items()}

    @property
    def top(self) -> list[tuple[str, float]]:
        """The five most probable classes, the best first."""
        return sorted(self.probabilities.items(), key=lambda item: -item[1])[:5]

    def to_json(self, maps: bool = True) -> dict:
        """The answer as plain numbers; ``maps`` False leaves the maps themselves out."""
        levels = {
            name: {
                "grid": list(level.grid),
                **({"map": level.attention.tolist()} if maps else {}),
                "peak_x_uniform": level.peak_x_uniform,
                "entropy": level.entropy,
                "logit": level.logit,
            }
            for name, level in self.levels.items()
        }
        return {
            "class": self.answer,
            "probability": self.probabilities[self.answer],
            "probabilities": dict(self.probabilities),
            "logit": self.logit,
            "logit_bias": self.logit_bias,
            "levels": levels,
            "checkpoint": self.checkpoint,
            "compatibility": self.compatibility,
            "name": self.name,
            "seconds": self.seconds,
        }

    def overlays(self, view: View | None = None) -> dict[str, Image.Image]:
        """Each level's map over the square, {level: RGB picture of ``SIDE`` pixels}."""
        view = view or View()
        scales = limits(self.maps, view)
        return {level: overlay(self.canvas, a, scales[level], view) for level, a in self.maps.items()}

    def files(self, view: View | None = None, more: Mapping | None = None) -> dict[str, bytes]:
        """The files that ``save`` writes, {name: content}: square, network's input, overlays, raw maps, manifest.json.

        Args:
            view: how the overlays are drawn.
            more: further entries of the manifest.
        """
        view = view or View()
        files = {"square.png": png(self.canvas), "seen.png": png(self.seen)}
        for level, picture in self.overlays(view).items():
            files[f"{level}.png"] = png(picture)
            files[f"{level}.npy"] = npy(self.maps[level])
        manifest = {
            **self.to_json(maps=False),
            "scale_scores": self.scale_scores,
            "view": dataclasses.asdict(view),
            "scales_x_uniform": limits(self.maps, view),
            **(more or {}),
            "files": sorted(files),
            "note": NOTE,
        }
        return {**files, MANIFEST: (json.dumps(manifest, indent=1) + "\n").encode()}

    def save(self, folder: str | Path, view: View | None = None) -> None:
        """Writes overlays, raw maps and, last, manifest.json into a folder.

        Args:
            folder: made if it does not exist.
            view: how the overlays are drawn.

        Raises:
            OSError: the folder cannot be written.
            ValueError: see ``canvas``.
        """
        folder, files = Path(folder), self.files(view)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)  # of another picture, perhaps
        for name, content in files.items():
            write_atomically(folder / name, content)


def npy(array: np.ndarray) -> bytes:
    """The content of a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()
