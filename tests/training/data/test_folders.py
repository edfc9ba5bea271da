"""Folders as people have them: other names for train and test, accents stored apart, what systems leave behind."""

import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.model.test_repairs import odd_files, raw_file
from tests.training.data.test_data import fill, refusal
from training.data import load
from training.data.folders import part
from training.evaluate import check_classes


def fill_parts(root, *parts, classes=("cat", "dog")):
    for i, name in enumerate(parts):
        for j, kind in enumerate(classes):
            fill(root / name / kind, 3, 10 * i + j)


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("Train", "Test"),
        ("TRAIN", "TEST"),
        ("training", "testing"),
        ("training_set", "test_set"),
        ("Training Data", "Test Data"),
        ("seg_train", "seg_test"),
        ("trainSet", "testSet"),
        ("train2017", "test2017"),
        ("train-images", "test"),
        ("trainval", "test"),
    ],
)
def test_other_names_for_the_parts(train, test, tmp_path):
    fill_parts(tmp_path, train, test)
    data = load(f"folder:{tmp_path}")
    assert data.class_names == ("cat", "dog") and len(data.train) == len(data.test) == 6


def test_a_validation_split_beside_a_test_split_is_left_alone(tmp_path):
    fill_parts(tmp_path, "train", "valid", "test")
    assert len(load(f"folder:{tmp_path}").test) == 6


@pytest.mark.parametrize("name", ["val", "valid", "Validation", "dev", "eval", "holdout"])
def test_without_a_test_split_the_validation_split_may_be_renamed(name, tmp_path):
    fill_parts(tmp_path, "Train", name)
    message = refusal(f"folder:{tmp_path}")
    assert f"class folders in Train but none in test: to test on {name}, rename it to test" in message


def test_two_spellings_of_one_part(tmp_path):
    fill_parts(tmp_path, "train", "training", "test")
    assert "has both train and training: keep one" in refusal(f"folder:{tmp_path}")


def test_parts_without_class_folders(tmp_path):
    for name in ("Train", "Test"):
        fill(tmp_path / name, 3)
    assert "must hold one folder of pictures for each class" in refusal(f"folder:{tmp_path}")


def test_parts_none_of_which_is_for_training(tmp_path):
    for name in ("test", "val"):
        fill(tmp_path / name, 3)
    assert "has folders called test and val but none called train" in refusal(f"folder:{tmp_path}")


def test_parts_inside_the_classes(tmp_path):
    fill_parts(tmp_path, "cat", "dog", classes=("train", "test"))
    assert "make folders called train and test that hold cat and dog" in refusal(f"folder:{tmp_path}")


@pytest.mark.parametrize("parts", [("fold1", "fold2"), ("Treino", "Prova"), ("A", "B", "C")])
def test_classes_that_hold_the_same_folders_are_parts(parts, tmp_path):
    fill_parts(tmp_path, *parts)
    assert "hold folders called cat and dog: those seem to be the classes" in refusal(f"folder:{tmp_path}")


def test_classes_may_share_one_folder_inside(tmp_path):
    fill_parts(tmp_path, "n01443537", "n01629819", classes=("images",))
    assert load(f"folder:{tmp_path}").class_names == ("n01443537", "n01629819")


def test_classes_that_sound_like_parts(tmp_path):
    for name in ("train station", "test tube", "validation stamp"):
        fill_parts(tmp_path, name, classes=(f"{name} a", f"{name} b"))
    assert load(f"folder:{tmp_path}").class_names == ("test tube", "train station", "validation stamp")
    assert [part(name) for name in ("training", "TestSet", "valid", "trainer", "contest", "train test", "retrain")] == [
        *("train", "test", "validation"),
        *[None] * 4,
    ]


def test_a_folder_around_the_data_set_is_named(tmp_path):
    fill_parts(tmp_path, "PetImages")
    assert f"it holds 1; if the classes are in {tmp_path / 'PetImages'}, name that folder" in refusal(
        f"folder:{tmp_path}"
    )


