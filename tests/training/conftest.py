"""Data sets for these tests: small ones of the true format, and the real birds if they are there."""

import hashlib
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from torchvision.datasets import CIFAR100, SVHN

from training.data import birds, stl10

REPO = Path(__file__).resolve().parents[2]


def md5(file):
    return hashlib.md5(file.read_bytes()).hexdigest()


@pytest.fixture
def cifar100(tmp_path, monkeypatch):
    """A folder with a CIFAR-100 of 6 + 4 pictures, whose check sums torchvision is told to expect."""
    folder = tmp_path / CIFAR100.base_folder
    folder.mkdir()
    rng = np.random.default_rng(0)
    sums = {}
    for file, count in (("train", 6), ("test", 4)):
        pixels = rng.integers(0, 256, (count, 3072), dtype=np.uint8)
        labels = {"fine_labels": list(range(count)), "coarse_labels": [0] * count}
        (folder / file).write_bytes(pickle.dumps({"data": pixels, **labels}))
        sums[file] = md5(folder / file)
    names = [f"thing {i}" for i in range(100)]
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": names, "coarse_label_names": ["things"]}))
    monkeypatch.setattr(CIFAR100, "train_list", [["train", sums["train"]]])
    monkeypatch.setattr(CIFAR100, "test_list", [["test", sums["test"]]])
    monkeypatch.setattr(CIFAR100, "meta", {**CIFAR100.meta, "md5": md5(folder / "meta")})
    return tmp_path


@pytest.fixture
def svhn(tmp_path, monkeypatch):
    """A folder with an SVHN of 12 + 5 pictures, whose check sums torchvision is told to expect."""
    rng = np.random.default_rng(0)
    sums = {}
    for part, count in (("train", 12), ("test", 5)):
        url, file, _ = SVHN.split_list[part]
        pixels = rng.integers(0, 256, (32, 32, 3, count), dtype=np.uint8)
        savemat(tmp_path / file, {"X": pixels, "y": (np.arange(count) % 10 + 1).astype(np.uint8)[:, None]})
        sums[part] = [url, file, md5(tmp_path / file)]
    monkeypatch.setattr(SVHN, "split_list", sums)
    return tmp_path


def find_data(path: str) -> Path:
    """The folder that has real data at ``path``; skips the test if there is none."""
    for root in (Path(os.environ.get("DATA_DIR") or REPO / "data"), REPO / "data", REPO / "../shared/data"):
        if (root / path).exists():
            return root
    pytest.skip(f"{path} is in none of $DATA_DIR, data/ and ../shared/data/")


@pytest.fixture(scope="session")
def birds_dir() -> Path:
    """The folder that holds the real CUB_200_2011, or some of its classes."""
    return find_data(f"{birds.FOLDER}/images.txt")


@pytest.fixture(scope="session")
def stl10_dir() -> Path:
    """The folder that holds the real stl10_binary, with masks."""
    return find_data(f"{stl10.FOLDER}/masks.npy")


@pytest.fixture(scope="session")
def coseg_dir() -> Path:
    """The folder that holds the real coseg."""
    return find_data("coseg/masks")
