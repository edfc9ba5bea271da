"""A real Chromium, and the page served by ``python -m app``; or any page that runs already, such as a container's:

PAGE_URL=http://127.0.0.1:7860 python -m pytest tests/browser
"""

import os
import sys

import pytest

from tests.app.conftest import checkpoints, networks, picture, picture_file  # noqa: F401 - fixtures
from tests.app.serving import Server
from tests.conftest import REPO


@pytest.fixture(scope="session")
def page_url(checkpoints, tmp_path_factory):  # noqa: F811
    if os.environ.get("PAGE_URL"):
        yield os.environ["PAGE_URL"].rstrip("/")
        return
    folder = tmp_path_factory.mktemp("page")
    command = [sys.executable, "-m", "app", "--checkpoints", str(checkpoints), "--device", "cpu"]
    running = Server(command, folder, cwd=REPO)
    yield running.url
    running.stop()


@pytest.fixture
def open_page(chromium, page_url):
    """Opens the page. After the test, no other host was asked and the console is clean."""
    contexts, outside, complaints = [], [], []

    def open_at(address: str = "", width: int = 1280, height: int = 800, scheme: str = "light"):
        context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        context.set_default_timeout(120_000)  # a busy machine is no reason to fail
        page = context.new_page()
        inside = (page_url, "data:", "blob:")
        page.on("request", lambda r: r.url.startswith(inside) or outside.append(r.url))
        page.on("console", lambda m: m.type == "error" and complaints.append(m.text))
        page.on("pageerror", lambda e: complaints.append(str(e)))
        page.goto(f"{page_url}/{address}")
        page.locator("#maps img").nth(2).wait_for()
        return page

    yield open_at
    for context in contexts:
        context.close()
    assert not outside
    assert not complaints
