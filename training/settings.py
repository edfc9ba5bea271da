"""The settings of a run: everything that decides its result."""

from __future__ import annotations

from dataclasses import dataclass

from training.recipes import Recipe


@dataclass(frozen=True)
class Settings:
    """The settings of a run, saved as settings.json and compared on resume.

    Attributes:
        arch: a name that ``model.build`` knows.
        dataset: a name that ``data.load`` knows.
        recipe: how to train.
        width: multiplies every channel count.
        seed: fixes initial weights, order, augmentation and dropout.
        input_size: side of the pictures in pixels, where the data set leaves a choice; 0 is its default.
        split_seed: chooses the held-out pictures, and the test pictures of a folder without a test split.
        holdout: training pictures held out to choose settings by; 0 trains on all and measures the test split, once.
        precision: "float32" or "bf16" (autocast; weights stay float32).
        scale_scores: dp only, see ``model.networks.attention.DotProduct``.
        start: a checkpoint to start from; "" starts from scratch.
        limit: number of training pictures to use, chosen at random; 0 uses all.
    """

    arch: str
    dataset: str
    recipe: Recipe
    width: float = 1.0
    seed: int = 0
    input_size: int = 0
    split_seed: int = 0
    holdout: int = 0
    precision: str = "float32"
    scale_scores: bool | str = True
    start: str = ""
    limit: int = 0
