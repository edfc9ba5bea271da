"""Pictures in which we know where the object is: birds with boxes, photographs and illustrated scenes with masks.

Each is the centred square at a network's input size, as on the page; boxes and masks are cut and scaled with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from model.format import BUNDLED
from model.presets import crop_square, to_pixels
from training.data.birds import FOLDER, cub_records
from training.data.files import BadPicture, read_all, read_picture
from training.data.photos import TEST_FOLD
from training.data.splits import DataError
from training.data.stl10 import read_masks, read_photographs, resize_all

EXAMPLES = BUNDLED.parent / "examples"
SCENES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")  # drawn for these
LEAST_LEFT = 0.5  # of an object, inside the centred square
COSEG_NAMES = {"Aero": "airplane", "Boat": "ship", "Car": "automobile"}  # as CIFAR-10 calls them


@dataclass(frozen=True)
class Objects:
    """Pictures and where their objects are.

    Attributes:
        images: uint8 [N, 3, S, S].
        coverage: float32 [N, S, S], how much of each pixel belongs to the object, 0 to 1.
        names: each object's class.
        left_out: how many pictures were not taken.
    """

    images: Tensor
    coverage: Tensor
    names: tuple[str, ...]
    left_out: int = 0

    def of_classes(self, names: set[str]) -> Objects:
        """The pictures of the classes in ``names``.

        Raises:
            DataError: there are none.
        """
        indices = [i for i, name in enumerate(self.names) if name in names]
        if not indices:
            raise DataError(
                f"no class of these pictures is known to all networks ({', '.join(sorted(set(self.names)))})"
            )
        if len(indices) == len(self.names):
            return self
        left_out = self.left_out + len(self.names) - len(indices)
        return Objects(self.images[indices], self.coverage[indices], tuple(self.names[i] for i in indices), left_out)


def box_in_square(
    box: tuple[float, float, float, float], size: tuple[int, int]
) -> tuple[tuple[float, float, float, float], float]:
    """A box (left, top, right, bottom) of a photograph of ``size`` (width, height), seen in the centred square.

    Returns:
        The part inside the square, in shares of its side; and how much of the box's area that part is.
    """
    side = min(size)
    x, y = (size[0] - side) // 2, (size[1] - side) // 2
    part = [min(max(v - o, 0), side) for v, o in zip(box, (x, y, x, y), strict=True)]
    inside, whole = ((b[2] - b[0]) * (b[3] - b[1]) for b in (part, box))
    left, top, right, bottom = (v / side for v in part)
    return (left, top, right, bottom), inside / whole if whole > 0 else 0.0


def cover(box: tuple[float, float, float, float], side: int) -> Tensor:
    """How much of each pixel of [side, side] a box covers; the box is in shares of the side."""
    low, high = torch.arange(side) / side, torch.arange(1, side + 1) / side
    along = [(high.clamp(max=b) - low.clamp(min=a)).clamp(min=0) * side for a, b in (box[0::2], box[1::2])]
    return along[1][:, None] * along[0][None]


def birds(data_dir: Path, side: int) -> tuple[Objects, Objects]:
    """CUB's photographs at the network's input size, with their boxes: (train, test).

    Raises:
        DataError: CUB-200-2011 is missing or damaged, or one of the splits is empty.
    """
    records, _ = cub_records(Path(data_dir) / FOLDER)
    sizes = {}

    def read(i: int) -> Image.Image:
        image = read_picture(records[i].path, turn=False)  # the boxes count the file's own rows and columns
        sizes[i] = image.size
        return crop_square(image, side)

    images, indices, bad = read_all(read, len(records), side, "CUB-200-2011")
    if bad:
        first = records[min(bad)].path.name
        raise DataError(
            f"{len(bad)} of the {len(records)} photographs of CUB-200-2011 are damaged, the first is {first}"
        )
    boxes = [box_in_square(records[i].box, sizes[i]) for i in indices]
    splits = []
    for is_train in (True, False):
        of_split = [i for i in indices if records[i].is_train == is_train]
        inner = [i for i in of_split if boxes[i][1] >= LEAST_LEFT]
        if not inner:
            raise DataError("CUB-200-2011 must hold birds of both its splits, inside the middle of their photographs")
        coverage = torch.stack([cover(boxes[i][0], side) for i in inner])
        splits.append(Objects(images[inner], coverage, ("bird",) * len(inner), len(of_split) - len(inner)))
    train, test = splits
    return train, test


def illustrations(side: int) -> Objects:
    """The ten scenes of assets/examples, at the network's input size."""
    images, coverage = [], []
    for name in SCENES:
        images.append(to_pixels(crop_square(read_picture(EXAMPLES / f"{name}.png"), side)))
        with Image.open(EXAMPLES / "masks" / f"{name}.png") as mask:
            exact = torch.from_numpy(np.array(mask, dtype=np.float32))[None, None] / 255
        coverage.append(interpolate(exact, (side, side), mode="area")[0, 0])
    return Objects(torch.stack(images), torch.stack(coverage), SCENES)


