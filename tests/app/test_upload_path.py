"""The path of an uploaded picture is the one that CONTRIBUTING.md draws."""

import dataclasses
import re
import sys
import threading
from pathlib import Path

import torch
from gradio.data_classes import ImageData
from PIL import Image

from tests.conftest import REPO


def named_files() -> tuple[list[str], set[str]]:
    """The files on the path, in order, and those that they call, from CONTRIBUTING.md."""
    text = (REPO / "CONTRIBUTING.md").read_text()
    _, path, beside, *_ = text.split("## The path of an uploaded picture")[1].split("\n## ")[0].strip().split("\n\n")
    links = re.compile(r"\]\(([\w/]+\.py)\)")
    return links.findall(path), set(links.findall(beside))


def test_an_upload_passes_through_the_files_that_contributing_names(networks, picture):
    from app import ui
    from app.server import temporary
    from app.site import Site
    from model import render

    page = ui.build(Site(dataclasses.replace(networks)))  # whose worker is not yet there, to be followed too
    answer = next(f for f in page.fns.values() if f.inputs and f.inputs[0].label == "Picture")
    file = temporary.save(render.png(picture), "disc.png")
    modules = {}

    def holds_picture(value) -> bool:
        if isinstance(value, (list, tuple)):
            return any(map(holds_picture, value))
        if isinstance(value, torch.Tensor):
            return value.ndim > 2 and value.shape[-3] == 3
        return isinstance(value, (Image.Image, ImageData)) or (isinstance(value, (str, Path)) and str(value) == file)

    def follow(frame, event, _):
        path = Path(frame.f_code.co_filename)
        ours = path.is_relative_to(REPO) and path.relative_to(REPO).parts[0] in ("app", "model")
        if event == "call" and ours and any(map(holds_picture, list(frame.f_locals.values()))):
            modules[path.relative_to(REPO).as_posix()] = True  # a dictionary keeps the order

    threading.setprofile(follow)
    sys.setprofile(follow)
    try:
        upload = answer.inputs[0].preprocess(ImageData(path=file))
        values = answer.fn(upload, *(part.value for part in answer.inputs[1:]))
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    assert 'class="answer"' in values[3]
    path, beside = named_files()
    own = [name for name in modules if not name.startswith("model/networks/")]
    assert len(path) <= 8 and [name for name in own if name in path] == path
    assert set(own) - set(path) == beside
