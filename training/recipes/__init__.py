"""Recipes: every choice of a training run in one frozen object, saved with the run.

``fast`` and ``paper`` are one file each; ``registry.find_recipe("fast", dataset, arch)`` gives the recipe for a data
set and a network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any

from training.recipes.reading import parse_milestones, parse_numbers, parse_sides, parse_stages

OF_SCENES = ("absent", "single", "locate", "mixed")  # settings that matter under --objective ask only


def setting(
    default: Any,
    help: str,
    low: float | None = None,
    high: float | None = None,
    read: Callable[[str], Any] | None = None,
) -> Any:
    """A field of a recipe that is also an option of the command line.

    Args:
        default: its value; ``MISSING`` where every recipe must give one.
        help: what it means.
        low, high: the least and the greatest value on the command line.
        read: turns what is typed into the value, if that is more than a number or a word.
    """
    return field(default=default, metadata={"help": help, "low": low, "high": high, "read": read})


@dataclass(frozen=True)
class Recipe:
    """How to train. ``fit --help`` prints what each field means.

    Lengths in pixels are for pictures of 32 x 32; they are scaled for others.
    """

    name: str
    stages: tuple[tuple[int, int], ...] = setting(
        MISSING,
        "Side in pixels x epochs, in turn, such as 16x4,24x3,32x3. A side of 0 is the pictures' own.",
        read=parse_stages,
    )
    batch_size: int = setting(128, "Pictures in a step, over all processes together.", low=2)
    lr: float = setting(0.1, "Highest learning rate of the one-cycle schedule; with --milestones, the first rate.")
    warmup: float = setting(0.0, "One-cycle: share of the steps in which the rate rises; then it falls to 0.", 0, 1)
    milestones: tuple[tuple[int, float], ...] = setting(
        (),
        "Epoch:factor, such as 60:0.2,120:0.2. From that epoch on, counted from 0, the rate is multiplied by the "
        "factor. none: the one-cycle schedule.",
        read=parse_milestones,
    )
    momentum: float = setting(0.9, "Momentum of SGD, without dampening.", 0, 0.999)
    nesterov: bool = setting(False, "Nesterov momentum.")
    weight_decay: float = setting(5e-4, "Weight of the L2 penalty.", 0)
    decay_all: bool = setting(
        False, "Also penalise biases and norms, not only the weights of convolutions and linear layers."
    )
    label_smoothing: float = setting(0.0, "Probability taken from the right class and spread over all classes.", 0, 0.9)
    ema: float = setting(0.0, "Decay in each step of the running average of the weights; 0: no average.", 0, 0.99999)
    dropout: float = setting(1.0, "Multiplies the paper's dropout rates.", 0, 1.9)
    flip: bool = setting(True, "Mirror half of the pictures, at random.")
    crop: int = setting(0, "Shift each picture at random by up to this many pixels, reflected at the border.", 0)
    area: float = setting(
        1.0, "Cut a random part of at least this share of each picture's area, and enlarge it to the whole.", 0.01, 1
    )
    cutout: int = setting(0, "Side in pixels of a square that is blanked in each picture; 0: none.", 0)
    author_init: bool = setting(False, "Draw the first weights as the author's code does.")
    objective: str = setting(
        "class", "What to train for: class, to classify; or ask, to answer questions about scenes too."
    )
    absent: float = setting(0.1, "With ask: share of the scenes that do not show the class asked for.", 0, 1)
    single: float = setting(1.0, "With ask: weight of the loss of single pictures.", 0)
    locate: tuple[float, ...] = setting(
        (0.3, 0.1),
        "With ask: weights of the loss that draws maps to the picture asked for, from the last level back.",
        read=parse_numbers,
    )
    mixed: tuple[int, ...] = setting(
        (),
        "With ask: sides at which single pictures are read, in turn from step to step, such as 32,32,48.",
        read=parse_sides,
    )

    def with_changes(self, changes: Mapping[str, Any]) -> Recipe:
        """This recipe with the values of the command line; None changes nothing.

        Raises:
            ValueError: a value has the wrong form, or does not go with the others.
        """
        values = {name: value for name, value in changes.items() if value is not None}
        for each in fields(self):
            if each.name in values and each.metadata["read"]:
                values[each.name] = each.metadata["read"](values[each.name])
        recipe = replace(self, **values)
        if recipe.objective != "ask" and (idle := [name for name in OF_SCENES if name in values]):
            raise ValueError(f"--{idle[0]} goes with --objective ask")
        if recipe.milestones and values.get("warmup"):
            raise ValueError("there is no warm-up where milestones set the learning rate: add --milestones none")
        return recipe

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