def photographs(data_dir: Path, side: int) -> Objects:
    """The photographs that ``photos`` does not train on, with STL-10's object masks.

    Raises:
        DataError: STL-10 or its masks are missing or damaged.
    """
    whole, masks = read_photographs(data_dir), read_masks(data_dir)
    fold = whole.folds[TEST_FOLD].sort().values
    coverage = interpolate(masks[fold, None].float(), (side, side), mode="area")[:, 0]
    names = tuple(whole.class_names[k] for k in whole.labels[fold])
    return Objects(resize_all(whole.images[fold], side), coverage, names)


def masked_photographs(data_dir: Path, side: int) -> Objects:
    """The photographs of data/coseg with their pixel masks; classes have the names of CIFAR-10, if it has them.

    Raises:
        DataError: they are missing, or one cannot be read.
    """
    folder = Path(data_dir) / "coseg"
    files = sorted(f for f in (folder / "images").glob("*/*.jpg"))
    if not files:
        raise DataError(f"there are no photographs with masks: put coseg (images/ and masks/) into {data_dir}")
    shares = {}

    def read(i: int) -> Image.Image:
        image = read_picture(files[i], turn=False)  # the masks have the file's own rows and columns
        with Image.open(folder / "masks" / files[i].parent.name / f"{files[i].stem}.png") as file:
            mask = file.convert("L")
        if mask.size != image.size:
            raise BadPicture("its mask is of another size")
        square = min(mask.size)
        left, top = (mask.width - square) // 2, (mask.height - square) // 2
        part = mask.crop((left, top, left + square, top + square))
        whole, inside = (np.asarray(m, np.float64).sum() for m in (mask, part))
        coverage = np.asarray(part.resize((side, side), Image.Resampling.BOX), np.float32) / 255
        shares[i] = torch.from_numpy(coverage), inside / whole if whole else 0.0
        return crop_square(image, side)

    try:
        images, indices, bad = read_all(read, len(files), side, "coseg")
    except OSError as e:
        raise DataError(f"a mask in {folder} cannot be read: {e.strerror or e}") from e
    if bad:
        first = files[min(bad)].name
        raise DataError(f"{len(bad)} of the {len(files)} photographs of coseg are damaged, the first is {first}")
    inner = [i for i in indices if shares[i][1] >= LEAST_LEFT]
    names = tuple(COSEG_NAMES.get(files[i].parent.name, files[i].parent.name.lower()) for i in inner)
    return Objects(images[inner], torch.stack([shares[i][0] for i in inner]), names, len(files) - len(inner))


def birds_and_scenes(data_dir: Path, side: int) -> tuple[Objects, dict[str, Objects]]:
    train, test = birds(data_dir, side)
    return train, {"birds": test, "scenes": illustrations(side)}


def one(kind: str, read: Callable[[Path, int], Objects]) -> Callable[[Path, int], tuple[Objects, dict[str, Objects]]]:
    def both(data_dir: Path, side: int) -> tuple[Objects, dict[str, Objects]]:
        objects = read(data_dir, side)
        return objects, {kind: objects}

    return both


# {name: read}; read(data_dir, side) returns the pictures to choose thresholds on, and {kind: pictures to measure}
OBJECTS = {"birds": birds_and_scenes, "stl10": one("stl10", photographs), "coseg": one("coseg", masked_photographs)}
