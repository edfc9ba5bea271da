"""Other explanations as a visitor uses them, and the numbers on the page against the public API."""

import os
import re
import sys

import pytest
from playwright.sync_api import Page, expect

from model import LEVELS
from tests.app.serving import FAMILY, Server, make_checkpoints
from tests.app.test_others import add_gap, add_pan
from tests.browser.test_explain import COLOURS, LOOKS, contrast
from tests.browser.test_tabs import api, open_tab
from tests.conftest import REPO

TAB = "Other explanations"
GRAPHICS = """element => {
  const drawn = getComputedStyle(element);
  const behind = getComputedStyle(element.closest(".way")).backgroundColor;
  return [drawn.stroke, behind];
}"""


@pytest.fixture(scope="module")
def page_url(tmp_path_factory):
    """The page with a VGG-GAP and a VGG-PAN among its checkpoints."""
    if os.environ.get("PAGE_URL"):
        yield os.environ["PAGE_URL"].rstrip("/")
        return
    folder = tmp_path_factory.mktemp("others")
    checkpoints = add_pan(add_gap(make_checkpoints(folder / "checkpoints")))
    command = [sys.executable, "-m", "app", "--checkpoints", str(checkpoints), "--device", "cpu"]
    running = Server(command, folder, cwd=REPO)
    yield running.url
    running.stop()


def open_others(open_page, **settings) -> Page:
    page = open_page(**settings)
    open_tab(page, TAB)
    page.locator(".others .way").nth(4).wait_for()
    return page


def rows(page: Page) -> list[list[str]]:
    """The table: each row's name, then its numbers."""
    read = "rows => rows.map(row => [...row.cells].map(cell => cell.innerText.trim()))"  # all at one moment
    return page.locator(".others tbody tr").evaluate_all(read)


def wait_for_change(page: Page, before: list) -> list[list[str]]:
    for _ in range(1200):
        if page.locator(".others").count() and (after := rows(page)) and after != before:
            return after
        page.wait_for_timeout(100)
    raise AssertionError("nothing changed on the page")


def assert_shows(page: Page, answer: dict) -> None:
    lines = [item[line] for item in answer["maps"].values() for line in ("fall", "moved")] + [answer["random"]]
    names = [name for of in (*LEVELS, "Saliency", "Grad-CAM") for name in (of, f"{of}, moved")] + ["random pixels"]
    answers = [answer["class"]] * 5
    if answer["cam"]:
        cam = answer["cam"]["maps"]["cam"]
        lines += [cam["fall"], cam["moved"], answer["cam"]["random"]]
        names += [f"CAM, of VGG-GAP's {answer['cam']['class']}", "CAM, moved", "random pixels, VGG-GAP"]
        answers.append(answer["cam"]["class"])
        assert f"its answer is {answer['cam']['class']}" in page.locator(".others .whose").first.inner_text()
    if answer["pan"]:
        for name, item in answer["pan"]["maps"].items():
            lines += [item["fall"], item["moved"]]
            names += [f"progressive {name}, of VGG-PAN's {answer['pan']['class']}", f"progressive {name}, moved"]
            answers.append(answer["pan"]["class"])
        lines.append(answer["pan"]["random"])
        names.append("random pixels, VGG-PAN")
        assert f"its answer is {answer['pan']['class']}" in page.locator(".others .whose").last.inner_text()
    if answer["note"]:
        assert page.locator(".others .absent").inner_text() == answer["note"]
    table = rows(page)
    assert [row[0] for row in table] == names
    for row, line in zip(table, lines, strict=True):
        assert [float(text) for text in row[1:]] == pytest.approx([100 * p for p in line], abs=0.06)
    name, probability = page.locator(".others .named").inner_text().split(maxsplit=1)
    assert name == answer["class"]
    assert float(probability.removesuffix("%")) == pytest.approx(100 * answer["probability"], abs=0.06)
    charts = [chart.get_attribute("aria-label") for chart in page.locator(".others .way .chart").all()]
    for words, answer in zip(charts, answers, strict=True):
        assert words.startswith(f"Probability of {answer}, ")


def test_shows_what_the_api_says_and_follows_its_inputs(open_page, page_url, tmp_path):
    from gradio_client import handle_file

    page = open_others(open_page)
    before = rows(page)
    page.locator(".ask:visible").get_by_role("button", name="Example: frog", exact=True).click()
    dp = wait_for_change(page, before)
    frog = handle_file(REPO / "assets" / "examples" / "frog.png")
    arguments = {"image": frog, "checkpoint": FAMILY, "api_name": "/others"}
    assert_shows(page, api(page_url, tmp_path, compatibility="dp", **arguments))
    page.locator(".ask:visible").get_by_role("radio", name="Parametrised (pc)").check()
    wait_for_change(page, dp)
    assert_shows(page, api(page_url, tmp_path, compatibility="pc", **arguments))


def test_hostile_upload_gets_a_sentence_and_the_next_one_works(open_page, picture_file):
    page = open_others(open_page)
    page.locator(".ask:visible").get_by_role("button", name="Remove Image").click()
    expect(page.locator(".message:visible")).to_contain_text("Choose a picture", timeout=120_000)
    broken = {"name": "a.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n" + bytes(99)}
    page.locator(".ask:visible input[type=file]").first.set_input_files(broken)
    alert = page.get_by_role("alert").filter(has_text="This file is")
    expect(alert).to_be_visible(timeout=120_000)
    assert alert.inner_text().endswith(".") and "/" not in alert.inner_text()
    page.locator(".ask:visible input[type=file]").first.set_input_files(picture_file)
    page.locator(".others .way").nth(4).wait_for()


@pytest.mark.parametrize("width, scheme", LOOKS)
def test_looks(open_page, scheme, width):
    page = open_others(open_page, width=width, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for part in page.locator(".others .lead, .others .way, .others .numbered, .others table, .others .chart").all():
        edges = part.bounding_box()
        assert edges["x"] >= 0 and edges["x"] + edges["width"] <= width
    for image in page.locator(".others img").all():
        assert re.search("over the picture: (highlights the|spreads|zero)", image.get_attribute("alt"))
    for text in page.locator(".others :is(small, .said, .whose, .note, caption, td)").all():
        assert contrast(text.evaluate(COLOURS)) >= 4.5, text.inner_text()
    label = page.locator(".others .way .chart text").first
    fill = label.evaluate("e => [getComputedStyle(e).fill, getComputedStyle(e.closest('.way')).backgroundColor]")
    assert contrast(fill) >= 4.5
    for line in (".map", ".moved", ".random"):
        assert contrast(page.locator(f".others .way .chart polyline{line}").first.evaluate(GRAPHICS)) >= 3
    assert page.locator(".others .way .chart text").first.bounding_box()["height"] >= 9  # can be read
