"""Measuring a network on a whole split, in float32, one pass, no augmentation."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from model import Network
from model.presets import normalise
from training.augment import resize
from training.data import Dataset, Split


@dataclass(frozen=True)
class Measured:
    """What one pass over a split gives; errors are fractions.

    Attributes:
        error: top-1 error.
        interval: its 95 % interval (Wilson).
        images: how many pictures.
        per_class: class name to error.
        calibration: expected calibration error, 15 equal bins of confidence.
    """

    error: float
    interval: tuple[float, float]
    images: int
    per_class: dict[str, float]
    calibration: float

    def as_dict(self) -> dict:
        return asdict(self)


@torch.inference_mode()
def predict(net: Network, split: Split, mean, std, batch_size: int = 250, side: int | None = None) -> Tensor:
    """Logits [N, K] of every picture of a split, on the CPU."""
    device = next(net.parameters()).device
    net.eval()
    logits = []
    for images in split.images.split(batch_size):
        x = normalise(images.to(device), mean, std)
        logits.append(net(resize(x, side) if side else x)[0].float().cpu())
    return torch.cat(logits)


def measure(logits: Tensor, labels: Tensor, class_names: tuple[str, ...]) -> Measured:
    """Error, interval, per-class error and calibration from logits [N, K] and labels [N]."""
    labels = labels.cpu()
    confidence, answer = logits.softmax(1).max(1)
    right = answer == labels
    n, error = len(labels), 1 - right.double().mean().item()
    per_class = {
        name: round(1 - right[labels == k].double().mean().item(), 6)
        for k, name in enumerate(class_names)
        if (labels == k).any()
    }
    bins = (confidence * 15).long().clamp(max=14)
    gaps = [
        (bins == i).double().mean() * (confidence[bins == i].double().mean() - right[bins == i].double().mean()).abs()
        for i in bins.unique()
    ]
    return Measured(round(error, 6), wilson(error, n), n, per_class, round(float(sum(gaps)), 6))


def evaluate(net: Network, data: Dataset) -> Measured:
    """Measures a network on all test pictures of ``data``, normalised as the network was trained."""
    logits = predict(net, data.test, net.info.mean, net.info.std)
    return measure(logits, data.test.labels, data.class_names)


def wilson(error: float, n: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a fraction seen in ``n`` trials."""
    z = 1.959964
    centre = (error + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(error * (1 - error) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return round(max(0.0, centre - half), 6), round(min(1.0, centre + half), 6)
