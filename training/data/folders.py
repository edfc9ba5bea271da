"""Your own pictures: ``folder:PATH``, one folder for each class.

PATH/train/<class>/* and PATH/test/<class>/*     with a test split; Train, training_set, seg_test and such count too
PATH/<class>/*                                   without one: about a fifth becomes the test split

Names are compared in Unicode's composed form, as some systems store accents apart from their letters.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import unicodedata
from pathlib import Path

import torch

from model.leftovers import files_in, is_left_behind
from model.presets import crop_square
from training.data.files import read_all, read_picture
from training.data.splits import DataError, Split

TEST_SHARE = 0.2
PARTS = {
    "train": {"train", "training", "trainset", "traindata", "trainval", "trn"},
    "test": {"test", "testing", "testset", "testdata", "tst"},
    "validation": {"val", "valid", "validation", "validate", "valset", "dev", "development", "eval", "evaluation"}
    | {"holdout", "heldout"},
}
BESIDE = {"set", "sets", "split", "data", "dataset", "image", "images", "img", "imgs", "picture", "pictures", "seg"}


def load(name: str, data_dir: Path, size: int, seed: int) -> tuple[Split, Split, tuple[str, ...]]:
    """Reads class folders: (train, test, class names). ``name`` is "folder:PATH", PATH from here or in ``data_dir``.

    Files that hold no picture are skipped, and listed on stderr.

    The seed and a picture's own name alone decide whether it is for testing. So it stays in its split when others are
    added or removed (except in classes of a few pictures: see ``choose_test``).

    Raises:
        DataError: no such folder, fewer than two classes, or a class without any picture to learn from.
    """
    path = Path(name.removeprefix("folder:")).expanduser()
    if not path.is_dir() and (data_dir / path).is_dir():
        path = data_dir / path
    if not path.is_dir():
        raise DataError(
            f"there is no folder {path}, neither here nor in --data-dir; "
            "name a folder that holds one folder of pictures for each class"
        )
    if parts := find_parts(path):
        names = class_names(parts["train"])
        if strange := folders(parts["test"]).keys() - set(names):
            raise DataError(f"{parts['test']} has a class {min(strange)}, which {parts['train'].name} does not have")
        train, test = (read_split(parts[part], names, size)[0] for part in ("train", "test"))
    else:
        names = class_names(path)
        refuse_parts_as_classes(path)
        whole, files = read_split(path, names, size)
        is_test = choose_test(files, whole.labels.tolist(), path, seed)
        train, test = whole.take(~is_test), whole.take(is_test)
    for label, name in enumerate(names):
        if not (train.labels == label).any():
            raise DataError(f"the class {name} in {path} has no picture to train on: add some, or remove its folder")
    if not len(test):
        raise DataError(f"{path} has no picture to test on: a class needs at least two")
    return train, test, names


def compose_accents(name: str) -> str:
    """A name in which an accent is part of its letter, however the file system stores it."""
    return unicodedata.normalize("NFC", name)


def folders(path: Path) -> dict[str, list[Path]]:
    """The folders in ``path`` under each name, sorted, without those left behind; none where there is no ``path``."""
    places = {}
    for folder in sorted(path.iterdir() if path.is_dir() else []):
        if folder.is_dir() and not is_left_behind(folder.name):
            places.setdefault(compose_accents(folder.name), []).append(folder)
    return dict(sorted(places.items()))


def part(name: str) -> str | None:
    """The part of a data set that a folder's name stands for, a key of ``PARTS``; None if for no part."""
    words = {word.lower() for word in re.findall("[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}
    parts = [part for part, names in PARTS.items() if words & names]
    return parts[0] if len(parts) == 1 and words - PARTS[parts[0]] <= BESIDE else None


def find_parts(path: Path) -> dict[str, Path]:
    """The folders "train" and "test" of a data set, whatever they are called; empty if it holds classes instead.

    Raises:
        DataError: one of the two is missing, there are two of a kind, or no part is for training.
    """
    by_part: dict[str | None, list[Path]] = {}
    for name, places in folders(path).items():
        by_part.setdefault(part(name), []).extend(places)
    train, test, validation = ([place for place in by_part.get(kind, []) if folders(place)] for kind in PARTS)
    if "train" not in by_part and None not in by_part and len(by_part) > 1:
        raise DataError(f"{path} has folders called {' and '.join(sorted(folders(path)))} but none called train")
    if "train" not in by_part or (len(by_part.keys() - {None}) == 1 and not folders(path / "train")):
        return {}
    if not train:
        raise DataError(
            f"{by_part['train'][0]} must hold one folder of pictures for each class, and so must its test split"
        )
    for places in (train, test):
        if len(places) > 1:
            raise DataError(f"{path} has both {places[0].name} and {places[1].name}: keep one of them there")
    if not test:
        advice = f": to test on {validation[0].name}, rename it to test" if validation else ""
        raise DataError(f"{path} has class folders in {train[0].name} but none in test{advice}")
    return {"train": train[0], "test": test[0]}


def refuse_parts_as_classes(path: Path) -> None:
    """Raises DataError if every "class" holds the same folders.

    Those folders are then the classes, and a network would learn to tell the parts of the data set apart.
    """
    inside = [set().union(*map(folders, places)) for places in folders(path).values()]
    same = sorted(set.intersection(*inside))
    if len(same) > 1:
        some = list(folders(path))[:3]
        advice = "those seem to be the classes. Call the parts of the data set train and test, or join them into one"
        if all(map(part, same)):
            advice = f"make folders called train and test that hold {' and '.join(some[:2])}, not the other way round"
        raise DataError(f"all of {', '.join(some)} in {path} hold folders called {same[0]} and {same[1]}: {advice}")


def class_names(path: Path) -> tuple[str, ...]:
    names = tuple(folders(path))
    if len(names) < 2:
        inner = (
            f"; if the classes are in {path / names[0]}, name that folder" if names and folders(path / names[0]) else ""
        )
        raise DataError(
            f"{path} must hold one folder of pictures for each class, at least two; it holds {len(names)}{inner}"
        )
    for name in names:
        if any("\ud800" <= letter <= "\udfff" for letter in name):  # bytes that are no text, which we cannot save
            raise DataError(f"the name of the folder {name!r} in {path} is not UTF-8: rename it")
    return names


def read_split(path: Path, names: tuple[str, ...], size: int) -> tuple[Split, list[Path]]:
    """All pictures under the class folders of ``path``, and their files, without those left behind."""
    files, labels, places = [], [], folders(path)
    for label, name in enumerate(names):
        inside = [file for place in places.get(name, []) for file in files_in(place)]
        files += sorted(inside, key=lambda file: [compose_accents(part) for part in file.parts])
        labels += [label] * len(inside)
    images, indices, bad = read_all(lambda i: crop_square(read_picture(files[i]), size), len(files), size, path.name)
    for i, reason in bad.items():
        print(f"skipped {files[i].relative_to(path)}: {reason}", file=sys.stderr)
    if bad:
        print(f"skipped {len(bad):,} of {len(files):,} files in {path}", file=sys.stderr)
    return Split(images, torch.tensor([labels[i] for i in indices], dtype=torch.int64)), [files[i] for i in indices]


def choose_test(files: list[Path], labels: list[int], path: Path, seed: int) -> torch.Tensor:
    """Which pictures are for testing, bool [N]. Each is drawn on its own, with a probability of ``TEST_SHARE``.

    A class of two or more pictures has at least one in each split; only for this does a picture depend on others.
    """

    def rank(i: int) -> float:
        digest = hashlib.sha256(
            b"%d/%s" % (seed, os.fsencode(compose_accents(files[i].relative_to(path).as_posix())))
        ).digest()
        return int.from_bytes(digest[:8], "big") / 2**64

    classes, is_test = {}, torch.zeros(len(files), dtype=torch.bool)
    for i, label in enumerate(labels):
        classes.setdefault(label, []).append(i)
    for members in classes.values():
        members.sort(key=rank)
        below = sum(rank(i) < TEST_SHARE for i in members)
        is_test[members[: min(max(1, below), len(members) - 1)]] = True
    return is_test
