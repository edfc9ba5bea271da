"""Every data set becomes the tensors that its files hold, or is refused in one sentence."""

import dataclasses
import hashlib
import http.server
import os
import pickle
import socket
import struct
import tarfile
import threading
import zlib
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import CIFAR10, CIFAR100, SVHN

from model.datasets import DATASETS
from training.data import DataError, Dataset, Split, channel_statistics, fetch, hold_out, load
from training.data.birds import FOLDER, cub_records
from training.data.folders import choose_test


def refusal(*arguments, **options):
    """The message with which loading is refused, which must be one sentence."""
    with pytest.raises(DataError) as e:
        load(*arguments, **options)
    assert "\n" not in str(e.value)
    return str(e.value)


def test_every_row_names_a_file_that_loads_it():
    for row in DATASETS.values():
        assert callable(import_module(f"training.data.{row.source}").load)


# CIFAR-10, the real one


def test_cifar10_is_whole_and_in_its_own_order(data_dir):
    data = load("cifar10", data_dir)
    assert data.train.images.shape == (50_000, 3, 32, 32) and data.test.images.shape == (10_000, 3, 32, 32)
    assert data.train.images.dtype == torch.uint8 and data.train.labels.dtype == torch.int64
    assert data.train.labels.bincount().tolist() == [5000] * 10 and data.test.labels.bincount().tolist() == [1000] * 10
    assert (data.name, data.input_size, data.class_names[3]) == ("cifar10", 32, "cat")
    assert (data.mean, data.std) == ((0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616))
    for split, file, start in ((data.train, "data_batch_2", 10_000), (data.test, "test_batch", 0)):
        raw = pickle.loads((data_dir / "cifar-10-batches-py" / file).read_bytes(), encoding="latin1")
        assert np.array_equal(split.images[start : start + 10_000].reshape(10_000, -1).numpy(), raw["data"])
        assert split.labels[start : start + 10_000].tolist() == raw["labels"]


# CIFAR-100 and SVHN, small files of the true format


def test_cifar100_has_the_fine_labels(cifar100):
    data = load("cifar100", cifar100)
    raw = pickle.loads((cifar100 / CIFAR100.base_folder / "test").read_bytes())
    assert np.array_equal(data.test.images.reshape(4, -1).numpy(), raw["data"])
    assert data.train.labels.tolist() == [0, 1, 2, 3, 4, 5]
    assert data.class_names == tuple(f"thing {i}" for i in range(100))
    pixels = data.train.images.double() / 255
    for ours, theirs in ((data.mean, pixels.mean((0, 2, 3))), (data.std, pixels.std((0, 2, 3), correction=0))):
        assert ours == pytest.approx(theirs.tolist(), abs=5.1e-5)


def test_svhn_labels_zero_as_0(svhn):
    from scipy.io import loadmat

    data = load("svhn", svhn)
    raw = loadmat(svhn / "train_32x32.mat")["X"]
    assert data.train.images.is_contiguous() and data.train.images.dtype == torch.uint8
    for i in (0, 11):
        assert np.array_equal(data.train.images[i].permute(1, 2, 0).numpy(), raw[..., i])
    assert data.train.labels.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2]  # the file says 10 for 0
    assert data.class_names == tuple("0123456789") and len(data.test) == 5


