"""The figure of existing attention has a row for each picture."""

import dataclasses
import io

import numpy as np
from PIL import Image

from app.others import CAM
from tests.app.test_others import made_up
from tools.progressive import LEVELS, draw


def test_each_picture_is_a_row():
    falls = dict.fromkeys((*LEVELS, CAM), (0.9, 0.3))
    one = made_up(falls, falls, {name: np.random.default_rng(0).random((8, 8)) for name in falls})
    one = dataclasses.replace(one, gap=one.attending, pan=one.attending)
    heights = []
    for rows in (1, 2):
        with Image.open(io.BytesIO(draw([one] * rows, "dark"))) as figure:
            assert figure.format == "WEBP"
            heights.append(figure.height)
    assert heights[1] > 1.8 * heights[0]
