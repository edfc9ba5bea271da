"""The data sets: their names, and what page, card and training must know of each before it is read.

To add a data set: a file ``training/data/<source>.py`` whose ``load(name, data_dir, size, seed)`` returns its training
split, its test split and its class names (and, where there are more test sets, {title: split}); and a row here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """A row of ``DATASETS``.

    Attributes:
        title: what people call it.
        shows: what its pictures show, for people who do not know the title; {} is the number of classes.
        source: the file in training/data that reads it.
        side: of its square pictures, in pixels.
        resizable: whether its pictures can be read at another side.
        mirrored: whether a mirrored picture keeps its class; digits do not.
        hub_id: its id on the Hugging Face Hub; empty if it has none.
        classes: how many it has, if copies may hold a part of them; else 0.
        tested_on: what its test split is, where that needs more than the title.
        split_by_seed: whether the split seed chooses its test pictures.
    """

    title: str
    source: str
    shows: str = "tiny pictures, {} kinds"
    side: int = 32
    resizable: bool = False
    mirrored: bool = True
    hub_id: str = ""
    classes: int = 0
    tested_on: str = ""
    split_by_seed: bool = False


DATASETS = {
    "cifar10": Facts("CIFAR-10", "cifar", hub_id="uoft-cs/cifar10"),
    "cifar100": Facts("CIFAR-100", "cifar", hub_id="uoft-cs/cifar100"),
    "svhn": Facts("SVHN", "svhn", "digits of house numbers", mirrored=False, hub_id="ufldl-stanford/svhn"),
    "cub": Facts("CUB-200-2011", "birds", "{} kinds of birds", side=80, resizable=True, classes=200),
    "stl10": Facts(
        "STL-10",
        "stl10",
        "photographs, {} kinds",
        resizable=True,
        tested_on="STL-10's training photographs without one fold",
        split_by_seed=True,
    ),
    "photos": Facts(
        "CIFAR-10 and STL-10 photographs",
        "photos",
        "photographs, {} kinds",
        side=64,
        resizable=True,
        tested_on="STL-10's first official fold",
    ),
    # "folder:PATH"; its title is the folder's own name
    "folder": Facts("", "folders", resizable=True, split_by_seed=True),
}


def facts(name: str) -> Facts:
    """The row of a data set, by its name or "folder:PATH".

    Raises:
        ValueError: there is none.
    """
    kind, _, path = name.partition(":")
    if kind not in DATASETS or (kind == "folder") != bool(path):
        raise ValueError(f"there is no data set called {name!r}; there are {', '.join(DATASETS)}:PATH")
    return DATASETS[kind]


def is_split_by_seed(name: str) -> bool:
    """Whether the split seed chooses its test pictures; a name that is not one of ours has none."""
    row = DATASETS.get(name.partition(":")[0])
    return row is not None and row.split_by_seed


def hub_id(name: str) -> str:
    """A data set's place on the Hugging Face Hub; empty where it has none, or where the name is not one of ours."""
    return DATASETS[name].hub_id if name in DATASETS else ""


def dataset_title(name: str, classes: int = 0) -> str:
    """What people call a data set; for a folder of pictures, the folder's own name.

    With the number of classes that were there, it says so if they are a part:

    >>> dataset_title("cub", classes=50)
    'CUB-200-2011, 50 of 200 classes'
    """
    row = DATASETS.get(name, DATASETS["folder"])
    title = row.title or re.split(r"[/\\:]", name.rstrip("/\\"))[-1].strip() or "unknown data"
    return f"{title}, {classes} of {row.classes} classes" if 0 < classes < row.classes else title


def title_of_test(name: str, classes: int = 0) -> str:
    """What people call its test pictures; see ``dataset_title``."""
    row = DATASETS.get(name, DATASETS["folder"])
    return row.tested_on or dataset_title(name, classes)
