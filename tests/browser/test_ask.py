"""Ask as a visitor uses it: compose a scene, ask for each picture with one click, see the map move; not under pc."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_explain import COLOURS, LOOKS, contrast
from tests.browser.test_tabs import choose_tab

SCENE = ("bird", "horse", "truck", "cat")  # other than that at first
SHARES = """map => [...map.querySelectorAll(".cells span")].map(span => parseInt(span.innerText))"""


def open_ask(page: Page) -> Page:
    choose_tab(page, "Ask")
    page.locator(".asked .scene img").nth(5).wait_for()
    return page


def compose(page: Page) -> None:
    scene = page.locator("#scene")
    scene.get_by_role("button", name="Clear").click()
    for name in SCENE:
        scene.get_by_role("button", name=f"In the scene: {name}", exact=True).click()
    expect(page.locator("#answered .moved button").last).to_have_attribute("data-ask", f"picture:{SCENE[-1]}")
    expect(page.locator("#answered .cells").first.locator("button")).to_have_count(4)


def answer_to(page: Page, name: str) -> tuple[list[int], str]:
    """The shares of conv13's map once the answer is of this class, and the map itself."""
    expect(page.locator(".asked .question")).to_have_text(f"Where is the {name}?")
    expect(page.locator(f'.classes [data-ask="class:{name}"]')).to_have_attribute("aria-pressed", "true")
    figure = page.locator('.asked .moved[data-level="conv13"]')
    return figure.evaluate(SHARES), figure.locator("img").get_attribute("src")


@pytest.mark.parametrize("width, scheme", LOOKS)
def test_one_click_moves_the_map_to_the_picture_asked_for(open_page, width, scheme):
    page = open_ask(open_page(width=width, scheme=scheme))
    if width > 900:  # scene, question and answer are seen at once
        for part in ("#scene", ".classes", ".asked .pair.large"):
            box = page.locator(part).bounding_box()
            assert box["y"] + box["height"] <= 800, part
    compose(page)
    maps = set()
    for i, name in enumerate(SCENE):
        page.locator(f'.classes [data-ask="class:{name}"]').click()
        shares, picture = answer_to(page, name)
        assert shares[i] == max(shares) and shares[i] > 40, (name, shares)
        maps.add(picture)
    assert len(maps) == 4
    page.locator("#asking").get_by_role("radio", name="Parametrised (pc)").check()
    expect(page.locator(".asked")).to_have_attribute("data-compatibility", "pc")
    expect(page.locator(".asked .verdict")).to_contain_text("the softmax cancels it")
    stays = set()
    for name in SCENE:
        page.locator(f'.classes [data-ask="class:{name}"]').click()
        stays.add((*answer_to(page, name)[0], answer_to(page, name)[1]))
    own = page.locator('.asked .own[data-level="conv13"] img').get_attribute("src")
    assert len(stays) == 1 and own in next(iter(stays))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert "because" not in page.locator("main").inner_text().lower()
    for image in page.locator("img:visible").all():
        assert (image.get_attribute("alt") or "").strip(), image.get_attribute("src")
    for text in page.locator(".classes button.absent span:visible, .asked small:visible, .asked .note:visible").all():
        assert contrast(text.evaluate(COLOURS)) >= 4.5, text.inner_text()


def test_a_picture_asks_by_a_click_in_the_scene_or_below_it(open_page):
    page = open_ask(open_page())
    page.locator("#askers").get_by_role("button", name="Ask with: cat", exact=True).click()
    expect(page.locator(".asked .question img")).to_have_attribute("alt", "the picture cat")
    expect(page.locator('.classes [aria-pressed="true"]')).to_have_count(0)
    page.locator(".asked .moved button").nth(1).click()
    expect(page.locator(".asked .question img")).to_have_attribute("alt", "the picture automobile")


def test_keys_alone_compose_and_ask_and_the_focus_stays(open_page):
    page = open_ask(open_page())
    focused = "document.activeElement.dataset"
    page.locator("#scene").get_by_role("button", name="In the scene: ship", exact=True).focus()
    page.keyboard.press("Enter")  # out of the scene
    expect(page.locator("#answered .cells").first.locator("button")).to_have_count(3)
    page.locator('.classes [data-ask="class:deer"]').focus()
    page.keyboard.press("Space")
    expect(page.locator(".asked .question")).to_have_text("Where is the deer?")
    assert page.evaluate(f"{focused}.ask") == "class:deer"
    page.locator(".asked .moved button").nth(1).focus()
    page.keyboard.press("Enter")
    expect(page.locator(".asked .question img")).to_have_attribute("alt", "the picture automobile")
    page.wait_for_function(f"{focused}.ask === 'picture:automobile'")


def test_an_upload_is_a_scene_of_its_own_and_a_bad_one_gets_a_sentence(open_page, picture_file):
    page = open_ask(open_page())
    page.get_by_role("button", name="Pictures of your own").click()
    upload = page.locator("#own input[type=file]")
    upload.first.set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n" + bytes(99)})
    alert = page.locator("#answered [role=alert]")
    expect(alert).to_be_visible()
    assert alert.inner_text().endswith(".") and "/" not in alert.inner_text()
    page.locator("#own input[type=file]").first.set_input_files(picture_file)
    expect(page.locator(".asked")).to_be_visible()
    expect(page.locator(".asked .cells")).to_have_count(0)
    expect(page.locator("#scene").get_by_role("button", name="In the scene: your picture")).to_have_attribute(
        "aria-pressed", "true"
    )
    page.locator("#scene").get_by_role("button", name="In the scene: frog", exact=True).click()
    expect(page.locator("#answered .cells").first.locator("button")).to_have_count(2)
