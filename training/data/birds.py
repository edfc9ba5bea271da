"""CUB-200-2011 in its official layout (Wah et al. 2011); some of its classes may be missing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from training.data.files import BadPicture, read_all, read_picture
from training.data.splits import DataError, Split

FOLDER = "CUB_200_2011"


@dataclass(frozen=True)
class Bird:
    """One photograph.

    Attributes:
        path: its file.
        label: its class, counted from 0 among those present.
        is_train: whether it is in the official training split; if not, it is in the test split.
        box: around the bird, in pixels of the whole photograph: left, top, right, bottom.
    """

    path: Path
    label: int
    is_train: bool
    box: tuple[float, float, float, float]


def cub_records(root: Path) -> tuple[list[Bird], tuple[str, ...]]:
    """Reads the lists in the folder ``CUB_200_2011``: (all photographs of the classes present, class names).

    A class is present when it is listed and its folder is in ``images/``; photographs are in the official order.

    Raises:
        DataError: a list or a photograph is missing, or a list is not of the official form.
    """
    try:
        classes, labels = table(root, "classes"), table(root, "image_class_labels")
        files, split, boxes = table(root, "images"), table(root, "train_test_split"), table(root, "bounding_boxes")
        present = [k for k in sorted(classes, key=int) if (root / "images" / classes[k]).is_dir()]
        number = {k: label for label, k in enumerate(present)}
        birds = []
        for i in sorted(files, key=int):
            if labels[i] in number:
                left, top, width, height = map(float, boxes[i].split())
                box = (left, top, left + width, top + height)
                birds.append(Bird(root / "images" / files[i], number[labels[i]], split[i] == "1", box))
    except FileNotFoundError as e:
        raise DataError(
            f"CUB-200-2011 is missing or incomplete: put its folder {FOLDER} (images.txt, images/ and the rest, "
            f"from https://www.vision.caltech.edu/datasets/cub_200_2011/) into {root.parent}"
        ) from e
    except (OSError, ValueError, KeyError) as e:  # unreadable; not numbers or not in pairs; not in every list
        raise DataError(f"the lists of CUB-200-2011 in {root} are damaged: copy them there again") from e
    return birds, tuple(classes[k].split(".", 1)[-1].replace("_", " ") for k in present)


def part_places(root: Path) -> dict[Path, list[tuple[str, float, float]]]:
    """The visible parts of each photograph: {file: [(part, x, y)]}, in pixels of the whole photograph.

    Raises:
        DataError: a list is missing, or not of the official form.
    """
    try:
        files, parts = table(root, "images"), table(root, "parts/parts")
        places: dict[Path, list[tuple[str, float, float]]] = {}
        for line in (root / "parts" / "part_locs.txt").read_text("utf-8").splitlines():
            number, part, x, y, visible = line.split()
            if visible == "1":
                places.setdefault(root / "images" / files[number], []).append((parts[part], float(x), float(y)))
    except FileNotFoundError as e:
        raise DataError(f"the part locations of CUB-200-2011 are missing: put its folder parts into {root}") from e
    except (OSError, ValueError, KeyError) as e:
        raise DataError(f"the part locations of CUB-200-2011 in {root / 'parts'} are damaged") from e
    return places


def table(root: Path, name: str) -> dict[str, str]:
    """A list's lines, "<number> <the rest>", as a dictionary."""
    return dict(line.split(maxsplit=1) for line in (root / f"{name}.txt").read_text("utf-8").splitlines() if line)


def load(name: str, data_dir: Path, size: int, seed: int = 0) -> tuple[Split, Split, tuple[str, ...]]:
    """Each bird cut out by its bounding box and resized to ``size`` x ``size``: (train, test, class names).

    Raises:
        DataError: see ``cub_records``; or a photograph cannot be read.
    """
    birds, class_names = cub_records(data_dir / FOLDER)
    title = "CUB-200-2011"
    images, _, bad = read_all(lambda i: cut_out(birds[i], size), len(birds), size, title)
    if bad:
        first = birds[min(bad)].path.relative_to(data_dir)
        raise DataError(f"{len(bad)} of the {len(birds)} photographs of {title} cannot be used, the first is {first}")
    labels = torch.tensor([bird.label for bird in birds], dtype=torch.int64)
    is_train = torch.tensor([bird.is_train for bird in birds], dtype=torch.bool)
    whole = Split(images, labels)
    train, test = whole.take(is_train), whole.take(~is_train)
    if len(class_names) < 2 or not len(train) or not len(test):
        raise DataError(f"{title} in {data_dir} must have at least two classes, and pictures to train and to test on")
    return train, test, class_names


def cut_out(bird: Bird, size: int) -> Image.Image:
    image = read_picture(bird.path, turn=False)  # the boxes count the file's own rows and columns
    left, top, right, bottom = bird.box
    box = (max(0, left), max(0, top), min(image.width, right), min(image.height, bottom))
    if not (box[0] < box[2] and box[1] < box[3]):
        raise BadPicture("nothing of it lies in its box")
    return image.resize((size, size), Image.Resampling.BICUBIC, box=box)
