"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009), through torchvision."""

from __future__ import annotations

from pathlib import Path

import torch
from torchvision.datasets import CIFAR10, CIFAR100

from model.datasets import dataset_title
from training.data.fetch import read_or_fetch
from training.data.splits import Split

KINDS = {"cifar10": CIFAR10, "cifar100": CIFAR100}


def load(name: str, data_dir: Path, size: int = 32, seed: int = 0) -> tuple[Split, Split, tuple[str, ...]]:
    """Both official splits, 50,000 and 10,000 pictures, and the class names.

    Raises:
        DataError: the files are damaged, or missing and cannot be fetched.
    """
    kind = KINDS[name]
    folder = data_dir / kind.base_folder
    splits = read_or_fetch(
        lambda download: [kind(data_dir, train=train, download=download) for train in (True, False)],
        dataset_title(name),
        folder.is_dir(),
        f"the folder {folder.name} out of {kind.url}",
        data_dir,
    )
    train, test = (
        Split(torch.from_numpy(s.data).permute(0, 3, 1, 2).contiguous(), torch.tensor(s.targets)) for s in splits
    )
    return train, test, tuple(splits[0].classes)
