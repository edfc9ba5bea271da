"""Recipes: every choice of a training run in one frozen object, saved with the run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes:
        name: what to call it.
        stages: (input side in pixels, epochs) in order. The trunk is convolutional and the global branch ends in an
            adaptive pool, so early epochs at a small side are sound, and cost (side / 32) squared of a full one.
        batch_size: pictures a step, over all processes together.
        lr: the peak of a one-cycle schedule, rising linearly for ``warmup`` of all steps, then falling linearly to 0.
        momentum, nesterov: of SGD (PyTorch's terms: no dampening).
        weight_decay: on weights of convolutions and linear layers; biases and norms, which set no function's
            complexity, are left alone.
        label_smoothing: mass taken from the right class and spread over all.
        ema: decay a step of the averaged weights, which are the ones kept; 0 keeps the raw weights.
        dropout: multiplies the paper's rates. Regularisation made for 300 epochs only slows a short run.
        flip: mirror half of the pictures.
        crop: move each picture by up to so many pixels, at 32 x 32.
        cutout: side of the square blanked in each picture, in pixels at 32 x 32.
    """

    name: str = "fast"
    stages: tuple[tuple[int, int], ...] = ((16, 6), (24, 4), (32, 5))
    batch_size: int = 128
    lr: float = 0.12
    warmup: float = 0.15
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    label_smoothing: float = 0.1
    ema: float = 0.999
    dropout: float = 0.0
    flip: bool = True
    crop: int = 4
    cutout: int = 0

    @property
    def epochs(self) -> int:
        return sum(epochs for _, epochs in self.stages)

    def side(self, epoch: int) -> int:
        """The input side of an epoch, counted from 0."""
        for side, epochs in self.stages:
            if epoch < epochs:
                return side
            epoch -= epochs
        raise IndexError("epoch beyond the recipe's last")

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of ``step`` (from 0) of ``steps``."""
        rise = max(1, round(self.warmup * steps))
        if step < rise:
            return self.lr * (step + 1) / rise
        return self.lr * (steps - step) / max(1, steps - rise)


def parse_stages(text: str) -> tuple[tuple[int, int], ...]:
    """Reads "16x4,24x3,32x3": four epochs at 16 pixels, three at 24, three at 32.

    Raises:
        ValueError: the text is not of that form.
    """
    try:
        stages = tuple((int(side), int(epochs)) for side, epochs in (part.split("x") for part in text.split(",")))
    except ValueError:
        stages = ()
    if not stages or any(side < 8 or epochs < 1 for side, epochs in stages):
        raise ValueError(f"stages are written like 16x4,24x3,32x3 (pixels x epochs, sides of 8 or more), not {text!r}")
    return stages


FAST = Recipe()
