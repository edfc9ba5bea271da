"""STL-10's 5,000 labelled photographs of 96 x 96 pixels (Coates et al. 2011), their ten folds, and object masks.

``data/stl10_binary`` holds train_X.bin, train_y.bin, class_names.txt and fold_indices.txt in the official form. A fold
is 1,000 photographs to train on; here the other 4,000 are the test split. masks.npy, which may be missing, is bool
[5000, 16, 16]: the cells that show the object.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from model import Network
from training.data.splits import DataError, Split

FOLDER = "stl10_binary"
SIDE = 96
CELLS = 16  # of a mask, along each side
CIFAR_NAMES = {"car": "automobile"}  # the one class that has another name in CIFAR-10


@dataclass(frozen=True)
class Photographs:
    """All labelled photographs.

    Attributes:
        images: uint8 [N, 3, 96, 96].
        labels: int64 [N].
        class_names: as CIFAR-10 has them, and monkey.
        folds: the numbers of the photographs in each official fold.
    """

    images: Tensor
    labels: Tensor
    class_names: tuple[str, ...]
    folds: tuple[Tensor, ...]

    def split(self, fold: int, side: int) -> tuple[Split, Split]:
        """The photographs of a fold, and all others, at ``side`` x ``side`` pixels."""
        inside = torch.zeros(len(self.labels), dtype=torch.bool)
        inside[self.folds[fold]] = True
        whole = Split(resize_all(self.images, side), self.labels)
        return whole.take(inside), whole.take(~inside)


def refuse_seen(name: str, net: Network, others: tuple[str, ...] = ()) -> None:
    """Raises DataError if a network was trained on photographs of STL-10, by the names of its data and its start.

    Args:
        name: the network's.
        net: its ``Info`` is read.
        others: data sets that hold the same photographs.
    """
    start = net.info.recipe.get("start") or ""
    if any(seen in net.info.dataset or seen in start for seen in ("stl10", *others)):
        raise DataError(f"{name} was trained on some of the photographs of STL-10 that would be measured")


def read_photographs(data_dir: Path) -> Photographs:
    """Reads the folder ``stl10_binary`` in ``data_dir``.

    Raises:
        DataError: it is missing, or damaged.
    """
    folder = Path(data_dir) / FOLDER
    try:
        pixels = np.fromfile(folder / "train_X.bin", np.uint8).reshape(-1, 3, SIDE, SIDE).transpose(0, 1, 3, 2)
        labels = np.fromfile(folder / "train_y.bin", np.uint8).astype(np.int64) - 1
        names = tuple(CIFAR_NAMES.get(name, name) for name in (folder / "class_names.txt").read_text().split())
        lines = (folder / "fold_indices.txt").read_text().splitlines()
        folds = tuple(torch.tensor([int(i) for i in line.split()]) for line in lines if line.strip())
        if len(pixels) != len(labels) or not folds or not 0 <= labels.min() <= labels.max() < len(names):
            raise ValueError
        if not all(0 <= fold.min() <= fold.max() < len(labels) for fold in folds):
            raise ValueError
    except FileNotFoundError as e:
        raise DataError(
            f"STL-10 is missing or incomplete: put its folder {FOLDER} (train_X.bin, train_y.bin, class_names.txt, "
            f"fold_indices.txt, from https://cs.stanford.edu/~acoates/stl10/) into {data_dir}"
        ) from e
    except (ValueError, RuntimeError) as e:
        raise DataError(f"the files of STL-10 in {folder} are damaged: copy them there again") from e
    return Photographs(torch.from_numpy(np.ascontiguousarray(pixels)), torch.from_numpy(labels), names, folds)


def read_masks(data_dir: Path) -> Tensor:
    """Which cells of each photograph show its object: bool [N, 16, 16].

    Raises:
        DataError: the file is missing or damaged.
    """
    file = Path(data_dir) / FOLDER / "masks.npy"
    try:
        masks = np.load(file)
        if masks.ndim != 3 or masks.shape[1:] != (CELLS, CELLS):
            raise ValueError
        return torch.from_numpy(masks)
    except FileNotFoundError as e:
        raise DataError(f"there are no object masks of STL-10: {file} is missing") from e
    except (EOFError, ValueError) as e:
        raise DataError(f"{file} is damaged: copy it there again") from e


def resize_all(images: Tensor, side: int, mode: str = "bicubic") -> Tensor:
    """uint8 [N, 3, H, W] to ``side`` x ``side``, antialiased, a part at a time."""
    if images.shape[-1] == side:
        return images
    results = torch.empty(len(images), 3, side, side, dtype=torch.uint8)
    for part, out in zip(images.split(1000), results.split(1000), strict=True):
        values = interpolate(part.float(), (side, side), mode=mode, antialias=True, align_corners=False)
        out.copy_(values.round_().clamp_(0, 255))
    return results


def load(name: str, data_dir: Path, size: int, seed: int) -> tuple[Split, Split, tuple[str, ...]]:
    """One official fold of 1,000 photographs to train on, and the other 4,000: (train, test, class names).

    ``seed`` is the number of the fold, from 0.

    Raises:
        DataError: see ``read_photographs``; or there is no such fold.
    """
    photographs = read_photographs(data_dir)
    if seed >= len(photographs.folds):
        raise DataError(f"STL-10 has {len(photographs.folds)} folds, counted from 0; there is no fold {seed}")
    return *photographs.split(seed, size), photographs.class_names
