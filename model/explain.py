"""One picture in, one frozen ``Explanation`` out: what the network answers and where each level's attention lies.

    explanation = explain("cat.jpg", "vgg-att3-dp-cifar10-s-long")
    explanation.answer, explanation.probabilities["cat"]    # "cat", 0.98
    explanation.levels["conv13"].attention                  # [8, 8]
    explanation.save("out/")

Page, API, command line and cards all draw from this result.
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from model.explanation import SIDE, Explanation, Level
from model.network import Network
from model.networks.attending import AttendingNetwork, LevelSplit
from model.networks.layers import LARGEST_INPUT
from model.pictures import BadPicture, read_image, read_picture
from model.presets import crop_square, network_input, square_pixels


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
        >>> explanation = explain("assets/examples/cat.png", "vgg-att3-dp-cifar10-s-long")
        >>> explanation.answer
        'cat'
        >>> {level: part.grid for level, part in explanation.levels.items()}
        {'conv7': (32, 32), 'conv10': (16, 16), 'conv13': (8, 8)}
        >>> terms = [part.logit for part in explanation.levels.values()]
        >>> abs(explanation.logit_bias + sum(terms) - explanation.logit) < 1e-6
        True

    Raises:
        BadPicture: the file holds no usable picture.
        CheckpointError: there is no such checkpoint, or it cannot be read.
        ValueError: the network has no trained attention or is in training mode, or does not take this side.
    """
    net = attending_network(checkpoint)
    side = side_of(net, side)
    image = rgb(picture)
    g = None if question is None else global_features(net, square_pixels(rgb(question), side)[None])
    (explanation,) = explain_pixels(net, square_pixels(image, side)[None], g)
    return dataclasses.replace(explanation, square=crop_square(image, SIDE))


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
    net = attending_network(net)
    began = time.perf_counter()
    with torch.inference_mode():
        out = net.explain_logits(network_input(net, pixels), question=question)
    return explanations_of(net, pixels, out, began)


def explanations_of(net: AttendingNetwork, pixels: Tensor, out: LevelSplit, began: float) -> list[Explanation]:
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


def attending_network(checkpoint: str | Path | Network) -> AttendingNetwork:
    """The network of a checkpoint, or the network itself.

    Raises:
        CheckpointError: there is no such checkpoint, or it cannot be read.
        ValueError: the network has no trained attention, or is in training mode.
    """
    net = checkpoint if isinstance(checkpoint, Network) else Network.from_pretrained(checkpoint)
    if not isinstance(net, AttendingNetwork):
        raise ValueError(f"{net.name or type(net).__name__} has no trained attention, so there is nothing to explain")
    if net.training:
        raise ValueError("the network is in training mode; call net.eval() first")
    return net


def side_of(net: AttendingNetwork, side: int = 0, largest: int = LARGEST_INPUT) -> int:
    """The side in pixels at which ``net`` reads a picture; 0 stands for its own.

    Raises:
        ValueError: it is not a whole number, too small or too large.
    """
    smallest = net.trunk.smallest_input
    if isinstance(side, bool) or (side != 0 and side not in range(smallest, largest + 1)):
        raise ValueError(f"side must be 0 or a whole number of pixels from {smallest} to {largest}")
    return int(side) or net.input_size


def rgb(picture: str | Path | bytes | Image.Image) -> Image.Image:
    """Reads a picture in RGB from a file, its content, or a Pillow image.

    Raises:
        BadPicture: it is not a usable picture; the message is a sentence that names the file.
    """
    if not isinstance(picture, (str, Path, bytes, Image.Image)):
        hint = "; Image.fromarray makes one of an array" if hasattr(picture, "shape") else ""
        raise BadPicture(f"a picture is a path, a file's bytes or a Pillow image, not {type(picture).__name__}{hint}")
    try:
        return read_image(picture) if isinstance(picture, Image.Image) else read_picture(picture)
    except BadPicture as e:
        raise BadPicture(f"{picture if isinstance(picture, (str, Path)) else 'the picture'} is {e}", e.reason) from None
