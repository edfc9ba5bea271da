"""Test images as a visitor uses them: drawn, drawn again, opened in Explain; and a page that has no data."""

import os
import re
import sys

import pytest
from playwright.sync_api import Page, expect

from app import sampling
from tests.app.serving import Server
from tests.browser.test_explain import COLOURS, LOOKS, contrast
from tests.browser.test_tabs import open_tab
from tests.conftest import REPO

MISSING = sampling.MISSING.format(title="CIFAR-10", fetch=sampling.FETCH)
SLOW = 120_000  # ms; a busy machine is no reason to fail


@pytest.fixture
def open_images(open_page, data_dir):
    """Opens the tab and waits for its first draw."""
    if data_dir.resolve() != sampling.FOLDER.resolve() and "PAGE_URL" not in os.environ:
        pytest.skip("CIFAR-10 is in $DATA_DIR, and the page of this test looks into data/")

    def open_at(**settings) -> Page:
        page = open_page(**settings)
        assert not page.locator(".drawn img").count()  # nothing is drawn before the tab is opened
        open_tab(page, "Test images")
        expect(page.locator(".drawn button")).to_have_count(12, timeout=SLOW)
        return page

    return open_at


def numbers(page: Page) -> list[str]:
    return [b.get_attribute("data-index") for b in page.locator(".drawn button").all()]


def shown_seed(page: Page, seed: str) -> None:
    expect(page.locator(".draw .note")).to_contain_text(f"Seed {seed}.", timeout=SLOW)


def test_drawing_again_and_the_seed_that_brings_a_draw_back(open_images):
    page = open_images()
    field = page.get_by_label("Seed")
    seed, first = field.input_value(), numbers(page)
    shown_seed(page, seed)
    summary = page.locator(".draw h2").inner_text()
    right = page.locator(".drawn button").filter(has_text="✓ right").count()
    assert summary == f"12 drawn at random from 10,000: {right} classified correctly."
    page.get_by_role("button", name="Draw again").click()
    expect(page.locator(".draw .note")).not_to_contain_text(f"Seed {seed}.", timeout=SLOW)
    assert field.input_value() != seed and set(numbers(page)) != set(first)
    field.fill(seed)
    shown_seed(page, seed)
    assert numbers(page) == first
    field.fill("-3")
    expect(page.get_by_role("status").filter(has_text="The seed must be a whole number")).to_be_visible(timeout=SLOW)


def test_wrong_only_tells_how_many_were_looked_through(open_images):
    page = open_images()
    page.get_by_label("Wrong only").check()
    heading = page.locator(".draw h2")
    expect(heading).to_contain_text("12 misclassified among the first", timeout=SLOW)
    assert int(re.search(r"first (\d+) drawn", heading.inner_text())[1]) >= 12
    for caption in page.locator(".drawn button").all_inner_texts():
        label, named = re.match(r"label: (\w+)\s+answer: (\w+)\s+[\d.]+ %\s+· ✗ wrong", caption).groups()
        assert label != named


def test_a_picture_opens_in_explain_with_the_same_answer(open_images):
    page = open_images()
    page.get_by_label("Parametrised (pc)").and_(page.locator(":visible")).check()
    for which, press in ((4, False), (9, True)):
        button = page.locator(".drawn button").nth(which)
        if press:  # by keyboard
            button.focus()
            page.keyboard.press("Enter")
        else:
            expect(page.locator(".draw")).to_have_attribute("data-compatibility", "pc", timeout=SLOW)
            button.click()
        caption = button.text_content()
        label = re.search(r"label: (\w+?)answer:", caption)[1]
        named, probability = re.search(r"answer: (\w+?)(\d[\d.]* %) ·", caption).groups()
        answer = page.locator(".answer[data-compatibility=pc]:visible h2")
        expect(answer).to_have_text(re.compile(rf"{named}\s+{re.escape(probability)}"), timeout=SLOW)
        sentence = f"Test picture {button.get_attribute('data-index')}, labelled {label}."
        expect(page.locator(".answer:visible")).to_contain_text(sentence)
        explain = page.get_by_role("tab", name="Explain", exact=True)
        expect(explain).to_have_attribute("aria-selected", "true")
        expect(explain).to_be_focused()
        page.locator("#maps img:visible").nth(2).wait_for()
        open_tab(page, "Test images")  # the draw is still there
        expect(page.locator(".drawn button:visible")).to_have_count(12, timeout=SLOW)


LATE = """under => {
  const fetch = window.fetch;
  window.fetch = async (url, options) => {
    const asked = String(url).includes("queue/join") ? JSON.parse(options.body).data : [];
    if (asked.includes(under)) {
      window.delayed = (window.delayed ?? 0) + 1;
      await new Promise(later => setTimeout(later, 2000));
    }
    return fetch(url, options);
  };
}"""


def test_the_answer_is_to_what_was_chosen_last_though_an_older_question_arrives_later(open_images):
    page = open_images()
    page.get_by_label("Parametrised (pc)").and_(page.locator(":visible")).check()
    expect(page.locator(".draw")).to_have_attribute("data-compatibility", "pc", timeout=SLOW)
    page.evaluate(LATE, "dp")
    page.locator(".drawn button").nth(4).click()  # a picture and a compatibility at once: Explain is asked twice
    page.wait_for_timeout(4000)  # the older question has arrived
    assert page.evaluate("window.delayed") >= 1
    expect(page.locator(".answer:visible")).to_have_attribute("data-compatibility", "pc", timeout=SLOW)


@pytest.mark.parametrize("width, scheme", LOOKS)
def test_looks(open_images, scheme, width):
    page = open_images(width=width, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for box in page.locator(".draw, .drawn button").all():
        edges = box.bounding_box()
        assert edges["x"] >= 0 and edges["x"] + edges["width"] <= width
    for button in page.locator(".drawn button").all():
        inside, edges = button.locator("img").bounding_box(), button.bounding_box()
        assert inside["width"] >= 96 and abs(inside["width"] - inside["height"]) < 1
        assert inside["x"] + inside["width"] <= edges["x"] + edges["width"]
    for image in page.locator("img:visible").all():
        assert (image.get_attribute("alt") or "").strip(), image.get_attribute("src")
    for text in page.locator(".drawn span, .draw .note, .ask:visible button.primary").all():
        assert contrast(text.evaluate(COLOURS)) >= 4.5, text.inner_text()
    if width == 1280:  # the whole draw on one screen
        assert page.locator(".drawn button").last.bounding_box()["y"] < 800 - 150


@pytest.fixture(scope="module")
def page_without_data(checkpoints, tmp_path_factory):
    folder = tmp_path_factory.mktemp("without")
    (folder / "data").mkdir()
    command = [sys.executable, "-m", "app", "--checkpoints", str(checkpoints), "--device", "cpu"]
    running = Server([*command, "--data", str(folder / "data")], folder, cwd=REPO)
    yield running.url
    running.stop()


def test_without_data_a_sentence_says_how_to_get_them(chromium, page_without_data):
    context = chromium.new_context(viewport={"width": 390, "height": 800})
    complaints = []
    page = context.new_page()
    page.on("console", lambda m: m.type == "error" and complaints.append(m.text))
    page.goto(page_without_data)
    page.locator("#maps img").nth(2).wait_for(timeout=SLOW)
    open_tab(page, "Test images")
    expect(page.locator(".message:visible")).to_have_text(MISSING, timeout=SLOW)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    open_tab(page, "Explain")
    expect(page.locator("#maps img:visible")).to_have_count(3)
    context.close()
    assert not complaints
