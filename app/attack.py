"""A picture before and after an attack: every pixel is changed a little to make the network's answer less likely."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image

from app.networks import Networks
from model.attacks import METHODS
from model.compare import Comparison
from model.presets import to_pixels

STRONGEST = 16  # of 255; beyond it the picture itself is spoilt
CLEAN, ATTACKED = "clean", "attacked"
PAIR = (ATTACKED, CLEAN)  # a difference above zero: the attack drew attention there


@dataclass(frozen=True)
class Attack:
    """A picture and its attacked copy, both as the network answers them.

    Attributes:
        comparison: ``CLEAN`` and ``ATTACKED``; what the network saw is in each explanation's ``seen``.
        method: one of ``METHODS``.
        epsilon: how far each of a pixel's values may move, in steps of 1 / 255.
    """

    comparison: Comparison
    method: str
    epsilon: int

    @property
    def moves(self) -> np.ndarray:
        """By how much each value moved, int [H, W, 3], in steps of 1 / 255."""
        after, before = (np.asarray(self.comparison.explanations[name].seen, int) for name in PAIR)
        return after - before

    @property
    def largest_move(self) -> int:
        """Of any value, in steps of 1 / 255."""
        return int(np.abs(self.moves).max())

    @property
    def is_fooled(self) -> bool:
        before, after = (self.comparison.explanations[name].answer for name in (CLEAN, ATTACKED))
        return before != after

    def to_json(self) -> dict:
        """Both answers, how far each level's two maps agree, and the attack itself."""
        return {
            **{name: e.to_json() for name, e in self.comparison.explanations.items()},
            "fooled": self.is_fooled,
            "correlation": self.comparison.correlations(PAIR),
            "method": self.method,
            "epsilon": self.epsilon,
            "largest_move": self.largest_move,
        }


def attack(
    networks: Networks,
    picture: Image.Image,
    checkpoint: str,
    compatibility: str,
    method: str,
    epsilon: int,
    draw: bool = True,
) -> Attack:
    """Attacks the network's own answer, by its own gradients.

    The attacked picture is rounded to whole steps of 1 / 255, as a file would hold it. As ``epsilon`` is a whole number
    of steps, no value moves further than that.

    Args:
        networks: all of them.
        picture: its centred square is used, at the network's input size.
        checkpoint, compatibility: whose answer, as ``Networks.find`` takes them.
        method: one of ``METHODS``.
        epsilon: 0 to ``STRONGEST``, in steps of 1 / 255.
        draw: False leaves out the square, which only drawings of the maps need.

    Raises:
        CheckpointError: there are no such weights.
    """
    clean = networks.explain(picture, checkpoint, compatibility, draw=draw)
    net = networks.network(checkpoint, compatibility)
    pixels = to_pixels(clean.seen)[None].to(net.device)
    labels = torch.tensor([net.info.class_names.index(clean.answer)], device=net.device)
    pixels = METHODS[method](net, pixels, labels, epsilon)[0]
    copy = Image.fromarray((pixels * 255).round().byte().permute(1, 2, 0).cpu().numpy())
    answer = networks.explain(copy, checkpoint, compatibility, draw=False)
    answer = replace(answer, square=clean.square)  # both maps over the same picture; enlarged, ``copy`` is a blur
    return Attack(Comparison({CLEAN: clean, ATTACKED: answer}), method, epsilon)
