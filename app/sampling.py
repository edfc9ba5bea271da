"""Test pictures of CIFAR-10 or CIFAR-100, drawn at random: any of them, or only those that a network misclassifies."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from app.drawing.panels import data_uri
from app.images import PictureError
from app.networks import Networks
from model import Network
from model.datasets import dataset_title
from model.presets import crop_square, network_input, to_pixels

if TYPE_CHECKING:
    from torchvision.datasets import CIFAR10

FOLDER = Path(__file__).resolve().parent.parent / "data"
FETCH = "make data"
KINDS = {"cifar10": ("CIFAR10", FETCH), "cifar100": ("CIFAR100", f"{FETCH} DATASET=CIFAR100")}  # torchvision's class
TESTED_ON = {"cifar10": "cifar10", "cifar100": "cifar100", "photos": "cifar10"}  # photos knows CIFAR-10's classes
CHOICES = {"random": "Random", "wrong": "Wrong only"}
MOST, LAST_SEED, CHUNK = 100, 2**32 - 1, 64
MISSING = (
    "The test pictures of {title} are not on this server; its operator can fetch them with "
    "“{fetch}”, or start the page with “python -m app --data FOLDER” if a folder holds them already."
)
DAMAGED = (
    "The test pictures of {title} on this server are damaged or incomplete; its operator can delete the folder "
    "{folder} and fetch it again with “{fetch}”."
)
CLOSED = (
    "This program (user id {user}) may not read the test pictures of {title} on this server; its operator can give "
    "that user the right to read the folder and its files."
)


class DrawError(PictureError):
    """No test picture can be drawn; the message is one sentence for the person who asked."""


@dataclass(frozen=True)
class CifarTest:
    """A test split in a folder. It is read when first needed, and looked for again if it was missing."""

    folder: Path = FOLDER
    dataset: str = "cifar10"

    def of(self, net: Network) -> CifarTest:
        """The test split, in the same folder, that a network is tested on.

        Raises:
            DrawError: there is none.
        """
        dataset = TESTED_ON.get(net.info.dataset)
        if dataset is None:
            *others, last = map(dataset_title, KINDS)
            raise DrawError(
                f"This checkpoint was trained on {dataset_title(net.info.dataset)}, and test pictures are drawn "
                f"from {', '.join(others)} and {last} only."
            )
        return self if dataset == self.dataset else split_in(self.folder, dataset)

    @property
    def title(self) -> str:
        return dataset_title(self.dataset)

    @cached_property
    def split(self) -> CIFAR10:
        """torchvision's CIFAR10 or CIFAR100.

        Raises:
            DrawError: the files are missing or damaged.
        """
        from torchvision import datasets

        name, fetch = KINDS[self.dataset]
        kind = getattr(datasets, name)
        try:
            return kind(self.folder, train=False, download=False)
        except (OSError, RuntimeError):
            reason = why_unread(self.folder / kind.base_folder)
            facts = {"title": self.title, "folder": kind.base_folder, "fetch": fetch, "user": os.getuid()}
            raise DrawError(reason.format(**facts)) from None

    def __len__(self) -> int:
        return len(self.split)

    def picture(self, index: int) -> Image.Image:
        """One test picture, RGB, 32 x 32.

        Raises:
            DrawError: there is no such number, or there are no data.
        """
        last = len(self) - 1
        return self.split[whole(index, 0, last, "The number of a test picture")][0]

    def label(self, index: int) -> str:
        return self.split.classes[self.split.targets[index]]


@lru_cache
def split_in(folder: Path, dataset: str) -> CifarTest:
    return CifarTest(folder, dataset)


def why_unread(folder: Path) -> str:
    """The sentence for a ``folder`` that torchvision could not read, with places for names."""
    try:
        for name in os.listdir(folder):
            (folder / name).open("rb").close()
    except PermissionError:
        return CLOSED
    except FileNotFoundError:
        return MISSING
    except OSError:
        pass
    return DAMAGED


@dataclass(frozen=True)
class Prediction:
    """One test picture and a network's answer.

    Attributes:
        index: its place in the test split, from 0.
        label: the class that the data set gives it.
        answer: the network's answer.
        probability: of that answer.
        picture: RGB, as in the data set.
    """

    index: int
    label: str
    answer: str
    probability: float
    picture: Image.Image

    @property
    def right(self) -> bool:
        return self.answer == self.label

    def to_json(self, pictures: bool = True) -> dict:
        """The answer, and the picture as a data: URL; ``pictures`` False leaves it out."""
        return {
            "index": self.index,
            "label": self.label,
            "class": self.answer,
            "probability": self.probability,
            **({"picture": data_uri(self.picture)} if pictures else {}),
        }


@dataclass(frozen=True)
class Draw:
    """What was drawn.

    Attributes:
        which: random or wrong.
        seed: gives the same pictures again.
        count: how many were wanted.
        looked_through: how many the network classified to find them.
        total: pictures in the test split.
        images: those found, in the order they were drawn.
        checkpoint, compatibility: whose answers.
        dataset: what people call the data that the pictures are from.
        test_error: the network's error on the whole split, a fraction; None if it was not measured.
    """

    which: str
    seed: int
    count: int
    looked_through: int
    total: int
    images: tuple[Prediction, ...]
    checkpoint: str
    compatibility: str
    dataset: str
    test_error: float | None = None

    @property
    def summary(self) -> str:
        """How the pictures were chosen, with the counts."""
        count, right = len(self.images), sum(i.right for i in self.images)
        if self.which == "wrong":
            only = "Only " if count < self.count else ""
            among = f"all {self.total:,}" if self.looked_through == self.total else f"the first {self.looked_through:,}"
            return f"{only}{count} misclassified among {among} drawn."
        return f"{count} drawn at random from {self.total:,}: {right} classified correctly."

    def to_json(self, pictures: bool = True) -> dict:
        """What was drawn; ``pictures`` False leaves the pictures out."""
        return {
            "which": self.which,
            "seed": self.seed,
            "looked_through": self.looked_through,
            "summary": self.summary,
            "images": [i.to_json(pictures) for i in self.images],
            "checkpoint": self.checkpoint,
            "compatibility": self.compatibility,
        }


def new_seed() -> int:
    """A seed short enough to read out. It is never 0, the page's first seed, so it always changes the input."""
    return random.randrange(1, 1_000_000)


