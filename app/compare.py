"""Two or three explanations of one picture, set side by side: by compatibility, or by who asks (a query)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from PIL import Image

from app.explain import Explanation, Networks
from model import CheckpointError

OWN, QUERIED = "own", "queried"


@dataclass(frozen=True)
class Comparison:
    """Explanations of one picture by networks of one family, so that their grids agree.

    Attributes:
        explanations: name: explanation, in the order they are shown.
    """

    explanations: Mapping[str, Explanation]

    @property
    def levels(self) -> list[str]:
        """The levels that every one of them attends at, in depth order."""
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

    def correlations(self, pair: tuple[str, str]) -> dict[str, float | None]:
        return {level: self.correlation(pair, level) for level in self.levels}


def correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Pearson's r over all positions of two maps [H, W], from -1 to 1; None where one of them is constant."""
    a, b = (x - x.mean() for x in (a.astype(np.float64) * a.size, b.astype(np.float64) * b.size))
    norms = math.sqrt((a * a).sum() * (b * b).sum())
    if norms < 1e-12 * a.size:
        return None
    return float(np.clip((a * b).sum() / norms, -1, 1))


def compare(networks: Networks, picture: Image.Image, checkpoint: str) -> Comparison:
    """Asks every network of a family about the same picture.

    Raises:
        CheckpointError: there is no such family, or it has weights for one compatibility only.
    """
    there = networks.families.get(checkpoint)
    if there is None:
        raise CheckpointError(f"There is no such checkpoint; there are: {', '.join(networks.families)}.")
    if len(there) < 2:
        raise CheckpointError(
            "This checkpoint has weights for one compatibility only, so there is nothing to set beside it."
        )
    return Comparison({name: networks.explain(picture, checkpoint, name) for name in there})


def ask(networks: Networks, picture: Image.Image, query: Image.Image, checkpoint: str, compatibility: str):
    """A picture's own maps beside those that another picture's global feature asks of its local features.

    Returns:
        A ``Comparison`` of ``OWN`` and ``QUERIED``; under pc they are equal, as no map depends on the global feature.

    Raises:
        CheckpointError: there are no such weights.
    """
    return Comparison(
        {
            OWN: networks.explain(picture, checkpoint, compatibility),
            QUERIED: networks.explain(picture, checkpoint, compatibility, query),
        }
    )
