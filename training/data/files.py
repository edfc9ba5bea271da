"""Picture files of a data set, read in parallel into one uint8 tensor; bad files are left out."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from model import pictures
from model.machine import granted_cores
from model.pictures import BadPicture
from model.presets import to_pixels

read_picture = partial(pictures.read_picture, guess_range=False)  # the range of one picture is not that of the data set


def read_all(
    read: Callable[[int], Image.Image], count: int, size: int, title: str
) -> tuple[Tensor, list[int], dict[int, str]]:
    """Calls ``read(0)`` to ``read(count - 1)`` on all granted cores; each gives an RGB picture of ``size`` x ``size``.

    Returns:
        The good pictures, uint8 [n, 3, size, size]; their n indices, rising; and what is wrong with each bad one.
    """

    def attempt(i: int) -> Tensor | str:
        try:
            return to_pixels(read(i))
        except BadPicture as e:
            return str(e)

    images, indices, bad = torch.empty(count, 3, size, size, dtype=torch.uint8), [], {}
    pool = ThreadPoolExecutor(granted_cores())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of sizes, which ``read`` checks, and of metadata
            for i, answer in enumerate(tqdm(pool.map(attempt, range(count)), title, count, unit="img", disable=None)):
                if isinstance(answer, str):
                    bad[i] = answer
                else:
                    images[len(indices)] = answer
                    indices.append(i)
    finally:
        pool.shutdown(cancel_futures=True)  # an interrupt does not wait for the remaining files
    return images[: len(indices)], indices, bad