def test_what_systems_leave_behind_is_no_class_and_no_picture(tmp_path):
    fill_parts(tmp_path, "", classes=("cat", "dog"))
    for place in (tmp_path, tmp_path / "cat", tmp_path / "dog"):
        for name in (
            "@eaDir",
            "__MACOSX",
            ".AppleDouble",
            "$RECYCLE.BIN",
            "System Volume Information",
            "LOST.DIR",
            "FOUND.000",
        ):
            fill(place / name, 2)
        for name in ("Thumbs.db", "desktop.ini", ".DS_Store", "._00.png"):
            (place / name).write_bytes(b"x")
    data = load(f"folder:{tmp_path}")
    assert data.class_names == ("cat", "dog") and len(data.train) + len(data.test) == 6


def test_names_as_a_mac_stores_them(tmp_path):
    names = ("Bücher", "Äpfel", "plain")
    for i, name in enumerate(names):
        for place in ("one", "other"):
            fill(tmp_path / place / name, 12, i)
    for folder in list((tmp_path / "other").iterdir()):
        for file in list(folder.iterdir()):
            file.rename(file.with_name("é" + file.name))
        for file in list((tmp_path / "one" / folder.name).iterdir()):
            file.rename(file.with_name(unicodedata.normalize("NFD", "é" + file.name)))
        folder.rename(folder.with_name(unicodedata.normalize("NFD", folder.name)))
    one, other = (load(f"folder:{tmp_path / place}") for place in ("one", "other"))
    assert one.class_names == other.class_names == tuple(sorted(names)) and one.fingerprint == other.fingerprint


def test_a_test_split_from_a_mac(tmp_path):
    fill_parts(tmp_path, "train", classes=("Bücher", "b"))
    fill_parts(tmp_path, "test", classes=(unicodedata.normalize("NFD", "Bücher"), "b"))
    data = load(f"folder:{tmp_path}")
    assert len(data.test) == 6


def test_a_checkpoint_from_a_mac_knows_the_same_classes(tmp_path):
    import model

    fill_parts(tmp_path, "", classes=("Bücher", "b"))
    net = model.build("vgg", num_classes=2, width=1 / 16)
    data = load(f"folder:{tmp_path}")
    net.info = type(net.info)(class_names=tuple(unicodedata.normalize("NFD", n) for n in data.class_names))
    check_classes(net, data)


def test_the_overview_counts_the_pictures_of_each_class(tmp_path):
    fill_parts(tmp_path, "train", classes=("dog", "cat"))
    fill_parts(tmp_path, "test", classes=("dog",))
    assert load(f"folder:{tmp_path}").overview == "2 classes (training + test pictures): cat 3 + 0, dog 3 + 3"


def test_files_that_viewers_show_are_learnt_from_as_shown(tmp_path, capsys):
    shown = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 100, 3), dtype=np.uint8))
    for name, contents in odd_files(shown).items():
        for kind, content in zip(("odd", "plain"), contents, strict=True):
            for place in ("train/a", "train/b", "test/a"):
                (tmp_path / kind / place).mkdir(parents=True, exist_ok=True)
                (tmp_path / kind / place / name).write_bytes(content)
    (tmp_path / "odd" / "train" / "a" / "raw.dng").write_bytes(raw_file())
    odd, plain = (load(f"folder:{tmp_path / kind}") for kind in ("odd", "plain"))
    assert len(odd.train) == 10 and (odd.train.images.int() - plain.train.images.int()).abs().max() <= 1
    assert "skipped a/raw.dng: a camera's raw file" in capsys.readouterr().err


def test_a_folder_whose_name_is_no_text_is_refused_before_training(tmp_path):
    for name in (b"cat", b"d\xf6g"):  # Latin-1
        fill(Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))), 3)
    assert "is not UTF-8: rename it" in refusal(f"folder:{tmp_path}")
