"""SVHN (Netzer et al. 2011), through torchvision: digits cut out of photographs of house numbers."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch
from torchvision.datasets import SVHN

from training.data.fetch import read_or_fetch
from training.data.splits import Split


def load(name: str, data_dir: Path, size: int = 32, seed: int = 0) -> tuple[Split, Split, tuple[str, ...]]:
    """The splits "train" and "test", 73,257 and 26,032 pictures, and the class names "0" to "9".

    Raises:
        DataError: the files are damaged, or missing and cannot be fetched.
    """
    splits = []
    for part in ("train", "test"):
        url, file, _ = SVHN.split_list[part]
        present = (data_dir / file).is_file()
        s = read_or_fetch(
            partial(SVHN, data_dir, part, None, None), f"SVHN's {file}", present, f"the file from {url}", data_dir
        )
        splits.append(Split(torch.from_numpy(np.ascontiguousarray(s.data)), torch.from_numpy(s.labels)))
    train, test = splits
    return train, test, tuple("0123456789")
