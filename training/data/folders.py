"""Anyone's own pictures: ``folder:PATH``, one folder a class.

PATH/train/<class>/* and PATH/test/<class>/*     with a test split
PATH/<class>/*                                   without: about a fifth becomes the test split
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import torch

from model.presets import crop_square
from training.data.files import read_all, read_picture
from training.data.splits import DataError, Split

TEST_SHARE = 0.2


def load(name: str, data_dir: Path, size: int, seed: int) -> tuple[Split, Split, tuple[str, ...]]:
    """Reads class folders: (train, test, class names). ``name`` is "folder:PATH", PATH from here or in ``data_dir``.

    Files that hold no picture are named on stderr and skipped.

    Which pictures are test pictures depends on the seed and each file's own name, so it stays as it is when others are
    added or go (see ``choose_test`` for classes of a few pictures).

    Raises:
        DataError: no such folder, fewer than two classes, or a class without any picture to learn from.
    """
    path = Path(name.removeprefix("folder:")).expanduser()
    if not path.is_dir() and (data_dir / path).is_dir():
        path = data_dir / path
    if not path.is_dir():
        raise DataError(
            f"there is no folder {path} here, nor in --data-dir, which may name where it lies; "
            "it must hold one folder of pictures for each class"
        )
    if folders(path / "train"):
        if not folders(path / "test"):
            raise DataError(f"{path} has class folders in train but none in test")
        names = class_names(path / "train")
        if foreign := [f.name for f in folders(path / "test") if f.name not in names]:
            raise DataError(f"{path / 'test'} has a class {foreign[0]} that train has not")
        train, test = (read_split(path / part, names, size)[0] for part in ("train", "test"))
    else:
        names = class_names(path)
        whole, files = read_split(path, names, size)
        chosen = choose_test(files, whole.labels.tolist(), path, seed)
        train, test = whole.take(~chosen), whole.take(chosen)
    for label, name in enumerate(names):
        if not (train.labels == label).any():
            raise DataError(f"the class {name} in {path} has no picture to train on: add some, or remove its folder")
    if not len(test):
        raise DataError(f"{path} has no picture to test on: a class needs at least two")
    return train, test, names


def folders(path: Path) -> list[Path]:
    """The folders in ``path``, by name, without hidden ones; none where there is no ``path``."""
    return sorted(f for f in path.iterdir() if f.is_dir() and f.name[0] != ".") if path.is_dir() else []


def class_names(path: Path) -> tuple[str, ...]:
    names = tuple(folder.name for folder in folders(path))
    if len(names) < 2:
        raise DataError(f"{path} must hold one folder of pictures for each class, at least two; it holds {len(names)}")
    return names


def read_split(path: Path, names: tuple[str, ...], size: int) -> tuple[Split, list[Path]]:
    """All pictures under the class folders of ``path``, and their files; hidden files are passed over."""
    files, labels = [], []
    for label, name in enumerate(names):
        found = sorted(f for f in (path / name).rglob("*") if f.is_file())
        found = [f for f in found if not any(part[0] == "." for part in f.relative_to(path).parts)]
        files += found
        labels += [label] * len(found)
    images, kept, bad = read_all(lambda i: crop_square(read_picture(files[i]), size), len(files), size, path.name)
    for i, reason in bad.items():
        print(f"skipped {files[i].relative_to(path)}: {reason}", file=sys.stderr)
    if bad:
        print(f"skipped {len(bad):,} of {len(files):,} files in {path}", file=sys.stderr)
    return Split(images, torch.tensor([labels[i] for i in kept], dtype=torch.int64)), [files[i] for i in kept]


def choose_test(files: list[Path], labels: list[int], path: Path, seed: int) -> torch.Tensor:
    """Which pictures are for testing, bool [N]: each by itself, with a probability of ``TEST_SHARE``.

    A class of two pictures or more has at least one in each split; only there does a picture depend on others.
    """

    def rank(i: int) -> float:
        digest = hashlib.sha256(b"%d/%s" % (seed, os.fsencode(files[i].relative_to(path).as_posix()))).digest()
        return int.from_bytes(digest[:8], "big") / 2**64

    classes, chosen = {}, torch.zeros(len(files), dtype=torch.bool)
    for i, label in enumerate(labels):
        classes.setdefault(label, []).append(i)
    for members in classes.values():
        members.sort(key=rank)
        below = sum(rank(i) < TEST_SHARE for i in members)
        chosen[members[: min(max(1, below), len(members) - 1)]] = True
    return chosen
