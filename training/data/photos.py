"""What visitors upload: CIFAR-10, and STL-10's labelled photographs, in eleven classes (CIFAR-10's ten, and monkey).

Training: CIFAR-10's 50,000 pictures, then 4,000 photographs. Test: the 1,000 photographs of STL-10's first official
fold; CIFAR-10's test pictures are measured beside them. All are kept at one side, 64 pixels unless said otherwise:
photographs are reduced to it as the page reduces uploads, CIFAR-10's pictures are enlarged bilinearly.
"""

from __future__ import annotations

from pathlib import Path

import torch

from training.data import cifar
from training.data.splits import Split
from training.data.stl10 import read_photographs, resize_all

TEST_FOLD = 0
TIMES = 5  # how often an epoch shows each photograph: photographs are 29 % of it then, instead of 7 %
MONKEY = "monkey"


def load(name: str, data_dir: Path, size: int, seed: int) -> tuple[Split, Split, tuple[str, ...], dict[str, Split]]:
    """The training pictures, the test photographs, the class names, and CIFAR-10's test pictures by their title.

    Raises:
        DataError: CIFAR-10 or STL-10 is missing or damaged.
    """
    photographs = read_photographs(data_dir)
    small_train, small_test, cifar_names = cifar.load("cifar10", data_dir)
    names = (*cifar_names, MONKEY)
    number = torch.tensor([names.index(each) for each in photographs.class_names])
    test, train = (Split(s.images, number[s.labels]) for s in photographs.split(TEST_FOLD, size))
    small, beside = (Split(resize_all(s.images, size, "bilinear"), s.labels) for s in (small_train, small_test))
    times = torch.cat([torch.ones_like(small.labels), torch.full_like(train.labels, TIMES)])
    whole = Split(torch.cat([small.images, train.images]), torch.cat([small.labels, train.labels]), times)
    return whole, test, names, {"CIFAR-10": beside}
