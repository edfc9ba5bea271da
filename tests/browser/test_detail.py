"""Detail, the side at which a picture is read, where it is offered: finer maps, and the API's numbers at that side."""

import pytest
from gradio_client import handle_file
from playwright.sync_api import expect

from tests.app.serving import EXAMPLES, FAMILY
from tests.browser.test_tabs import api, choose_tab, number


@pytest.mark.parametrize("side", [48, 64])
def test_explain_reads_a_picture_at_the_side_chosen(open_page, page_url, tmp_path, side):
    page = open_page("?example=frog&compat=dp")
    page.get_by_role("radio", name=f"{side} px").and_(page.locator(":visible")).check()
    expect(page.locator(".numbers").first).to_contain_text(f"{side} × {side}")
    expect(page.locator(".seen figcaption")).to_contain_text(f"{side} × {side} px")
    frog = handle_file(EXAMPLES / "frog.png")
    answer, *_ = api(
        page_url, tmp_path, image=frog, checkpoint=FAMILY, compatibility="dp", side=side, api_name="/explain"
    )
    name, probability = page.locator(".answer h2").inner_text().split(maxsplit=1)
    assert name == answer["class"]
    assert number(probability.removesuffix("%")) == pytest.approx(100 * answer["probability"], abs=0.06)


def test_side_by_side_and_ask_do_too(open_page, page_url, tmp_path):
    page = open_page("?example=frog")
    choose_tab(page, "Side by side")
    page.locator(".grid:visible img").nth(8).wait_for()
    page.get_by_role("radio", name="64 px").and_(page.locator(":visible")).check()
    frog = handle_file(EXAMPLES / "frog.png")
    answer = api(page_url, tmp_path, image=frog, checkpoint=FAMILY, side=64, api_name="/compare")
    peak = answer["answers"]["dp"]["levels"]["conv7"]["peak_x_uniform"]
    expect(page.locator(".grid:visible figcaption").first).to_contain_text(f"peak {peak:.1f} ×")
    choose_tab(page, "Ask")
    before = page.locator(".asked .moved img").first
    drawn = before.get_attribute("src")
    page.get_by_role("radio", name="48 px").and_(page.locator(":visible")).check()
    expect(before).not_to_have_attribute("src", drawn)
    expect(page.locator(".asked .question")).to_have_text("Where is the frog?")
