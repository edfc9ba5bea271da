"""One picture in, one frozen ``Explanation`` out: what the network answers and where each level's attention lies.

    found = explain("cat.jpg", "vgg-att3-dp-cifar10-s-long")
    found.answer, found.probabilities["cat"], found.levels["conv13"].attention       # "cat", 0.98, [8, 8]
    found.save("out/")

Page, API, command line and cards all draw from this result.
"""

from __future__ import annotations

import dataclasses
import io
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from model.atomic import write_atomically
from model.map_kinds import ATTENTION
from model.network import Network
from model.networks.attending import AttendingNetwork, Explained
from model.networks.layers import LARGEST_INPUT
from model.pictures import BadPicture, read_picture, to_rgb
from model.presets import crop_square, network_input, square_pixels
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
        return max(self.probabilities, key=self.probabilities.get)

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
        return {level: overlay(self.square, a, scales[level], view) for level, a in self.maps.items()}

    def files(self, view: View | None = None, more: Mapping | None = None) -> dict[str, bytes]:
        """The files that ``save`` writes, {name: content}: square, network's input, overlays, raw maps, manifest.json.

        Args:
            view: how the overlays are drawn.
            more: further entries of the manifest.
        """
        view = view or View()
        files = {"square.png": png(self.square), "seen.png": png(self.seen)}
        for level, drawn in self.overlays(view).items():
            files[f"{level}.png"] = png(drawn)
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
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)  # of another picture, perhaps
        for name, content in self.files(view).items():
            write_atomically(folder / name, content)


def explain(
    picture: str | Path | bytes | Image.Image,
    checkpoint: str | Path | Network,
    side: int = 0,
    question: str | Path | bytes | Image.Image | None = None,
) -> Explanation:
    """Classifies a picture and splits the answer by level.

    Args:
        picture: a file, its content, or a Pillow image; the centred square is used.
        checkpoint: the name of a shipped checkpoint, a folder, a Hub id, or a network. To explain many pictures, load
            the network once.
        side: of the square that the network reads, in pixels; 0 is the network's own.
        question: another picture, whose global feature g takes the place of the picture's own. Under pc and uniform
            nothing depends on it.

    Example:
        >>> found = explain("assets/examples/cat.png", "vgg-att3-dp-cifar10-s-long")
        >>> found.answer
        'cat'
        >>> {level: part.grid for level, part in found.levels.items()}
        {'conv7': (32, 32), 'conv10': (16, 16), 'conv13': (8, 8)}
        >>> terms = [part.logit for part in found.levels.values()]
        >>> abs(found.logit_bias + sum(terms) - found.logit) < 1e-6
        True

    Raises:
        BadPicture: the file holds no usable picture.
        CheckpointError: there is no such checkpoint, or it cannot be read.
        ValueError: the network has no trained attention or is in training mode, or does not take this side.
    """
    net = checkpoint if isinstance(checkpoint, Network) else Network.from_pretrained(checkpoint)
    check_attention(net)
    side = side_of(net, side)
    picture = rgb(picture)
    g = None if question is None else global_features(net, square_pixels(rgb(question), side)[None])
    (found,) = explain_pixels(net, square_pixels(picture, side)[None], g)
    return dataclasses.replace(found, square=crop_square(picture, SIDE))


def explain_pixels(net: AttendingNetwork, pixels: Tensor, question: Tensor | None = None) -> list[Explanation]:
    """Classifies a batch of squares in one forward pass and splits each answer by level.

    The results have no ``square``, which is made from the pictures themselves.

    Args:
        net: a network with trained attention, in evaluation mode.
        pixels: uint8 [B, 3, H, W], see ``square_pixels``.
        question: global features [B, C] in place of the pictures' own, see ``global_features``.

    Raises:
        ValueError: as ``explain``, or ``question`` is not of g's shape.
    """
    check_attention(net)
    began = time.perf_counter()
    with torch.inference_mode():
        out = net.explain_logits(network_input(net, pixels), query=question)
    return explanations_of(net, pixels, out, began)


def explanations_of(net: AttendingNetwork, pixels: Tensor, out: Explained, began: float) -> list[Explanation]:
    """Explanations from a network's output for pixels, uint8 [B, 3, H, W]; ``began`` is the start by the clock."""
    with torch.inference_mode():
        bias = out.bias.cpu().double()  # in this order: not every device has float64
        maps = {level: a.cpu().double().numpy() for level, a in out.attention.items()}  # [B, H, W]
        terms = {level: t.cpu().double() for level, t in out.terms.items()}  # [B, K]
        logits = bias + sum(terms.values())
        probabilities, best = logits.softmax(1).tolist(), logits.argmax(1).tolist()
    seconds = time.perf_counter() - began
    classes = net.info.class_names or tuple(f"class {k}" for k in range(len(bias)))
    squares = pixels.permute(0, 2, 3, 1).cpu().numpy()
    name = net.name or type(net).__name__
    return [
        Explanation(
            checkpoint=name,
            compatibility=net.compatibility,
            probabilities=dict(zip(classes, probabilities[i], strict=True)),
            logit=float(logits[i, k]),
            logit_bias=float(bias[k]),
            levels={level: Level(a[i], float(terms[level][i, k]), net.available[level]) for level, a in maps.items()},
            seen=Image.fromarray(squares[i]),
            square=None,
            seconds=seconds,
            scale_scores=net.arguments["scale_scores"],
            name=name,
            dataset=net.info.dataset,
            test_error=net.info.results.get("error"),
        )
        for i, k in enumerate(best)
    ]


def global_features(net: AttendingNetwork, pixels: Tensor) -> Tensor | None:
    """The g of each picture, uint8 [B, 3, H, W] to [B, C]; None if the network's maps do not depend on it."""
    with torch.inference_mode():
        return net.features(network_input(net, pixels))[1]


def check_attention(net: Network) -> None:
    """Raises ValueError unless ``net`` has trained attention and is in evaluation mode."""
    if net.map_kind is not ATTENTION:
        raise ValueError(f"{net.name or type(net).__name__} has no trained attention, so there is nothing to explain")
    if net.training:
        raise ValueError("the network is in training mode; call net.eval() first")


def side_of(net: Network, side: int = 0) -> int:
    """The side in pixels at which ``net`` reads a picture; 0 stands for its own.

    Raises:
        ValueError: it is not a whole number, or too large. The network itself refuses one that is too small.
    """
    if isinstance(side, bool) or side != int(side) or not 0 <= side <= LARGEST_INPUT:
        raise ValueError(f"side must be a whole number of pixels up to {LARGEST_INPUT}, or 0, not {side}")
    return int(side) or net.input_size


def rgb(picture: str | Path | bytes | Image.Image) -> Image.Image:
    """Reads a picture in RGB from a file, its content, or a Pillow image.

    Raises:
        BadPicture: it is not a usable picture; the message is a sentence that names the file.
    """
    if isinstance(picture, Image.Image):
        return to_rgb(picture)
    try:
        return read_picture(picture)
    except BadPicture as e:
        raise BadPicture(f"{'the picture' if isinstance(picture, bytes) else picture} is {e}", e.reason) from None


def npy(array: np.ndarray) -> bytes:
    """The content of a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()
