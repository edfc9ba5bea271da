"""STL-10 and the eleven classes of photos: the real files if they are there, and small ones of the same form."""

import dataclasses
import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import model
from training import data
from training.__main__ import main
from training.data import DataError, Dataset, Split, load
from training.data.stl10 import FOLDER, read_masks, read_photographs, resize_all
from training.evaluate import evaluate
from training.experiments import run

NAMES = ("airplane", "bird", "automobile", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")


def test_a_fold_trains_and_the_other_photographs_test(stl10_dir):
    dataset = load("stl10", stl10_dir, seed=3)
    assert dataset.train.images.shape == (1000, 3, 32, 32) and dataset.test.images.shape == (4000, 3, 32, 32)
    assert dataset.class_names == NAMES and dataset.train.labels.bincount().tolist() == [100] * 10
    raw = np.fromfile(stl10_dir / FOLDER / "train_X.bin", np.uint8).reshape(5000, 3, 96, 96)
    lines = (stl10_dir / FOLDER / "fold_indices.txt").read_text().splitlines()
    first = min(int(i) for i in lines[3].split())
    picture = Image.fromarray(raw[first].transpose(2, 1, 0))
    picture = picture.resize((32, 32), Image.Resampling.BICUBIC)  # as on the page
    assert np.abs(dataset.train.images[0].permute(1, 2, 0).numpy().astype(int) - np.asarray(picture)).max() <= 1
    assert read_masks(stl10_dir).shape == (5000, 16, 16)


def test_photos_joins_both_data_sets_in_eleven_classes(stl10_dir, data_dir, tmp_path):
    for root, folder in ((stl10_dir, FOLDER), (data_dir, "cifar-10-batches-py")):
        (tmp_path / folder).symlink_to((root / folder).resolve())
    both = load("photos", tmp_path, input_size=32)
    small, photographs = load("cifar10", data_dir), read_photographs(stl10_dir)
    assert both.class_names == (*small.class_names, "monkey")
    assert len(both.train) == 54_000 and both.test.labels.bincount(minlength=11).tolist() == [*[100] * 6, 0, *[100] * 4]
    assert torch.equal(both.train.images[:50_000], small.train.images)
    assert both.train.times[:50_000].unique().tolist() == [1] and both.train.times[50_000:].unique().tolist() == [5]
    assert torch.equal(both.more_tests["CIFAR-10"].images, small.test.images)
    tested = resize_all(photographs.images, 32)[photographs.folds[0].sort().values]
    assert torch.equal(both.test.images, tested)
    trained = {picture.numpy().tobytes() for picture in both.train.images[50_000:]}
    assert not trained & {picture.numpy().tobytes() for picture in both.test.images}
    label = both.class_names.index("automobile")  # STL-10 says "car"
    assert (both.train.labels[50_000:] == label).sum() == 400 and both.test.labels.max() == 10


def test_pictures_are_enlarged_and_reduced_in_parts():
    images = torch.randint(0, 256, (1003, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert resize_all(images, 8) is images
    half = resize_all(images, 4)
    assert half.shape == (1003, 3, 4, 4) and abs(half.float().mean() - images.float().mean()) < 1
    even = torch.full((1, 3, 8, 8), 77, dtype=torch.uint8)
    assert (resize_all(even, 16, "bilinear") == 77).all()


@pytest.fixture
def small(tmp_path):
    """Twenty photographs in two folds."""
    folder = tmp_path / FOLDER
    folder.mkdir()
    np.random.default_rng(0).integers(0, 256, (20, 3, 96, 96), dtype=np.uint8).tofile(folder / "train_X.bin")
    (np.arange(20, dtype=np.uint8) % 10 + 1).tofile(folder / "train_y.bin")
    (folder / "class_names.txt").write_text("airplane\nbird\ncar\ncat\ndeer\ndog\nhorse\nmonkey\nship\ntruck\n")
    (folder / "fold_indices.txt").write_text(
        f"{' '.join(map(str, range(10)))} \n{' '.join(map(str, range(10, 20)))} \n"
    )
    return tmp_path


def test_a_network_is_measured_on_the_photographs_that_its_fold_left(small, tmp_path):
    info = model.Info(NAMES, dataset="stl10", recipe={"split_seed": 1})
    model.build("vgg", width=0.0625).save_pretrained(tmp_path / "net", info)
    _, both = run.load([str(tmp_path / "net")], small, None, "cpu")
    assert torch.equal(both.test.images, resize_all(read_photographs(small).images[:10], 32))


def test_missing_or_damaged_files_get_one_sentence(small, tmp_path):
    with pytest.raises(DataError, match="has 2 folds, counted from 0; there is no fold 2"):
        load("stl10", small, seed=2)
    with pytest.raises(DataError, match="there are no object masks of STL-10"):
        read_masks(small)
    for content in (b"", np.lib.format.MAGIC_PREFIX):
        (small / FOLDER / "masks.npy").write_bytes(content)
        with pytest.raises(DataError, match=r"masks.npy is damaged"):
            read_masks(small)
    np.save(small / FOLDER / "masks.npy", np.ones((20, 8, 8), bool))
    with pytest.raises(DataError, match=r"masks.npy is damaged"):
        read_masks(small)
    (small / FOLDER / "fold_indices.txt").write_text("0 1 20\n")
    with pytest.raises(DataError, match="files of STL-10 in .* are damaged"):
        load("stl10", small)
    (small / FOLDER / "train_X.bin").write_bytes(b"123")
    with pytest.raises(DataError, match="files of STL-10 in .* are damaged"):
        load("stl10", small)
    (small / FOLDER / "train_X.bin").unlink()
    with pytest.raises(DataError, match="STL-10 is missing or incomplete: put its folder stl10_binary"):
        load("stl10", small)


def test_evaluate_reports_every_test_set(monkeypatch, capsys, tmp_path):
    pixels = torch.randint(0, 256, (12, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    first, second = Split(pixels[:4], torch.arange(4) % 2), Split(pixels[4:], torch.arange(8) % 2)
    two = Dataset("stl10", first, first, ("a", "b"), (0.5,) * 3, (0.2,) * 3, {"CIFAR-10": second})
    net = model.build("vgg", num_classes=2, width=0.0625, input_size=16)
    net.save_pretrained(tmp_path, model.Info(("a", "b"), dataset="stl10"))
    monkeypatch.setattr(data, "load", lambda *_: two)
    monkeypatch.setattr(sys, "argv", ["training", "evaluate", str(tmp_path), "--device", "cpu", "--json"])
    with pytest.raises(SystemExit) as exit:
        main()
    out = capsys.readouterr().out
    assert exit.value.code == 0 and "on 4 test pictures\n" in out and "on 8 test pictures of CIFAR-10\n" in out
    measurement = json.loads(out.splitlines()[-1])
    assert (measurement["images"], measurement["more"]["CIFAR-10"]["images"]) == (4, 8)
    summary = evaluate(net.eval(), two).summary()
    assert summary["more_tests"]["CIFAR-10"]["test_images"] == 8
    net.save_pretrained(tmp_path, dataclasses.replace(net.info, results=summary))
    card = (tmp_path / "README.md").read_text()
    error = summary["more_tests"]["CIFAR-10"]["error"]
    assert f" On all 8 test images of CIFAR-10: {100 * error:.2f} %." in card
    model.Network.from_pretrained(tmp_path)
