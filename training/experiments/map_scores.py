"""How well a map finds an object: scores of maps [N, H, W] against how much of each pixel the object covers."""

from __future__ import annotations

import torch
from scipy.stats import rankdata
from torch import Tensor

THRESHOLDS = tuple((i / 50) ** 2 for i in range(50))  # of the stretched map; finer towards 0, where sharp maps need it


def mass_inside(maps: Tensor, coverage: Tensor) -> Tensor:
    """The share of each non-negative map [N, H, W] inside its object: [N]."""
    maps = without_blanks(maps).double()
    return (maps * coverage).sum((1, 2)) / maps.sum((1, 2))


def peak_inside(maps: Tensor, coverage: Tensor) -> Tensor:
    """1 if at least half of the highest pixel is on the object, else 0; the mean if several are equally high: [N]."""
    highest = (maps == maps.amax((1, 2), keepdim=True)).double()
    return (highest * (coverage >= 0.5)).sum((1, 2)) / highest.sum((1, 2))


def auc(maps: Tensor, coverage: Tensor) -> Tensor:
    """How often a pixel of the object is higher than a pixel outside it; equal ones count half: [N].

    A pixel belongs to the object if at least half of it does. NaN if all pixels belong to it, or none.
    """
    inside = (coverage >= 0.5).flatten(1).double()
    places = torch.from_numpy(rankdata(maps.flatten(1).numpy(), axis=1))
    n = inside.sum(1)
    return ((places * inside).sum(1) - n * (n + 1) / 2) / (n * (inside.shape[1] - n))


def overlap(maps: Tensor, coverage: Tensor, threshold: float) -> Tensor:
    """IoU of each object and the pixels where the stretched map is at least ``threshold``, by area: [N]."""
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    mask = (maps - low >= threshold * (high - low)).double()  # a map without contrast: every pixel
    both = (mask * coverage).sum((1, 2))
    return both / (mask.sum((1, 2)) + coverage.sum((1, 2)) - both)


def best_threshold(maps: Tensor, coverage: Tensor) -> float:
    """The threshold of ``THRESHOLDS`` with the highest mean IoU; the lowest of equally good ones."""
    thresholds = torch.tensor(THRESHOLDS, dtype=torch.float64)
    low, high = (m.double() for m in (maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)))
    heights = torch.where(high > low, (maps.double() - low) / (high - low), 1.0)
    ranks = torch.bucketize(heights, thresholds, right=True).flatten(1)  # how many thresholds a pixel is above
    covers = coverage.double().flatten(1)

    def above(weights: Tensor) -> Tensor:
        """The sum of weights [N, H W] of the pixels at or above each threshold: [N, T]."""
        sums = torch.zeros(len(maps), len(THRESHOLDS) + 1, dtype=torch.float64).scatter_add_(1, ranks, weights)
        return sums.flip(1).cumsum(1).flip(1)[:, 1:]

    both = above(covers)
    iou = both / (above(torch.ones_like(covers)) + covers.sum(1, keepdim=True) - both)
    return THRESHOLDS[int(iou.mean(0).argmax())]


def is_blank(maps: Tensor) -> Tensor:
    return maps.amax((1, 2)) <= 0


def without_blanks(maps: Tensor) -> Tensor:
    return torch.where(is_blank(maps)[:, None, None], torch.ones_like(maps), maps)
