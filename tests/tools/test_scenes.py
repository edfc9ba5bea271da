"""The committed example pictures are what the script draws, and each mask is where its object is."""

from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageFilter

from tools.scenes import FOLDER, SCENES, draw, main

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
DRAWN = ("airplane", "deer")  # again, here: each takes seconds


@cache
def drawn(name: str, with_object: bool = True):
    return draw(name, with_object)


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


def test_one_scene_for_every_class():
    assert tuple(SCENES) == CLASSES
    assert sorted(path.stem for path in (FOLDER / "masks").glob("*.png")) == sorted(CLASSES)


@pytest.mark.parametrize("name", DRAWN)
def test_committed_files_are_what_the_script_draws(name):
    for image, path in zip(drawn(name), (FOLDER / f"{name}.png", FOLDER / "masks" / f"{name}.png"), strict=True):
        with Image.open(path) as committed:
            assert (committed.size, committed.mode) == ((256, 256), image.mode)
            # Another Pillow may round another way: a step of the picture's 64 levels, a few pixels of the mask's edge.
            difference = np.abs(pixels(committed) - pixels(image))
        assert difference.mean() < 0.5 and (difference > 8).mean() < 0.005
        assert path.stat().st_size < 80 * 1024


@pytest.mark.parametrize("name", CLASSES)
def test_mask_is_binary_and_neither_tiny_nor_everything(name):
    with Image.open(FOLDER / "masks" / f"{name}.png") as committed:
        mask = pixels(committed)
    assert set(np.unique(mask)) == {0, 255}
    assert 0.10 <= (mask == 255).mean() <= 0.80


@pytest.mark.parametrize("name", DRAWN)
def test_mask_is_where_the_object_is(name):
    picture, mask = drawn(name)
    without, _ = drawn(name, with_object=False)
    changed = np.abs(pixels(picture) - pixels(without)).max(-1)
    outside = pixels(mask.filter(ImageFilter.MaxFilter(5))) == 0  # two pixels for the smoothed edge, and
    # a few in a thousand anywhere for what covers less than half of one: a whisker, a paw behind grass
    assert (changed[outside] > 8).mean() < 0.005
    assert (changed[pixels(mask) == 255] > 8).mean() > 0.9


def test_drawing_again_writes_the_same_pixels(tmp_path, monkeypatch):
    monkeypatch.setattr("tools.scenes.SCENES", {"airplane": SCENES["airplane"]})
    main(tmp_path)
    for image, file in zip(drawn("airplane"), ("airplane.png", "masks/airplane.png"), strict=True):
        with Image.open(tmp_path / file) as written:
            assert (pixels(written.convert("RGB")) == pixels(image.convert("RGB"))).all()


def test_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="No scene is called 'zebra'; there are airplane, automobile, bird"):
        draw("zebra")