@pytest.mark.parametrize("name, file", [("cifar100", "cifar-100-python/train"), ("cifar100", "cifar-100-python/meta")])
def test_a_damaged_cifar_is_refused(unreachable, cifar100, name, file):
    content = bytearray((cifar100 / file).read_bytes())
    content[len(content) // 2] ^= 1
    (cifar100 / file).write_bytes(content)
    message = refusal(name, cifar100)
    assert "CIFAR-100 is damaged or incomplete" in message and "put the folder cifar-100-python" in message


def test_an_incomplete_cifar_is_refused(unreachable, cifar100):
    (cifar100 / "cifar-100-python" / "test").unlink()
    assert "damaged or incomplete" in refusal("cifar100", cifar100)


def test_a_damaged_svhn_is_refused(unreachable, svhn):
    file = svhn / "test_32x32.mat"
    file.write_bytes(file.read_bytes()[:-1])
    assert "SVHN's test_32x32.mat is damaged or incomplete" in refusal("svhn", svhn)


@pytest.fixture
def unreachable(monkeypatch):
    """The data sets' servers refuse connections, as without a network."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    for kind in (CIFAR10, CIFAR100):
        monkeypatch.setattr(kind, "url", f"http://127.0.0.1:9/{kind.filename}")
    parts = {k: [f"http://127.0.0.1:9/{v[1]}", *v[1:]] for k, v in SVHN.split_list.items()}
    monkeypatch.setattr(SVHN, "split_list", parts)


@pytest.mark.parametrize(
    "name, what",
    [("cifar10", "cifar-10-batches-py"), ("cifar100", "cifar-100-python"), ("svhn", "train_32x32.mat")],
)
def test_without_data_or_network_one_sentence_says_what_to_put_where(tmp_path, unreachable, name, what):
    message = refusal(name, tmp_path / "none")
    assert "missing, and could not be fetched" in message
    assert what in message and str(tmp_path / "none") in message


def test_missing_data_are_fetched_and_broken_ones_again(cifar100, tmp_path, monkeypatch):
    served, fetched = tmp_path / "served", tmp_path / "fetched"
    served.mkdir()
    archive = served / CIFAR100.filename
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(cifar100 / CIFAR100.base_folder, CIFAR100.base_folder)
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=served)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(CIFAR100, "url", f"http://127.0.0.1:{server.server_port}/{archive.name}")
        monkeypatch.setattr(CIFAR100, "tgz_md5", hashlib.md5(archive.read_bytes()).hexdigest())
        data = load("cifar100", fetched)
        (fetched / CIFAR100.base_folder / "test").write_bytes(b"half")  # as a broken unpacking leaves it
        repaired = load("cifar100", fetched)
        server.shutdown()
    assert torch.equal(data.train.images, load("cifar100", cifar100).train.images)
    assert torch.equal(data.test.images, repaired.test.images)
    load("cifar100", fetched)  # now without the server


def test_a_server_that_stalls_is_given_up(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(fetch, "PATIENCE", 0.2)
        monkeypatch.setattr(CIFAR100, "url", f"http://127.0.0.1:{silent.getsockname()[1]}/x")
        assert "missing, and could not be fetched" in refusal("cifar100", tmp_path)
    assert socket.getdefaulttimeout() is None


# CUB-200-2011


def test_real_birds_keep_the_official_split_and_boxes(birds_dir):
    root = birds_dir / FOLDER
    birds, names = cub_records(root)
    lines = {f: (root / f).read_text().splitlines() for f in ("images.txt", "train_test_split.txt", "classes.txt")}
    assert len(birds) == len(lines["images.txt"]) and len(names) == len(lines["classes.txt"])
    assert [str(b.path.relative_to(root / "images")) for b in birds] == [x.split()[1] for x in lines["images.txt"]]
    assert [b.is_train for b in birds] == [x.endswith(" 1") for x in lines["train_test_split.txt"]]
    assert names[0] == "Black footed Albatross"
    for bird in birds[::50]:
        assert names[bird.label].replace(" ", "_") in str(bird.path.parent)
        width, height = Image.open(bird.path).size
        left, top, right, bottom = bird.box
        assert 0 <= left < right <= width + 1 and 0 <= top < bottom <= height + 1

    data = load("cub", birds_dir)
    assert (data.name, data.input_size, data.class_names) == ("cub", 80, names)
    assert len(data.train) == sum(b.is_train for b in birds) and len(data.train) + len(data.test) == len(birds)
    assert data.train.labels.unique().tolist() == data.test.labels.unique().tolist() == list(range(len(names)))
    assert data.test.labels.tolist() == [b.label for b in birds if not b.is_train]


@pytest.fixture
def few_birds(tmp_path):
    """CUB's lists with four classes, of which the folders of the second and the fourth are there."""
    root = tmp_path / FOLDER
    classes = ["001.Red_Bird", "007.Green_Bird", "012.Blue_Bird", "150.Grey_Bird"]
    files, rows, columns = [], *np.indices((20, 30))
    for name in classes:
        for i in range(3):
            files.append((name, f"{name}/{i}.png"))
            if name in (classes[1], classes[3]):
                (root / "images" / name).mkdir(parents=True, exist_ok=True)
                pixels = np.dstack([8 * columns, 12 * rows, np.full_like(rows, i)]).astype(np.uint8)
                Image.fromarray(pixels).save(root / "images" / name / f"{i}.png")
    write = {
        "classes": [f"{k} {name}" for k, name in enumerate(classes, 1)],
        "images": [f"{i} {file}" for i, (_, file) in enumerate(files, 1)],
        "image_class_labels": [f"{i} {classes.index(name) + 1}" for i, (name, _) in enumerate(files, 1)],
        "train_test_split": [f"{i} {int(i % 3 != 0)}" for i in range(1, 13)],
        "bounding_boxes": [f"{i} 10.0 4.0 16.0 8.0" for i in range(1, 13)],
    }
    for name, lines in write.items():
        (root / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_birds_are_cut_out_by_their_box_and_classes_are_renumbered(few_birds):
    data = load("cub", few_birds)
    assert data.class_names == ("Green Bird", "Grey Bird")
    assert data.train.labels.tolist() == [0, 0, 1, 1] and data.test.labels.tolist() == [0, 1]
    assert data.train.images.shape == (4, 3, 80, 80)
    place = (torch.arange(80) + 0.5) / 80  # of each pixel's centre, in the box
    for picture, i in [*zip(data.train.images, [0, 1, 0, 1], strict=True), *((p, 2) for p in data.test.images)]:
        assert (picture[0] - 8 * (10 + 16 * place - 0.5)).abs().max() < 1.5
        assert (picture[1] - 12 * (4 + 8 * place - 0.5)[:, None]).abs().max() < 1.5
        assert (picture[2] == i).all()
    assert load("cub", few_birds, input_size=32).input_size == 32


@pytest.mark.parametrize(
    "spoil, sentence",
    [
        (lambda root: (root / "bounding_boxes.txt").unlink(), "missing or incomplete"),
        (lambda root: (root / "bounding_boxes.txt").write_text("1 1.0 2.0\n"), "lists of CUB-200-2011"),
        (lambda root: (root / "train_test_split.txt").write_text("1 1\n2 0\n"), "lists of CUB-200-2011"),
        (lambda root: (root / "images.txt").write_bytes(b"\xff\xfe1 x\n"), "lists of CUB-200-2011"),
        (lambda root: (root / "images/007.Green_Bird/1.png").unlink(), "the first is CUB_200_2011/images/007.Green"),
        (lambda root: (root / "images/150.Grey_Bird/1.png").write_bytes(b"\x89PNG"), "1 of the 6 photographs"),
        (
            lambda root: (root / "bounding_boxes.txt").write_text(
                "\n".join(f"{i} 40.0 4.0 16.0 8.0" for i in range(1, 13))
            ),
            "6 of the 6 photographs",
        ),
    ],
    ids=["no list", "short line", "short list", "not text", "no photo", "bad photo", "box outside"],
)
def test_spoilt_birds_are_refused(few_birds, spoil, sentence):
    spoil(few_birds / FOLDER)
    assert sentence in refusal("cub", few_birds)


def test_missing_birds(tmp_path):
    message = refusal("cub", tmp_path)
    assert f"put its folder {FOLDER}" in message and str(tmp_path) in message


# Folders of pictures


def picture(seed=0, width=40, height=40, mode="RGB"):
    rng = np.random.default_rng(seed)
    channels = {"RGB": 3, "RGBA": 4}[mode]
    return Image.fromarray(rng.integers(0, 256, (height, width, channels), dtype=np.uint8))


def fill(folder, count, seed=0):
    folder.mkdir(parents=True)
    for i in range(count):
        picture(100 * seed + i).save(folder / f"{i:02}.png")


@pytest.fixture
def flowers(tmp_path):
    """Two classes, 10 roses and 15 tulips, without a test split."""
    fill(tmp_path / "flowers" / "rose", 10, 1)
    fill(tmp_path / "flowers" / "tulip", 15, 2)
    return tmp_path / "flowers"


def bomb(width, height):
    """A PNG of few bytes that says it is ``width`` x ``height``."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_a_fifth_of_each_class_is_for_testing(flowers):
    data = load(f"folder:{flowers}")
    assert (data.name, data.class_names, data.input_size) == ("folder:flowers", ("rose", "tulip"), 32)
    assert all(data.train.labels.bincount() > data.test.labels.bincount()) and all(data.test.labels.bincount() > 0)
    train, test = ({p.numpy().tobytes() for p in split.images} for split in (data.train, data.test))
    assert len(train | test) == 25 and not train & test
    again, other = load(f"folder:{flowers}"), load(f"folder:{flowers}", seed=1)
    assert torch.equal(data.train.images, again.train.images) and torch.equal(data.test.images, again.test.images)
    assert not torch.equal(data.test.images, other.test.images)


def test_pictures_that_come_and_go_leave_the_others_where_they_were():
    files = [Path(f"a/{name}.png") for name in range(1000)]

    def tested(names):
        chosen = choose_test(names, [0] * len(names), Path(), 0)
        return {names[i] for i in chosen.nonzero().flatten()}

    whole = tested(files)
    assert 160 <= len(whole) <= 240  # a fifth, give or take three standard deviations
    for some in (files[:500], files[::3], files[100:]):
        assert tested(some) == whole & set(some)
    assert [len(tested(files[i : i + n])) for n in (1, 2) for i in range(20)] == [0] * 20 + [1] * 20


def test_a_new_picture_leaves_the_others_where_they_were(flowers):
    before = {p.numpy().tobytes() for p in load(f"folder:{flowers}").test.images}
    for i in range(5):
        new = picture(999 + i)
        new.save(flowers / "rose" / f"new{i}.png")
    after = {p.numpy().tobytes() for p in load(f"folder:{flowers}").test.images}
    assert before <= after and len(after) <= len(before) + 5


def test_train_and_test_folders_are_kept(tmp_path):
    for i, (part, name, count) in enumerate([("train", "b", 3), ("train", "a", 4), ("test", "a", 2), ("test", "b", 1)]):
        fill(tmp_path / part / name, count, i)
    data = load(f"folder:{tmp_path}")
    assert data.class_names == ("a", "b")
    assert data.train.labels.tolist() == [0, 0, 0, 0, 1, 1, 1] and data.test.labels.tolist() == [0, 0, 1]


def test_a_class_may_be_called_train(tmp_path):
    fill(tmp_path / "train", 2)
    fill(tmp_path / "tram", 2)
    assert load(f"folder:{tmp_path}").class_names == ("train", "tram")


def test_a_relative_path_is_found_here_or_in_the_data_folder(flowers, monkeypatch):
    assert load("folder:flowers", flowers.parent).name == "folder:flowers"
    monkeypatch.chdir(flowers)
    assert load("folder:.").name == "folder:flowers"


def test_the_network_sees_the_centred_square(tmp_path):
    fill(tmp_path / "train" / "a", 1)
    fill(tmp_path / "train" / "b", 1, 1)
    (tmp_path / "test" / "b" / "deeper").mkdir(parents=True)
    ramp = np.tile(5 * np.arange(50, dtype=np.uint8), (30, 1))
    Image.fromarray(ramp).save(tmp_path / "test" / "b" / "a-wide.png")
    Image.fromarray(ramp.T.copy()).save(tmp_path / "test" / "b" / "deeper" / "tall.png")
    data = load(f"folder:{tmp_path}", input_size=16)
    assert data.input_size == 16 and data.test.labels.tolist() == [1, 1]
    expected = 5 * (10 + 30 * (torch.arange(16) + 0.5) / 16 - 0.5)
    wide, tall = data.test.images
    assert (wide - expected).abs().max() < 1.5 and (tall - expected[:, None]).abs().max() < 1.5


def test_a_folder_that_cannot_be_looked_into_gets_one_sentence(tmp_path):
    with pytest.raises(DataError, match="x cannot be read: File name too long$"):
        load("folder:" + "x" * 5000, tmp_path)


def test_bad_files_are_named_counted_and_skipped(flowers, capsys):
    rose = flowers / "rose"
    whole = (rose / "00.png").read_bytes()
    (rose / "truncated.png").write_bytes(whole[: len(whole) // 2])
    (rose / "corrupt.png").write_bytes(whole[:60] + bytes(60) + whole[120:])
    (rose / "notes.txt").write_text("water on Mondays")
    (rose / "empty.jpg").write_bytes(b"")
    (rose / "bomb.png").write_bytes(bomb(30_000, 30_000))  # Pillow's own limit refuses it
    (rose / "large.png").write_bytes(bomb(10_000, 9_500))  # Pillow only warns
    picture(5).save(rose / "cut.jpg")
    (rose / "cut.jpg").write_bytes((rose / "cut.jpg").read_bytes()[:500])
    (rose / "drawing.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    Image.fromarray(np.ones((9, 9), np.float32)).save(rose / "float.tiff")
    (rose / ".DS_Store").write_bytes(b"hidden")
    (rose / ".thumbnails").mkdir()
    (rose / ".thumbnails" / "x").write_bytes(b"hidden")
    os.mkfifo(rose / "pipe")  # reading it would wait for ever
    data = load(f"folder:{flowers}")
    assert len(data.train) + len(data.test) == 25
    error = capsys.readouterr().err
    lines = error.strip().splitlines()
    reasons = dict(line.removeprefix("skipped ").split(": ") for line in lines[:-1])
    assert reasons == {
        "rose/truncated.png": "damaged or cut short",
        "rose/corrupt.png": "damaged or cut short",
        "rose/notes.txt": "not a picture that can be read",
        "rose/empty.jpg": "not a picture that can be read",
        "rose/bomb.png": "too large",
        "rose/large.png": "too large (10,000 x 9,500 pixels)",
        "rose/cut.jpg": "damaged or cut short",
        "rose/drawing.eps": "not a picture that can be read",
        "rose/float.tiff": "of 32-bit pixels, whose range is unknown",
    }
    assert lines[-1] == f"skipped 9 of 34 files in {flowers}"


def test_unusual_pictures_are_read_right(tmp_path):
    """The test split holds these files alone, in the order of their names."""
    half_clear = np.zeros((8, 8, 4), dtype=np.uint8)
    half_clear[:, :, 0] = 200
    half_clear[:, :4, 3] = 255  # the right half is transparent over red
    deep = np.full((8, 8), 0x8000, dtype=np.uint16)
    grey = np.full((8, 8), 77, dtype=np.uint8)
    upside_down = np.zeros((8, 8, 3), dtype=np.uint8)
    upside_down[:4] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    palette = Image.fromarray(grey).convert("P")
    fill(tmp_path / "train" / "a", 1)
    fill(tmp_path / "train" / "b", 1, 1)
    folder = tmp_path / "test" / "b"
    folder.mkdir(parents=True)
    Image.fromarray(half_clear).save(folder / "1-alpha.png")
    Image.fromarray(deep).save(folder / "2-deep.png")
    Image.fromarray(grey).save(folder / "3-grey.png")
    palette.save(folder / "4-palette.gif")
    Image.fromarray(np.dstack([grey] * 4), "CMYK").save(folder / "5-cmyk.jpg", quality=100)
    Image.fromarray(upside_down).save(folder / "6-turned.png", exif=exif)
    images = load(f"folder:{tmp_path}", input_size=8).test.images
    assert images[0, :, 4, 1].tolist() == [200, 0, 0] and images[0, :, 4, 6].tolist() == [255, 255, 255]
    assert (images[1] == 128).all() and (images[2] == 77).all() and (images[3] == 77).all()
    assert ((images[4].int() - 124).abs() <= 3).all()  # 255 (1 - 77/255)^2
    assert (images[5, :, :4] == 0).all() and (images[5, :, 4:] == 255).all()


@pytest.mark.parametrize(
    "make, sentence",
    [
        (lambda root: None, "at least two; it holds 0"),
        (lambda root: fill(root / "rose", 3), "at least two; it holds 1"),
        (lambda root: (fill(root / "a", 3), (root / "b").mkdir()), "the class b in"),
        (lambda root: (fill(root / "a", 1), fill(root / "b", 1)), "has no picture to test on"),
        (lambda root: (fill(root / "train/a", 1), fill(root / "train/b", 1)), "none in test"),
        (
            lambda root: [fill(root / part, 1) for part in ("train/a", "train/b", "test/c")],
            "has a class c, which train does not have",
        ),
        (lambda root: [fill(root / p, 2) or (root / p / "00.png").write_text("x") for p in "ab"], "test on"),
    ],
    ids=["empty", "one class", "empty class", "one picture each", "no test", "foreign class", "bad files"],
)
def test_folders_that_cannot_be_learnt_from_are_refused(tmp_path, make, sentence):
    make(tmp_path)
    assert sentence in refusal(f"folder:{tmp_path}")


def test_a_single_colour_cannot_be_normalised(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        for i in range(3):
            Image.new("RGB", (9, 9), "red").save(tmp_path / name / f"{i}.png")
    assert "one and the same colour" in refusal(f"folder:{tmp_path}")


# What they share


@pytest.mark.parametrize("name", ["cifar", "", "folder", "folder:", "cub:x", "CIFAR10"])
def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path, name):
    assert f"there are {', '.join(DATASETS)}:PATH" in refusal(name, tmp_path)


def test_a_folder_that_is_not_there(tmp_path):
    assert f"there is no folder {tmp_path / 'none'}" in refusal(f"folder:{tmp_path / 'none'}")


@pytest.mark.parametrize("name, size", [("cifar10", 64), ("svhn", 80), ("cub", 4), ("folder:.", 5000), ("cub", -80)])
def test_input_sizes_that_make_no_sense(tmp_path, name, size):
    assert str(size) in refusal(name, tmp_path, input_size=size)


def test_statistics_are_those_of_the_pixels_over_many_parts():
    images = torch.randint(0, 256, (20_003, 3, 2, 2), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    images[:, 1] //= 2
    mean, std = channel_statistics(images)
    pixels = images.double() / 255
    assert mean == pytest.approx(pixels.mean((0, 2, 3)).tolist(), abs=5.1e-5)
    assert std == pytest.approx(pixels.std((0, 2, 3), correction=0).tolist(), abs=5.1e-5)


def test_only_equal_data_have_equal_fingerprints():
    def make(pixel=0, label=0, name="b", count=3):
        images = torch.zeros(count, 3, 8, 8, dtype=torch.uint8)
        images[-1, -1, -1, -1] = pixel
        train, test = Split(images, torch.tensor([label] * count)), Split(images[:1] + 1, torch.tensor([1]))
        return Dataset("some", train, test, ("a", name), (0.5,) * 3, (0.2,) * 3)

    others = [make(pixel=1), make(label=1), make(name="c"), make(count=2)]
    others.append(dataclasses.replace(make(), test=make().train))
    assert make().fingerprint == make().fingerprint
    assert len({make().fingerprint, *(other.fingerprint for other in others)}) == 6


def test_held_out_pictures_are_random_and_the_seed_fixes_them():
    whole = Split(torch.arange(100).view(100, 1, 1, 1).expand(100, 3, 1, 1).to(torch.uint8), torch.arange(100))
    rest, held = hold_out(whole, 20, seed=3)
    assert len(held) == 20 and sorted(torch.cat([rest.labels, held.labels]).tolist()) == list(range(100))
    assert torch.equal(rest.images[:, 0, 0, 0].long(), rest.labels)
    assert held.labels.tolist() not in (list(range(20)), list(range(80, 100)))
    assert torch.equal(held.labels, hold_out(whole, 20, seed=3)[1].labels)
    assert not torch.equal(held.labels, hold_out(whole, 20, seed=4)[1].labels)
    assert len(hold_out(whole, 0)[0]) == 100
    for count in (-1, 100):
        with pytest.raises(DataError, match=f"cannot hold out {count} of 100"):
            hold_out(whole, count)
