"""One picture in, one frozen ``Explanation`` out: what the network answers and where each level's attention lies."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from model import VGGGAP, CheckpointError, Network, list_checkpoints
from model.checkpoints import Entry
from model.presets import crop_square, network_input, to_pixels

COMPATIBILITIES = {"dp": "Dot product (dp)", "pc": "Parametrised (pc)", "additive": "Additive (ours)"}
SIDE = 640  # px of the square that maps are drawn on; a multiple of every grid, so that nearest cells are all alike


@dataclass(frozen=True)
class Level:
    """One level's attention and what it added to the winning logit.

    Attributes:
        attention: float64 [H, W], sums to 1.
        logit: this level's term of the winning logit.
    """

    attention: np.ndarray
    logit: float

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
    """What a network says of one picture; everything that the page shows or the API returns is drawn from this.

    Attributes:
        checkpoint: the checkpoint's family, as in the page's picker.
        compatibility: dp, pc or additive.
        probabilities: class name: probability, every class, in the network's order.
        logit: of the winning class; ``logit_bias`` plus the levels' logits.
        levels: each level's attention and its term of that logit, the lowest level first.
        seen: the picture that the network saw, at its input size.
        square: the same centred square of the picture at ``SIDE`` pixels.
        seconds: time the network took.
        scale_scores: dp only, see ``model.networks.attention.DotProduct``.
        name: the checkpoint's own name, with the compatibility in it.
        dataset: the short name of the data that it was trained on, such as cifar10.
        test_error: measured fraction of test images named wrong, None where it is not known.
    """

    checkpoint: str
    compatibility: str
    probabilities: Mapping[str, float]
    logit: float
    logit_bias: float
    levels: Mapping[str, Level]
    seen: Image.Image
    square: Image.Image
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


@dataclass(frozen=True)
class Networks:
    """The networks of a folder of checkpoints, loaded once.

    Attributes:
        families: family: {compatibility: network}, in the switch's order; one that does not fit in, or whose place is
            taken, is a family of its own.
        names: (family, compatibility): the checkpoint's own name.
        gap: data set: (name, VGG-GAP), which CAM needs; not on the switch.
        others: name: network, of those that are neither on the switch nor needed, such as the controls.
        bf16: answers are computed in bfloat16, all but scores, maps and the sum of the logit's terms.
    """

    families: Mapping[str, Mapping[str, Network]]
    names: Mapping[tuple[str, str], str] = field(default_factory=dict)
    gap: Mapping[str, tuple[str, VGGGAP]] = field(default_factory=dict)
    others: Mapping[str, Network] = field(default_factory=dict)
    bf16: bool = False

    @classmethod
    def load(cls, folder: str | Path, device: str = "cpu") -> Networks:
        """Loads every checkpoint below ``folder``; on CUDA they answer in bfloat16.

        Raises:
            CheckpointError: a checkpoint is unreadable, or none can be shown.
        """
        families: dict[str, dict[str, Network]] = {}
        names, gap, others = {}, {}, {}
        order = {name: rank for rank, name in enumerate(COMPATIBILITIES)}
        for entry in sorted(list_checkpoints(folder), key=lambda e: (e.family, order.get(e.compatibility, len(order)))):
            net = load_named(entry).to(device)
            if entry.compatibility in order:
                there = families.get(entry.family, {})
                fits = entry.compatibility not in there and all(alike(net, other) for other in there.values())
                family = entry.family if fits else entry.name
                families.setdefault(family, {})[entry.compatibility] = net
                names[family, entry.compatibility] = entry.name
            elif isinstance(net, VGGGAP) and entry.info.dataset not in gap:
                gap[entry.info.dataset] = entry.name, net
            else:
                others[entry.name] = net
        if not families:
            raise CheckpointError(f"{folder} holds no checkpoint with trained attention")
        return cls(families, names, gap, others, bf16=device.startswith("cuda"))

    def precision(self, net: Network) -> torch.autocast:
        """Inside it ``net`` answers as on the front tab; the gradients of other tabs do without."""
        return torch.autocast(net.device.type, torch.bfloat16, enabled=self.bf16)

    def warm_up(self) -> None:
        """Answers once with every network on the switch, so that the first visitor does not wait for it."""
        for family, compatibility in self.names:
            self.explain(Image.new("RGB", (SIDE, SIDE)), family, compatibility)

    @property
    def every(self) -> dict[str, Network]:
        """name: network, of all that were loaded: first those on the switch."""
        switch = {self.names[f, c]: net for f, nets in self.families.items() for c, net in nets.items()}
        return {**switch, **dict(self.gap.values()), **self.others}

    def compatibilities(self, checkpoint: str) -> list[str]:
        return list(self.families[checkpoint])

    def network(self, checkpoint: str, compatibility: str) -> Network:
        """Raises CheckpointError if there are no such weights."""
        net = self.families.get(checkpoint, {}).get(compatibility)
        if net is None:
            there = "; ".join(f"{family} with {', '.join(nets)}" for family, nets in self.families.items())
            raise CheckpointError(f"There are no weights for that checkpoint and compatibility; there are: {there}.")
        return net

    def explain(
        self, picture: Image.Image, checkpoint: str, compatibility: str, query: Image.Image | None = None
    ) -> Explanation:
        """Classifies an RGB picture and splits the answer by level.

        Args:
            picture: the picture to answer for.
            checkpoint: the family of networks.
            compatibility: how positions are scored.
            query: a picture whose global feature is asked in place of ``picture``'s own.

        Raises:
            CheckpointError: there are no such weights.
        """
        net = self.network(checkpoint, compatibility)
        seen = crop_square(picture, net.arguments["input_size"])
        began = time.perf_counter()
        with torch.inference_mode(), self.precision(net):
            asking = None if query is None else net.features(prepared(query, net))[1]
            out = net.explain_logits(prepared(seen, net), query=asking)
            bias = out.bias.cpu().double()  # in this order: not every device has float64
            maps = {level: a[0].cpu().double().numpy() for level, a in out.attention.items()}
            terms = {level: t[0].cpu().double() for level, t in out.terms.items()}
        logits = bias + sum(terms.values())
        seconds = time.perf_counter() - began
        best = int(logits.argmax())
        return Explanation(
            checkpoint=checkpoint,
            compatibility=compatibility,
            probabilities=dict(zip(net.info.class_names, logits.softmax(0).tolist(), strict=True)),
            logit=float(logits[best]),
            logit_bias=float(bias[best]),
            levels={level: Level(maps[level], float(terms[level][best])) for level in maps},
            seen=seen,
            square=crop_square(picture, SIDE),
            seconds=seconds,
            scale_scores=net.arguments["scale_scores"],
            name=self.names[checkpoint, compatibility],
            dataset=net.info.dataset,
            test_error=net.info.results.get("error"),
        )


def load_named(entry: Entry) -> Network:
    """A checkpoint's network, which must name each of its classes, or CheckpointError is raised."""
    net = Network.from_pretrained(entry.folder)
    if not net.info.class_names:
        raise CheckpointError(f"{entry.name}: config.json does not name each of its classes")
    return net


def alike(net: Network, other: Network) -> bool:
    """Whether the two can be compared: of the same classes and data, at the same levels and input size."""
    shared = ("levels", "input_size")
    same = [net.arguments[key] == other.arguments[key] for key in shared]
    return all(same) and (net.info.class_names, net.info.dataset) == (other.info.class_names, other.info.dataset)


def prepared(picture: Image.Image, net: Network) -> torch.Tensor:
    """The picture's centred square as ``net`` takes it: float32 [1, 3, H, W] on its device."""
    return network_input(net, to_pixels(crop_square(picture, net.arguments["input_size"]))[None])
