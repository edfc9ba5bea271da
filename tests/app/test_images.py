"""What a visitor is told about a file that cannot be read: one sentence, without the server's paths."""

import pytest
from PIL import Image

from app.images import PictureError, read_picture


def large(path):
    Image.new("1", (10_000, 5_001)).save(path)


def huge(path):  # Pillow itself refuses it
    Image.new("1", (20_000, 10_000)).save(path)


def cut_short(path):
    Image.effect_noise((99, 99), 50).save(path)
    path.write_bytes(path.read_bytes()[:2000])


def raw(path):
    Image.new("RGB", (8, 8)).save(path, "TIFF", tiffinfo={50706: b"\1\4\0\0"})


@pytest.mark.parametrize(
    "make, reason",
    [
        (lambda path: path.write_text("hello"), "not a picture that can be read: please use a JPEG, PNG"),
        (cut_short, "damaged or cut short: please use another one"),
        (large, "too large (10,000 x 5,001 pixels): please use a picture of at most 50 million pixels"),
        (huge, "too large: please use a picture of at most 50 million pixels"),
        (raw, "a camera's raw file, of which only a preview can be read: please save it as a JPEG"),
        (lambda path: None, "no longer there: please choose it again"),
    ],
    ids=["text", "cut short", "large", "huge", "raw", "gone"],
)
def test_one_sentence(make, reason, tmp_path):
    path = tmp_path / "upload.png"
    make(path)
    with pytest.raises(PictureError) as error:
        read_picture(path)
    sentence = str(error.value)
    assert sentence.startswith(f"This file is {reason}") and sentence.endswith(".") and "\n" not in sentence
    assert str(tmp_path) not in sentence and error.value.__suppress_context__


def test_too_little_memory_gets_a_sentence(tmp_path, monkeypatch):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")

    def run_out(*arguments):
        raise MemoryError

    monkeypatch.setattr("model.pictures.to_rgb", run_out)
    with pytest.raises(PictureError, match="larger than the memory allows: please use a smaller picture"):
        read_picture(tmp_path / "a.png")


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1)])
def test_extreme_shapes_are_explained(size, networks, tmp_path):
    Image.new("RGB", size, "green").save(tmp_path / "a.png")
    family = next(iter(networks.families))
    explanation = networks.explain(read_picture(tmp_path / "a.png"), family, networks.compatibilities(family)[0])
    assert explanation.seen.size == (32, 32)
