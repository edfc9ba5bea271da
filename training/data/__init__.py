"""Data sets, whole, as uint8 tensors: 50,000 CIFAR pictures are 154 MB, so they stay in memory (or on the GPU)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPException
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

INPUT_SIZE = {"cifar10": 32, "cifar100": 32, "svhn": 32, "cub": 80, "folder": 32}


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

    def draw(self, count: int) -> Split:
        """``count`` pictures at random, at most all, the same ones whenever asked, in the split's order."""
        drawn = torch.randperm(len(self), generator=torch.Generator().manual_seed(0))[:count]
        return self.take(drawn.sort().values)


@dataclass(frozen=True)
class Dataset:
    """Train and test splits with the class names, and the per-channel mean and std of the training pixels (0..1)."""

    name: str
    train: Split
    test: Split
    class_names: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @property
    def input_size(self) -> int:
        """Side of the square pictures, in pixels."""
        return self.train.images.shape[-1]

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the class names and of both splits' pictures and labels: equal for equal data alone."""
        digest = hashlib.sha256(json.dumps(self.class_names).encode())
        for tensor in (self.train.images, self.train.labels, self.test.images, self.test.labels):
            digest.update(str(tuple(tensor.shape)).encode())
            digest.update(tensor.contiguous().numpy())
        return digest.hexdigest()


def load(name: str, data_dir: str | Path = "data", seed: int = 0, input_size: int | None = None) -> Dataset:
    """Reads a data set; torchvision fetches its own into ``data_dir`` where they are missing and there is a network.

    Args:
        name: cifar10, cifar100, svhn, cub, or folder:PATH (a relative PATH is looked for here, then in ``data_dir``).
        data_dir: the folder that holds the data sets.
        seed: chooses the test pictures of a folder that has none set apart; the others come with their test split.
        input_size: side of the square pictures, in pixels, for cub (default 80) and folders (default 32).

    Raises:
        DataError: the name is unknown, or the data are missing or damaged.
    """
    kind, _, path = name.partition(":")
    if kind not in INPUT_SIZE or (kind == "folder") != bool(path):
        raise DataError(f"there is no data set called {name!r}; there are {', '.join(INPUT_SIZE)}:PATH")
    data_dir, size = Path(data_dir), input_size or INPUT_SIZE[kind]
    if kind in ("cub", "folder"):
        if not 8 <= size <= 1024:
            raise DataError(f"the input size must be 8 to 1024 pixels, not {size}")
    elif size != INPUT_SIZE[kind]:
        raise DataError(f"the pictures of {kind} are {INPUT_SIZE[kind]} pixels wide and high, not {size}")

    try:
        if kind == "folder":
            from training.data.folders import load_folder  # folders and birds import this module

            folder = Path(path).expanduser()
            if not folder.is_dir() and (data_dir / folder).is_dir():
                folder = data_dir / folder
            name = f"folder:{folder.resolve().name}"  # published with the weights, so not where it lies
            train, test, class_names = load_folder(folder, size, seed)
        elif kind == "cub":
            from training.data.birds import load_cub

            train, test, class_names = load_cub(data_dir, size)
        else:
            train, test, class_names = svhn(data_dir) if kind == "svhn" else cifar(kind, data_dir)
    except OSError as e:
        raise DataError(f"{e.filename or path or data_dir} cannot be read: {e.strerror or e}") from e
    mean, std = channel_statistics(train.images)
    if not min(std):
        raise DataError(f"all training pictures of {name} are of one and the same colour")
    return Dataset(name, train, test, class_names, mean, std)


def cifar(name: str, data_dir: Path) -> tuple[Split, Split, tuple[str, ...]]:
    from torchvision.datasets import CIFAR10, CIFAR100

    kind = {"cifar10": CIFAR10, "cifar100": CIFAR100}[name]
    title, folder = name.upper().replace("CIFAR", "CIFAR-"), data_dir / kind.base_folder
    with explained(title, folder.is_dir(), f"the folder {folder.name} out of {kind.url}", data_dir):
        # An intact copy is used as it is; only where there is none is the network asked.
        splits = [kind(data_dir, train=train, download=not folder.is_dir()) for train in (True, False)]
    train, test = (
        Split(torch.from_numpy(s.data).permute(0, 3, 1, 2).contiguous(), torch.tensor(s.targets)) for s in splits
    )
    return train, test, tuple(splits[0].classes)


def svhn(data_dir: Path) -> tuple[Split, Split, tuple[str, ...]]:
    from torchvision.datasets import SVHN

    splits = []
    for part in ("train", "test"):
        url, file, _ = SVHN.split_list[part]
        present = (data_dir / file).is_file()
        with explained(f"SVHN's {file}", present, f"the file from {url}", data_dir):
            s = SVHN(data_dir, part, download=not present)
        splits.append(Split(torch.from_numpy(np.ascontiguousarray(s.data)), torch.from_numpy(s.labels)))
    return *splits, tuple("0123456789")


@contextmanager
def explained(title: str, present: bool, what: str, where: Path) -> Iterator[None]:
    """Turns torchvision's refusals into the one sentence that helps."""
    try:
        yield
    except (OSError, RuntimeError, HTTPException) as e:
        state = "damaged or incomplete" if present else "missing, and could not be fetched"
        raise DataError(f"{title} is {state}: put {what} into {where}") from e


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