def draw(
    networks: Networks,
    tests: CifarTest,
    checkpoint: str,
    compatibility: str,
    which: str = "random",
    count: int = 12,
    seed: int = 0,
) -> Draw:
    """Goes through the test split in the order of ``seed`` until ``count`` pictures are found.

    Args:
        networks: those that are served.
        tests: its folder is drawn from.
        checkpoint, compatibility: whose answers, as ``Networks.find`` takes them.
        which: "random" takes every picture; "wrong" only those that the network misclassifies.
        count: 1 to ``MOST``.
        seed: 0 to ``LAST_SEED``.

    Raises:
        DrawError: there are no data, the network was trained on others, or a value is out of range.
        CheckpointError: there are no such weights.
    """
    net = networks.network(checkpoint, compatibility)
    if which not in CHOICES:
        raise DrawError(f"There are two kinds of test pictures: {' and '.join(CHOICES)}.")
    count, seed = whole(count, 1, MOST, "The number of pictures"), whole(seed, 0, LAST_SEED, "The seed")
    tests = tests.of(net)
    if not set(tests.split.classes) <= set(net.info.class_names):
        raise DrawError(
            f"This checkpoint does not know the classes of {tests.title}, so its answers cannot be checked."
        )
    order = np.random.RandomState(seed).permutation(len(tests))  # numpy promises the same order in every version
    looked_through, images = 0, []
    for image in answers(networks, net, tests, order, CHUNK if which == "wrong" else min(count, CHUNK)):
        looked_through += 1
        if which == "random" or not image.right:
            images.append(image)
        if len(images) == count:
            break
    results = net.info.results
    if net.info.dataset != tests.dataset:
        results = results.get("more_tests", {}).get(tests.title, {})
    source = checkpoint, net.compatibility, tests.title, results.get("error")
    return Draw(which, seed, count, looked_through, len(tests), tuple(images), *source)


def answers(networks: Networks, net: Network, tests: CifarTest, order: np.ndarray, chunk: int) -> Iterator[Prediction]:
    """Answers for the test pictures in this order, ``chunk`` of them in a forward pass, as they are needed."""
    size = net.arguments["input_size"]
    indices = map(int, order)
    while batch := list(islice(indices, chunk)):
        pictures = [tests.picture(i) for i in batch]
        pixels = torch.stack([to_pixels(crop_square(p, size)) for p in pictures])  # [chunk, 3, size, size]
        with torch.inference_mode(), networks.precision(net):
            logits = net(network_input(net, pixels))[0]  # [chunk, classes]
        probabilities, best = logits.cpu().double().softmax(1).max(1)
        for index, picture, p, k in zip(batch, pictures, probabilities.tolist(), best.tolist(), strict=True):
            yield Prediction(index, tests.label(index), net.info.class_names[k], p, picture)


def whole(value: object, least: int, most: int, what: str) -> int:
    """A whole number as programs and visitors may send it.

    Raises:
        DrawError: it is something else, or out of range.
    """
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or value != value or not least <= value <= most or value != int(value):
        raise DrawError(f"{what} must be a whole number from {least} to {most:,}.")
    return int(value)
