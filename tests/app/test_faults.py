"""Files that other programs are reported to misread: the page's reader, the API and class folders take them alike."""

import json
import shutil

import numpy as np
import pytest

from app.images import PictureError, read_picture
from tests.app.test_api import call, file, upload
from tests.training.conftest import find_data
from training.data import load

RAW = "dng-like.dng"
SAME = ("bmp-v4-alpha0.bmp", "icc-1300k.png", "png-bad-crc-ancillary.png")  # one picture, without loss
READ = (*SAME, "jpeg-no-eoi.jpg", "png-12in16.png")


@pytest.fixture(scope="module")
def faults():
    return find_data(f"faults/{RAW}") / "faults"


def test_every_file_is_known(faults):
    assert {path.name for path in faults.iterdir() if path.suffix != ".md"} == {RAW, *READ}


def test_their_pixels(faults):
    shown = {name: np.asarray(read_picture(faults / name), int) for name in READ}
    assert all(pixels.shape == (120, 200, 3) for pixels in shown.values())
    assert all(np.array_equal(shown[name], shown[SAME[0]]) for name in SAME)
    assert 0 < np.abs(shown["jpeg-no-eoi.jpg"] - shown[SAME[0]]).mean() < 3
    assert (shown["png-12in16.png"].min(), shown["png-12in16.png"].max()) == (0, 255)
    with pytest.raises(PictureError, match="camera's raw file.*save it as a JPEG"):
        read_picture(faults / RAW)


def test_the_api_answers_or_refuses_in_words(server, faults):
    def explain_by_api(name):
        return call(server.url, image=file(upload(server.url, name, (faults / name).read_bytes())), pictures=False)

    answers = {name: explain_by_api(name) for name in READ}
    assert {event for event, _ in answers.values()} == {"complete"}
    assert len({json.loads(answers[name][1])[0]["probability"] for name in SAME}) == 1
    event, message = explain_by_api(RAW)
    assert event == "error" and "camera's raw file" in message


def test_class_folders_take_those_that_can_be_read(faults, tmp_path, capsys):
    for place in ("train/a", "train/b", "test/a"):
        shutil.copytree(faults, tmp_path / place)
    pictures = load(f"folder:{tmp_path}", input_size=32)
    assert (len(pictures.train), len(pictures.test)) == (2 * len(READ), len(READ))
    assert f"skipped a/{RAW}: a camera's raw file" in capsys.readouterr().err
