"""Data sets, whole, as uint8 tensors: 50,000 CIFAR pictures are 154 MB, so they stay in memory (or on the GPU).

``load("cifar10")`` reads one by its name. To add one: see ``model.datasets``.
"""

from __future__ import annotations

import unicodedata
from importlib import import_module
from pathlib import Path

from model.datasets import facts
from training.data.splits import DataError, Dataset, Split, channel_statistics, hold_out

__all__ = ["DataError", "Dataset", "Split", "channel_statistics", "hold_out", "load"]


def load(name: str, data_dir: str | Path = "data", seed: int = 0, input_size: int | None = None) -> Dataset:
    """Reads a data set; torchvision fetches its own into ``data_dir`` if they are missing and there is a network.

    Args:
        name: a key of ``model.datasets.DATASETS``, or folder:PATH (a relative PATH is looked for here, then in
            ``data_dir``).
        data_dir: the folder that holds the data sets.
        seed: chooses the test pictures of a folder without a test split, and the fold of stl10. The others have a test
            split of their own.
        input_size: side of the square pictures, in pixels, if the data set can be read at several.

    Raises:
        DataError: the name is unknown, or the data are missing or damaged.
    """
    try:
        row = facts(name)
    except ValueError as e:
        raise DataError(str(e)) from None
    data_dir, size = Path(data_dir).expanduser(), input_size or row.side
    if row.resizable and not 8 <= size <= 1024:
        raise DataError(f"the input size must be 8 to 1024 pixels, not {size}")
    if not row.resizable and size != row.side:
        raise DataError(f"the pictures of {name} are {row.side} pixels wide and high, not {size}")

    source = import_module(f"training.data.{row.source}")
    try:
        train, test, class_names, *more_tests = source.load(name, data_dir, size, seed)
    except OSError as e:
        raise DataError(f"{e.filename or data_dir} cannot be read: {e.strerror or e}") from e
    mean, std = channel_statistics(train.images)
    if name.startswith("folder:"):
        # The name is published with the weights, so it does not say where the folder lies.
        title = unicodedata.normalize("NFC", Path(name[7:]).expanduser().resolve().name)
        name = "folder:" + "".join(letter if letter.isprintable() else " " for letter in title)
    if not min(std):
        raise DataError(f"all training pictures of {name} have one and the same colour")
    return Dataset(name, train, test, class_names, mean, std, *more_tests)
