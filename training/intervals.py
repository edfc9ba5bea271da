"""95 % intervals of what is measured over pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

RESAMPLES = 2000


@dataclass(frozen=True)
class Estimate:
    """A mean over pictures and its 95 % interval."""

    mean: float
    low: float
    high: float


def wilson(error: float, n: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a fraction seen in ``n`` trials."""
    z = 1.959964
    centre = (error + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(error * (1 - error) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return round(max(0.0, centre - half), 6), round(min(1.0, centre + half), 6)


def bootstrap_numbers(values: Tensor) -> Estimate | None:
    """``bootstrap`` of the values of [N] that are not NaN; None if there are none."""
    numbers = values[~values.isnan()]
    return bootstrap(numbers) if len(numbers) else None


def bootstrap(values: Tensor, seed: int = 0) -> Estimate:
    """The mean of [N] and its 95 % percentile interval; all maps of N pictures share the ``RESAMPLES`` resamples."""
    draws = torch.randint(len(values), (RESAMPLES, len(values)), generator=torch.Generator().manual_seed(seed))
    means = values.double()[draws].mean(1)
    low, high = torch.quantile(means, torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return Estimate(*(round(v, 4) for v in (values.double().mean().item(), low, high)))
