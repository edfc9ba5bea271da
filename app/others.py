"""Trained attention beside explanations computed after training, each with its deletion check.

CAM and progressive attention come from two other networks, VGG-GAP and VGG-PAN. Each has its own class, probabilities
and random pixels.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from app.networks import Networks
from model import Network, map_kinds
from model.datasets import dataset_title
from model.explanation import SIDE
from model.presets import crop_square, network_input, square_pixels

SALIENCY, GRAD_CAM, CAM = "saliency", "grad_cam", "cam"
DRAWS = 10  # of random pixels, and of places that a map is moved to


@dataclass(frozen=True)
class MapCheck:
    """One network's maps for its answer, and how the answer's probability falls as pixels are blurred.

    Attributes:
        name: the checkpoint's own name.
        answer: this network's class.
        maps: {name: float64 [H, W]}, none negative; each sums to 1, or is 0 everywhere.
        shares: the shares of blurred pixels, the highest in a map first; it begins with 0, the picture itself.
        falls: {map's name: the class's probability after each of ``shares``}.
        moved_falls: {map's name: the same for the map moved elsewhere, the mean of ``DRAWS`` moves}.
        steeper: {map's name: how many moves lower the probability less, on average over the shares above 0}.
        random: the same for random pixels, the mean of ``DRAWS`` draws.
        test_error: a fraction; None if it was not measured.
    """

    name: str
    answer: str
    maps: Mapping[str, np.ndarray]
    shares: tuple[float, ...]
    falls: Mapping[str, tuple[float, ...]]
    moved_falls: Mapping[str, tuple[float, ...]]
    steeper: Mapping[str, int]
    random: tuple[float, ...]
    test_error: float | None = None

    @property
    def probability(self) -> float:
        return self.random[0]

    @property
    def furthest(self) -> tuple[str, float, float]:
        """The map that lowers the probability most, compared with its moves; and the mean probabilities of both.

        Means are over the shares above 0.
        """
        means = {name: (mean(fall), mean(self.moved_falls[name])) for name, fall in self.falls.items()}
        name = min(means, key=lambda name: means[name][0] - means[name][1])
        return name, *means[name]

    def to_json(self) -> dict:
        return {
            "network": self.name,
            "class": self.answer,
            "probability": self.probability,
            "maps": {
                name: {
                    "grid": list(a.shape),
                    "map": a.tolist(),
                    "fall": list(self.falls[name]),
                    "moved": list(self.moved_falls[name]),
                    "steeper": self.steeper[name],
                }
                for name, a in self.maps.items()
            },
            "random": list(self.random),
        }


@dataclass(frozen=True)
class Others:
    """What the tab shows and ``/others`` returns.

    Attributes:
        attending: the attention of each level in depth order, then ``SALIENCY`` and ``GRAD_CAM``.
        gap: ``CAM`` alone; None where no VGG-GAP of this data set is served.
        pan: VGG-PAN's gate at conv10 and its softmax at conv13; None where no VGG-PAN of this data set is served.
        square: the picture's centred square at ``SIDE`` pixels.
        last_level: the level at which Grad-CAM was computed.
        titles: level: what a visitor reads beside its name.
        seconds: time that all of it took.
    """

    checkpoint: str
    compatibility: str
    dataset: str
    attending: MapCheck
    gap: MapCheck | None
    pan: MapCheck | None
    square: Image.Image
    last_level: str
    titles: Mapping[str, str]
    seconds: float

    @property
    def note(self) -> str:
        """What is left out and why; empty if nothing is."""
        left_out = {"CAM": (self.gap, "VGG-GAP"), "Progressive attention": (self.pan, "VGG-PAN")}
        return " ".join(
            f"{name} is left out: it needs a {kind} trained on {dataset_title(self.dataset)}, and none is served here."
            for name, (check, kind) in left_out.items()
            if not check
        )

    def to_json(self) -> dict:
        return {
            **self.attending.to_json(),
            "shares": list(self.attending.shares),
            "draws": DRAWS,
            "cam": self.gap and self.gap.to_json(),
            "pan": self.pan and self.pan.to_json(),
            "note": self.note,
            "checkpoint": self.checkpoint,
            "compatibility": self.compatibility,
            "seconds": self.seconds,
        }


def explain_otherwise(networks: Networks, picture: Image.Image, checkpoint: str, compatibility: str) -> Others:
    """The maps of every kind for an RGB picture, each with its deletion check.

    Raises:
        CheckpointError: there are no such weights.
    """
    net = networks.network(checkpoint, compatibility)
    from model import posthoc  # captum takes seconds to import; the page opens without it

    @torch.no_grad()
    def attention(net: Network, pixels: Tensor, classes: Tensor) -> dict[str, Tensor]:
        return net(network_input(net, pixels))[1]

    def attention_and_posthoc(net: Network, pixels: Tensor, classes: Tensor) -> dict[str, Tensor]:
        saliency, grad_cam = posthoc.saliency(net, pixels, classes), posthoc.grad_cam(net, pixels, classes)
        return {**attention(net, pixels, classes), SALIENCY: saliency, GRAD_CAM: grad_cam}

    def cam(net: Network, pixels: Tensor, classes: Tensor) -> dict[str, Tensor]:
        return {CAM: posthoc.cam(net, pixels, classes)}

    began = time.perf_counter()
    gap, pan = (networks.beside.get((net.info.dataset, kind)) for kind in (map_kinds.CAM, map_kinds.PROGRESSIVE))
    return Others(
        checkpoint=checkpoint,
        compatibility=net.compatibility,
        dataset=net.info.dataset,
        attending=check(net, picture, attention_and_posthoc),
        gap=check(gap, picture, cam) if gap else None,
        pan=check(pan, picture, attention) if pan else None,
        square=crop_square(picture, SIDE),
        last_level=net.levels[-1],
        titles=net.available,
        seconds=time.perf_counter() - began,
    )


def check(
    net: Network, picture: Image.Image, maps_of: Callable[[Network, Tensor, Tensor], dict[str, Tensor]]
) -> MapCheck:
    """The deletion check of a network's maps.

    Args:
        net: whose answer it is.
        picture: RGB; its centred square is used.
        maps_of: takes the network, uint8 pixels [1, 3, H, W] and its class, int64 [1]; gives {name: [1, h, w]}, none
            negative.
    """
    from model import posthoc

    pixels = square_pixels(picture, net.input_size)[None].to(net.device)
    probability, classes = posthoc.logits_of(net, pixels).float().softmax(1).max(1)
    maps = maps_of(net, pixels, classes)
    side, shares, count = pixels.shape[2:], posthoc.SHARES[1:], len(maps)
    large_maps = torch.cat([posthoc.to_side(m, side) for m in maps.values()])  # [M, H, W]
    each = net, pixels.expand(count, -1, -1, -1), classes.expand(count), large_maps, shares
    falls, moved_falls = posthoc.deletion(*each), posthoc.moved_deletion(*each, DRAWS, [0] * count)  # the same moves
    random = posthoc.random_deletion(net, pixels, classes, shares, DRAWS)[0]
    clean = probability.tolist()
    return MapCheck(
        name=net.name,
        answer=net.info.class_names[int(classes)],
        maps={k: spread(m[0]) for k, m in maps.items()},
        shares=posthoc.SHARES,
        falls={k: (*clean, *fall.tolist()) for k, fall in zip(maps, falls, strict=True)},
        moved_falls={k: (*clean, *fall.tolist()) for k, fall in zip(maps, moved_falls.mean(0), strict=True)},
        steeper=dict(zip(maps, (falls.mean(1) < moved_falls.mean(2)).sum(0).tolist(), strict=True)),
        random=(*clean, *random.tolist()),
        test_error=net.info.results.get("error"),
    )


def mean(fall: tuple[float, ...]) -> float:
    """Over the shares above 0."""
    return float(np.mean(fall[1:]))


def spread(values: Tensor) -> np.ndarray:
    """A map as float64 [H, W] that sums to 1, so that maps of any unit compare; a map of zeros stays."""
    a = values.cpu().double().numpy()
    return a / (a.sum() or 1.0)
