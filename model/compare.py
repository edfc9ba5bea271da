"""Several explanations of one picture, and how far their maps agree."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch

from model.explanation import Explanation
from model.networks import attention


@dataclass(frozen=True)
class Comparison:
    """Explanations of one picture, by networks whose grids agree or under different questions.

    Attributes:
        explanations: name: explanation, in the order they are shown.
    """

    explanations: Mapping[str, Explanation]

    @property
    def levels(self) -> list[str]:
        """The levels that all of them have, in depth order."""
        first, *others = self.explanations.values()
        return [level for level in first.levels if all(level in other.levels for other in others)]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return list(combinations(self.explanations, 2))

    def difference(self, pair: tuple[str, str], level: str) -> np.ndarray:
        """The first map minus the second, [H, W], in multiples of uniform."""
        a, b = (self.explanations[name].levels[level].times_uniform for name in pair)
        return a - b

    def correlation(self, pair: tuple[str, str], level: str) -> float | None:
        """Pearson's r of the two maps over all positions; None where one of them is even."""
        return correlation(*(self.explanations[name].levels[level].attention for name in pair))

    def to_json(self) -> dict:
        """Every answer as ``Explanation.to_json`` gives it, and each pair's correlations by level."""
        return {
            "answers": {name: e.to_json() for name, e in self.explanations.items()},
            "pairs": [{"of": list(pair), "correlation": self.correlations(pair)} for pair in self.pairs],
        }

    def correlations(self, pair: tuple[str, str]) -> dict[str, float | None]:
        return {level: self.correlation(pair, level) for level in self.levels}


def correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Pearson's r over all positions of two maps [H, W], from -1 to 1; None where one of them is even."""
    r = attention.correlation(torch.from_numpy(a)[None], torch.from_numpy(b)[None]).item()
    return None if math.isnan(r) else r
