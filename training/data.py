"""Data sets, whole, as uint8 tensors: 50,000 CIFAR pictures are 154 MB, so they stay in memory (or on the GPU)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor


class DataError(ValueError):
    """Data that cannot be used; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class Split:
    """Pictures uint8 [N, 3, H, W] and labels int64 [N]."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> Split:
        return Split(self.images.to(device), self.labels.to(device))

    def take(self, index: Tensor) -> Split:
        return Split(self.images[index], self.labels[index])


@dataclass(frozen=True)
class Dataset:
    """Train and test splits with the class names, and the per-channel mean and std of the training pixels (0..1)."""

    name: str
    train: Split
    test: Split
    class_names: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def load(name: str, data_dir: str | Path = "data") -> Dataset:
    """Reads a data set; torchvision fetches it into ``data_dir`` where it is missing and there is a network.

    Raises:
        DataError: the name is unknown, or the data are missing or damaged.
    """
    if name != "cifar10":
        raise DataError(f"there is no data set called {name!r}; there is cifar10")
    train, test, class_names = cifar10(Path(data_dir))
    mean, std = channel_statistics(train.images)
    return Dataset(name, train, test, class_names, mean, std)


def cifar10(data_dir: Path) -> tuple[Split, Split, tuple[str, ...]]:
    from torchvision.datasets import CIFAR10

    folder = data_dir / CIFAR10.base_folder
    try:
        # An intact copy is used as it is; only where there is none is the network asked.
        splits = [CIFAR10(data_dir, train=train, download=not folder.is_dir()) for train in (True, False)]
    except (OSError, RuntimeError) as e:
        state = "damaged or incomplete" if folder.is_dir() else "missing, and could not be fetched"
        raise DataError(
            f"CIFAR-10 is {state}: put the folder cifar-10-batches-py of its python version into {data_dir}"
        ) from e
    train, test = (
        Split(torch.from_numpy(s.data).permute(0, 3, 1, 2).contiguous(), torch.tensor(s.targets)) for s in splits
    )
    return train, test, tuple(splits[0].classes)


def channel_statistics(images: Tensor) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Mean and std per channel of uint8 [N, 3, H, W], of pixels scaled to 0..1, from exact counts of each value."""
    values = torch.arange(256, dtype=torch.float64) / 255
    mean, std = [], []
    for channel in range(3):
        share = torch.bincount(images[:, channel].flatten(), minlength=256).double()
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
