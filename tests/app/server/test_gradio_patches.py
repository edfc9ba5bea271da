"""What Gradio is bent to: the tests that the file names are there, and those that have no better place."""

import re

import pytest
from gradio import networking

from app import ui
from app.server import gradio_patches
from app.server.gradio_patches import slider
from app.site import Site
from tests.conftest import REPO
from tools.browser import free_port

SOURCE = (REPO / gradio_patches.__file__).read_text()


def test_each_patch_names_a_test_that_is_there():
    named = re.findall(r"\btest_\w+\b(?!\.py)", SOURCE)
    there = "".join(path.read_text() for path in (REPO / "tests").rglob("test_*.py"))
    assert len(named) >= 8 and not [name for name in named if f"def {name}(" not in there]


def test_the_version_is_the_one_that_is_installed_here():
    (version,) = re.findall(r"Written for Gradio ([\d.]+\d)", SOURCE)
    assert f"gradio=={version}" in (REPO / "constraints.txt").read_text().splitlines()


@pytest.mark.parametrize(("typed", "taken"), [(4, 5), (40, 40), (400, 100), (None, 60), (-1, 5), (9.6, 10)])
def test_what_is_typed_is_brought_into_range(typed, taken):
    assert slider(5, 100, 60, step=5, label="Keep").preprocess(typed) == taken


def test_a_slow_start_is_no_failed_start(networks, monkeypatch):
    monkeypatch.setattr(networking, "url_ok", lambda url: False)
    page = ui.build(Site(networks))
    try:
        ui.launch(page, "127.0.0.1", free_port(), wait=False)
    finally:
        page.close()
