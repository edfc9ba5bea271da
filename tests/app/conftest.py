"""What the tests of the page share: real checkpoints with random weights, a picture, and a real server."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.app.serving import Server, make_checkpoints
from tests.conftest import REPO


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory) -> Path:
    return make_checkpoints(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="session")
def networks(checkpoints):
    from app.networks import Networks

    return Networks.load(checkpoints)


@pytest.fixture(scope="session")
def picture() -> Image.Image:
    """200 x 120, a bright disc on a gradient: no symmetry that would hide a flip or a wrong crop."""
    y, x = np.mgrid[:120, :200]
    pixels = np.stack([x, 2 * y, 255 - x], -1).astype(np.uint8)
    pixels[(x - 80) ** 2 + (y - 40) ** 2 < 500] = (250, 240, 30)
    return Image.fromarray(pixels)


@pytest.fixture(scope="session")
def picture_file(picture, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "disc.png"
    picture.save(path)
    return path


@pytest.fixture(scope="session")
def server(checkpoints, tmp_path_factory):
    """As a Space runs it: the file, from another folder, behind a proxy that is not there."""
    command = [sys.executable, str(REPO / "app" / "__main__.py"), "--checkpoints", str(checkpoints), "--device", "cpu"]
    running = Server(command, tmp_path_factory.mktemp("server"))
    yield running
    running.stop()
