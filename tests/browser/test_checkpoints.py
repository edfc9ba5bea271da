"""The picker of checkpoints where there are two of them, one without weights for pc."""

import os
import sys

import pytest
from playwright.sync_api import Page, expect

from tests.app.serving import Server, make_checkpoints
from tests.browser.test_explain import switch, wait_for_answer
from tests.browser.test_tabs import open_tab
from tests.browser.test_test_images import LATE
from tests.conftest import REPO

SMALL, OTHER = (
    f"Tiny pictures, 10 kinds · test error 10.0 % · answers questions · CIFAR-10 · vgg-att3-cifar10-{size}"
    for size in "sx"
)


@pytest.fixture(scope="module")
def page_url(tmp_path_factory):
    if os.environ.get("PAGE_URL"):
        pytest.skip("the page of this test has checkpoints of its own")
    folder = tmp_path_factory.mktemp("two")
    checkpoints = make_checkpoints(folder / "checkpoints")
    (make_checkpoints(folder / "more", ("dp",)) / "vgg-att3-dp-cifar10-s").rename(checkpoints / "vgg-att3-dp-cifar10-x")
    running = Server(
        [sys.executable, "-m", "app", "--checkpoints", str(checkpoints), "--device", "cpu"], folder, cwd=REPO
    )
    yield running.url
    running.stop()


def pick(page: Page, label: str) -> None:
    page.get_by_label("Checkpoint").and_(page.locator(":visible")).click()
    page.get_by_role("option", name=label).click()


def offered(page: Page):
    return page.get_by_role("radio", name="(pc)").and_(page.locator(":visible"))


def test_the_switch_offers_what_the_checkpoint_has_and_the_answer_follows(open_page):
    page = open_page("?compat=pc")
    wait_for_answer(page, "pc")
    pick(page, OTHER)
    wait_for_answer(page, "dp")  # it has no pc
    expect(offered(page)).to_have_count(0)
    pick(page, SMALL)
    expect(offered(page)).to_have_count(1)
    switch(page, "Parametrised (pc)")
    wait_for_answer(page, "pc")


def test_a_choice_made_before_the_new_choices_came_is_no_error(open_page):
    """The question under the old compatibility arrives after the checkpoint's own choices were offered."""
    page = open_page("?compat=pc")
    wait_for_answer(page, "pc")
    page.evaluate(LATE, "pc")
    pick(page, OTHER)
    wait_for_answer(page, "dp")
    page.wait_for_timeout(4000)  # the older question has arrived
    assert page.evaluate("window.delayed") >= 1
    wait_for_answer(page, "dp")
    assert page.get_by_text("Error", exact=True).count() == 0
    expect(page.locator(".answer")).to_have_count(1)


def test_a_tab_takes_both_over_from_explain(open_page):
    page = open_page("?compat=pc")
    wait_for_answer(page, "pc")
    open_tab(page, "Attack")
    expect(offered(page)).to_be_checked()
    open_tab(page, "Ask")
    expect(offered(page)).not_to_be_checked()  # pc has no answer to a class's name
    open_tab(page, "Explain")
    pick(page, OTHER)
    wait_for_answer(page, "dp")
    for tab in ("Attack", "Ask"):
        open_tab(page, tab)
        expect(page.get_by_label("Checkpoint").and_(page.locator(":visible"))).to_have_value(OTHER)
        expect(offered(page)).to_have_count(0)
    expect(page.get_by_role("radio", name="(dp)").and_(page.locator(":visible"))).to_be_checked()
