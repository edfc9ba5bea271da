"""What a data set is once it is read: pictures and labels, split into training and test."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

MOST = 20  # classes that are listed


class DataError(ValueError):
    """Data that cannot be used; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class Split:
    """Pictures uint8 [N, 3, H, W] and labels int64 [N].

    ``times``, int64 [N], is how often an epoch of training shows each picture; None is once.
    """

    images: Tensor
    labels: Tensor
    times: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> Split:
        return Split(self.images.to(device), self.labels.to(device), self.times)

    def take(self, index: Tensor) -> Split:
        return Split(self.images[index], self.labels[index], None if self.times is None else self.times[index])

    @property
    def shown(self) -> Tensor:
        """The numbers of the pictures in an epoch of training, int64: each once, then those that are shown again."""
        if self.times is None:
            return torch.arange(len(self))
        return torch.cat([(self.times > earlier).nonzero().flatten() for earlier in range(int(self.times.max()))])

    def draw(self, count: int) -> Split:
        """``count`` random pictures, at most all, in the split's order; each call draws the same ones."""
        numbers = torch.randperm(len(self), generator=torch.Generator().manual_seed(0))[:count]
        return self.take(numbers.sort().values)


@dataclass(frozen=True)
class Dataset:
    """Train and test splits with the class names, and the per-channel mean and std of the training pixels (0..1).

    ``more_tests`` are other test sets of the same classes, by title.
    """

    name: str
    train: Split
    test: Split
    class_names: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    more_tests: Mapping[str, Split] = field(default_factory=dict)

    @property
    def input_size(self) -> int:
        """Side of the square pictures, in pixels."""
        return self.train.images.shape[-1]

    @property
    def overview(self) -> str:
        """The classes and how many pictures each has, in a line."""
        counts = [split.labels.bincount(minlength=len(self.class_names)).tolist() for split in (self.train, self.test)]
        rows = [f"{name} {train:,} + {test:,}" for name, train, test in zip(self.class_names, *counts, strict=True)]
        more = [f"and {len(rows) - MOST} more"] if len(rows) > MOST else []
        return f"{len(rows)} classes (training + test pictures): {', '.join(rows[:MOST] + more)}"

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the class names and of both splits' pictures and labels; only equal data have equal hashes."""
        digest = hashlib.sha256(json.dumps(self.class_names).encode())
        for tensor in (self.train.images, self.train.labels, self.test.images, self.test.labels):
            digest.update(str(tuple(tensor.shape)).encode())
            digest.update(tensor.contiguous().numpy())
        return digest.hexdigest()


def channel_statistics(images: Tensor) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Mean and std per channel of uint8 [N, 3, H, W], of pixels scaled to 0..1, from exact counts of each value."""
    values = torch.arange(256, dtype=torch.float64) / 255
    mean, std = [], []
    for channel in range(3):
        # In parts, because bincount makes 8 bytes of every pixel.
        counts = [torch.bincount(part.flatten(), minlength=256) for part in images[:, channel].split(10_000)]
        share = torch.stack(counts).sum(0).double()
        share /= share.sum()
        m = (share * values).sum()
        mean.append(round(m.item(), 4))
        std.append(round(((share * (values - m) ** 2).sum()).sqrt().item(), 4))
    return tuple(mean), tuple(std)


def hold_out(train: Split, count: int, seed: int = 0) -> tuple[Split, Split]:
    """Splits ``count`` random pictures off the training split: (what remains, held out). The seed fixes the choice.

    Raises:
        DataError: fewer than one picture would remain.
    """
    if not 0 <= count < len(train):
        raise DataError(f"cannot hold out {count} of {len(train)} training pictures")
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
    return train.take(order[count:].sort().values), train.take(order[:count].sort().values)
