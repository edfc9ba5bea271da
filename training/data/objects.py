"""Pictures in which we know where the object is: CUB's birds with their boxes, and the illustrated scenes' exact masks.

Each is the centred square at a network's input size, as on the page; boxes and masks are cut and scaled with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from model.presets import crop_square, to_pixels
from tools import scenes
from training.data.birds import FOLDER, cub_records
from training.data.files import read_all, read_picture
from training.data.splits import DataError

LEAST_LEFT = 0.5  # of a box, inside the centred square


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
    return tuple(v / side for v in part), inside / whole if whole > 0 else 0.0


def covered(box: tuple[float, float, float, float], side: int) -> Tensor:
    """How much of each pixel of [side, side] a box covers that is given in shares of the side."""
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

    images, kept, bad = read_all(read, len(records), side, "CUB-200-2011")
    if bad:
        first = records[min(bad)].path.name
        raise DataError(
            f"{len(bad)} of the {len(records)} photographs of CUB-200-2011 are damaged, the first is {first}"
        )
    boxes = [box_in_square(records[i].box, sizes[i]) for i in kept]
    splits = []
    for is_train in (True, False):
        of_split = [i for i in kept if records[i].is_train == is_train]
        taken = [i for i in of_split if boxes[i][1] >= LEAST_LEFT]
        if not taken:
            raise DataError("CUB-200-2011 must hold birds of both its splits, inside the middle of their photographs")
        coverage = torch.stack([covered(boxes[i][0], side) for i in taken])
        splits.append(Objects(images[taken], coverage, ("bird",) * len(taken), len(of_split) - len(taken)))
    return tuple(splits)


def illustrated(side: int) -> Objects:
    """The ten scenes of assets/examples, at the network's input size."""
    images, coverage = [], []
    for name in scenes.SCENES:
        images.append(to_pixels(crop_square(read_picture(scenes.FOLDER / f"{name}.png"), side)))
        with Image.open(scenes.FOLDER / "masks" / f"{name}.png") as mask:
            exact = torch.from_numpy(np.array(mask, dtype=np.float32))[None, None] / 255
        coverage.append(interpolate(exact, (side, side), mode="area")[0, 0])
    return Objects(torch.stack(images), torch.stack(coverage), tuple(scenes.SCENES))
