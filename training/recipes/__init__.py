"""Recipes: every choice of a training run in one frozen object, saved with the run.

``fast`` and ``paper`` are one file each; ``registry.named("fast", dataset, arch)`` gives the one for a data set and a
network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from model.networks.layers import LARGEST_INPUT


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes:
        name: what to call it.
        stages: (input side in pixels, epochs) in order. All that is in pixels is meant for pictures of 32 x 32
            and scaled for others; a side of 0 is the pictures' own.
        batch_size: pictures a step, over all processes together.
        lr: the peak learning rate of a one-cycle schedule; with milestones, the first learning rate.
        warmup: one-cycle rises linearly for this share of all steps, then falls linearly to 0.
        milestones: (epoch, factor): from that epoch on (counted from 0) the rate is multiplied. Replaces one-cycle.
        momentum, nesterov: of SGD (PyTorch's terms: no dampening).
        weight_decay: L2 penalty.
        decay_all: penalise biases and norms too, not weights of convolutions and linear layers alone.
        label_smoothing: mass taken from the right class and spread over all.
        ema: decay a step of the averaged weights, which are the ones kept; 0 keeps the raw weights.
        dropout: multiplies the paper's dropout rates.
        flip: mirror half of the pictures.
        crop: move each picture by up to so many pixels, reflecting at the border, before any resizing.
        cutout: side in pixels of the square blanked in each picture, before any resizing.
        author_init: draw the first weights as the author's code does (``paper.initialise``).
        objective: what a step minimises, a name of ``training.objectives.OBJECTIVES``; what follows is for ``ask``.
        absent: share of the scenes that do not show the class that is asked for.
        single: weight of the loss of single pictures, beside the one of scenes.
        locate: weight of the loss of where the map lies, for each level, from the last one back.
        mixed: sides of the single pictures, step by step in turn, in place of the stage's; none keeps the stage's.
    """

    name: str
    stages: tuple[tuple[int, int], ...]
    batch_size: int = 128
    lr: float = 0.1
    warmup: float = 0.0
    milestones: tuple[tuple[int, float], ...] = ()
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 5e-4
    decay_all: bool = False
    label_smoothing: float = 0.0
    ema: float = 0.0
    dropout: float = 1.0
    flip: bool = True
    crop: int = 0
    cutout: int = 0
    author_init: bool = False
    objective: str = "class"
    absent: float = 0.1
    single: float = 1.0
    locate: tuple[float, ...] = (0.3, 0.1)
    mixed: tuple[int, ...] = ()

    @property
    def epochs(self) -> int:
        return sum(epochs for _, epochs in self.stages)

    def side(self, epoch: int) -> int:
        """The input side of an epoch, counted from 0; 0 is the data set's own."""
        for side, epochs in self.stages:
            if epoch < epochs:
                return side
            epoch -= epochs
        raise IndexError("epoch beyond the recipe's last")

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of ``step`` (from 0) of ``steps``."""
        if self.milestones:
            epoch, rate = step * self.epochs // steps, self.lr
            for milestone, factor in self.milestones:
                rate *= factor if epoch >= milestone else 1
            return rate
        rise = max(1, round(self.warmup * steps))
        if step < rise:
            return self.lr * (step + 1) / rise
        return self.lr * (steps - step) / max(1, steps - rise)


def parse_stages(text: str) -> tuple[tuple[int, int], ...]:
    """Reads "16x4,24x3,32x3": four epochs at 16 pixels, three at 24, three at 32. "0x9" is nine at the data's own side.

    Raises:
        ValueError: the text is not of that form.
    """
    try:
        stages = tuple((int(side), int(epochs)) for side, epochs in (part.split("x") for part in text.split(",")))
    except ValueError:
        stages = ()
    if not stages or any(not (8 <= side <= LARGEST_INPUT or side == 0) or epochs < 1 for side, epochs in stages):
        form = f"16x4,24x3,32x3 (pixels x epochs, sides of 8 to {LARGEST_INPUT})"
        raise ValueError(f"stages are written like {form}, not {text!r}")
    return stages


def parse_numbers(text: str, kind: type = float) -> tuple:
    """Reads "0.3,0.1": numbers that are not negative, with commas between them. "none" is no number.

    Raises:
        ValueError: the text is not of that form.
    """
    try:
        numbers = () if text == "none" else tuple(map(kind, text.split(",")))
    except ValueError:
        numbers = (-1,)
    if any(not 0 <= number < math.inf for number in numbers):
        raise ValueError(f"a list of numbers is written like 0.3,0.1 or none, not {text!r}")
    return numbers


def parse_milestones(text: str) -> tuple[tuple[int, float], ...]:
    """Reads "60:0.2,120:0.2": multiply the rate by 0.2 from epoch 60 on, and again from 120 on. "none" is one-cycle.

    Raises:
        ValueError: the text is not of that form.
    """
    if text == "none":
        return ()
    try:
        pairs = tuple((int(epoch), float(factor)) for epoch, factor in (part.split(":") for part in text.split(",")))
    except ValueError:
        pairs = ()
    if not pairs or any(epoch < 0 or not 0 < factor < math.inf for epoch, factor in pairs):
        form = "60:0.2,120:0.2 (epoch:factor, factors above 0)"
        raise ValueError(f"milestones are written like {form} or none, not {text!r}")
    return pairs
