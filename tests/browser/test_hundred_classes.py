"""Ask where the checkpoint knows a hundred classes: one of them is chosen by its name."""

import os
import sys

import pytest
from playwright.sync_api import expect

from tests.app.serving import Server, make_hundred_classes
from tests.browser.test_ask import open_ask
from tests.conftest import REPO


@pytest.fixture(scope="module")
def page_url(tmp_path_factory):
    if os.environ.get("PAGE_URL"):
        pytest.skip("the page of this test has checkpoints of its own")
    folder = tmp_path_factory.mktemp("hundred")
    checkpoints = make_hundred_classes(folder / "checkpoints")
    running = Server(
        [sys.executable, "-m", "app", "--checkpoints", str(checkpoints), "--device", "cpu"], folder, cwd=REPO
    )
    yield running.url
    running.stop()


def test_a_class_is_chosen_by_name_and_the_list_stays_open(open_page):
    page = open_ask(open_page(width=390, scheme="dark"))
    expect(page.locator(".classes img")).to_have_count(11)
    page.get_by_text("Every class, by name").click()
    page.get_by_role("button", name="small kind 77", exact=True).last.click()
    expect(page.locator(".asked .question")).to_have_text("Where is the small kind 77?")
    page.locator("#scene").get_by_role("button", name="In the scene: cat", exact=True).click()
    expect(page.locator("#answered .moved button").last).to_have_attribute("data-ask", "picture:cat")
    expect(page.locator('.classes details[open] [aria-pressed="true"]')).to_have_text("small kind 77")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
