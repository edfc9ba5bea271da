"""The front tab as a visitor uses it."""

import io
import json
import re
import zipfile

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from model import LEVELS
from tests.app.serving import CIFAR10, FAMILY
from tests.conftest import REPO

LOOKS = [(1280, "light"), (390, "dark")]  # colours depend on no width, widths on no colour


def wait_for_answer(page: Page, compatibility: str) -> None:
    """Waits until the answer on the page is that of ``compatibility`` and nothing is under way."""
    expect(page.locator(f".answer[data-compatibility={compatibility}]")).to_be_visible(timeout=120_000)
    expect(page.locator(".progress-text, .eta-bar, .generating")).to_have_count(0, timeout=120_000)


def switch(page: Page, label: str) -> None:
    page.get_by_role("radio", name=label, exact=True).check()


READ = """() => {
  const all = name => [...document.querySelectorAll(name)];
  return {
    class: all(".answer h2")[0].innerText,
    split: all(".answer table")[1].innerText,
    numbers: all(".block.numbers").map(element => element.innerText),
    words: all("#maps img").map(image => image.alt),
    maps: all("#maps img").map(image => image.getAttribute("src")),
    equation: all(".formula")[0].innerText,
  };
}"""


def state(page: Page) -> dict:
    """What a visitor reads and sees at one moment: class, numbers, words and the maps' addresses, hashes of content."""
    return page.evaluate(READ)


def wait_for_change(page: Page, before: dict, key: str = "maps") -> dict:
    page.wait_for_function(
        "old => JSON.stringify([...document.querySelectorAll('#maps img')].map(i => i.getAttribute('src'))) !== old",
        arg=json.dumps(before["maps"], separators=(",", ":")),
    )
    return state(page)


def upload(page: Page, name: str, content: bytes) -> None:
    remove = page.get_by_role("button", name="Remove Image")
    if remove.count():
        remove.click()
        expect(page.locator(".message")).to_be_visible(timeout=120_000)
    page.locator("#ask input[type=file]").first.set_input_files(
        {"name": name, "mimeType": "image/png", "buffer": content}
    )


def test_opens_with_an_answer(open_page):
    page = open_page()
    contents = state(page)
    assert contents["class"].split()[0] in CIFAR10 and "%" in contents["class"]
    assert len(set(contents["maps"])) == 3
    for level, words, numbers in zip(LEVELS, contents["words"], contents["numbers"], strict=True):
        sentence = rf"Attention of {level} over the picture: .*(highlights the|spreads).*; peak [\d.]+ × uniform"
        assert re.fullmatch(sentence + "(, at the [a-z ]+)?", words)
        assert all(label in numbers for label in ("Grid", "Peak", "Entropy", "Logit"))
    assert "√" in contents["equation"]
    assert "softmax cancels it" in page.locator(".method").inner_text()


def test_fits_without_scrolling(open_page):
    page = open_page()
    for part in ("#ask .image-container", ".answer", "#view", "#save", *[f"#maps .card >> nth={i}" for i in range(3)]):
        box = page.locator(part).first.bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= 800 and box["x"] + box["width"] <= 1280, part


def test_on_a_phone_the_class_and_the_first_map_are_in_sight_and_what_needs_more_reading_is_last(open_page):
    page = open_page(width=390)
    parts = (".answer h2", "#maps img", "#legend", "#view", ".answer h3", ".answer .seen", ".method")
    tops = [page.locator(part).first.bounding_box()["y"] for part in parts]
    assert tops == sorted(tops) and tops[1] < 780
    widths = [page.locator(part).first.bounding_box()["width"] for part in ("#view", ".answer > .seen")]
    assert widths[0] == pytest.approx(widths[1], abs=1)


def test_the_three_maps_are_of_one_size_in_one_row(open_page):
    page = open_page()
    for width in (768, 901, 950, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        boxes = [image.bounding_box() for image in page.locator("#maps img").all()]
        assert len({(round(box["y"]), round(box["width"])) for box in boxes}) == 1, width
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_compatibility_is_switched_by_arrow_keys_and_focus_is_seen(open_page):
    page = open_page()
    page.get_by_role("radio", name="Dot product (dp)", exact=True).focus()
    page.keyboard.press("ArrowRight")
    wait_for_answer(page, "pc")
    choice = page.get_by_role("radio", name="Parametrised (pc)", exact=True)
    expect(choice).to_be_focused()
    expect(choice).to_be_checked()
    slider = page.locator("#view input[type=range]").first
    for part in (choice, slider):
        part.focus()
        page.keyboard.press("Shift+Tab")  # there and back, so that the focus came by keyboard
        page.keyboard.press("Tab")
        expect(part).to_be_focused()
        assert part.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"


def test_a_single_checkpoint_is_not_offered_to_pick(open_page):
    page = open_page()
    expect(page.get_by_label("Checkpoint").and_(page.locator(":visible"))).to_have_count(0)


def test_every_control_is_shown_whole(open_page):
    page = open_page()
    clips = "e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX != 'visible'"
    for width in (1280, 1024, 390):
        page.set_viewport_size({"width": width, "height": 800})
        for part in page.locator("#view .block, #view label, #view input:visible").all():
            assert not part.evaluate(clips), (width, part.inner_text())
        for name in ("Opacity, %", "Keep top, %"):
            assert page.locator("#view .head span", has_text=name).bounding_box()["height"] < 30  # on one line


@pytest.mark.parametrize("locale", ["ar", "fa", "de", "ja"])
def test_in_a_browser_of_another_language_nothing_is_cut_or_turned_round(chromium, page_url, locale):
    context = chromium.new_context(locale=locale)
    page = context.new_page()
    page.goto(page_url)
    page.locator("#maps img").nth(2).wait_for(timeout=120_000)
    wait_for_answer(page, "dp")
    clips = "e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX != 'visible'"
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
        for part in page.locator("#ask button:visible, #view .block, #view label").all():
            assert not part.evaluate(clips), (width, part.inner_text())
    for part in ("body", ".answer h2", "#maps figure, #maps img", "#view label"):
        assert page.locator(part).first.evaluate("e => getComputedStyle(e).direction") == "ltr"  # as our words are
    context.close()


def test_groups_of_choices_have_names(open_page):
    page = open_page()
    for name in ("Compatibility", "Drawing", "Colour scale"):
        assert page.get_by_role("group", name=name, exact=True).is_visible()
    page.get_by_role("tab", name="Test images", exact=True).click()
    page.get_by_role("group", name="Pictures", exact=True).wait_for()  # a tab that is filled when first opened


def test_upload(open_page, picture_file):
    page = open_page()
    before = state(page)
    picture = page.locator("#ask .image-frame img")
    expect(picture).to_have_attribute("alt", "Picture: airplane")
    upload(page, "my_disc.png", picture_file.read_bytes())
    expect(picture).to_have_attribute("alt", "Picture: my disc")
    page.locator("#maps img").nth(2).wait_for()
    wait_for_answer(page, "dp")
    assert state(page)["maps"] != before["maps"]
    assert state(page)["class"].split()[0] in CIFAR10


COPY = """async () => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 96;
  const brush = canvas.getContext("2d");
  brush.fillStyle = "#2060c0";
  brush.fillRect(0, 0, 96, 96);
  brush.fillStyle = "#e0e0e0";
  brush.fillRect(20, 40, 56, 16);
  const blob = await new Promise(done => canvas.toBlob(done, "image/png"));
  await navigator.clipboard.write([new ClipboardItem({"image/png": blob})]);
}"""


def test_camera_then_clipboard(open_page):
    page = open_page()
    page.context.grant_permissions(["camera", "clipboard-read", "clipboard-write"])
    ask, before = page.locator("#ask"), state(page)
    page.get_by_role("button", name="Remove Image").click()
    ask.get_by_role("button", name="Capture from camera").click()
    ask.get_by_role("button", name="Click to Access Webcam").click()
    page.wait_for_function("document.querySelector('#ask .picture video')?.readyState === 4")  # pictures come in
    ask.get_by_role("button", name="capture photo").click()
    page.locator("#maps img").nth(2).wait_for()
    wait_for_answer(page, "dp")
    photograph = state(page)
    assert photograph["maps"] != before["maps"]
    page.get_by_role("button", name="Remove Image").click()
    expect(page.locator(".message")).to_be_visible(timeout=120_000)
    page.evaluate(COPY)
    ask.get_by_role("button", name="Paste from clipboard").click()  # the camera does not lie over it
    page.locator("#maps img").nth(2).wait_for()
    wait_for_answer(page, "dp")
    assert state(page)["maps"] not in (before["maps"], photograph["maps"])


def test_switching_changes_maps_and_numbers(open_page):
    page = open_page()
    dp = state(page)
    switch(page, "Parametrised (pc)")
    wait_for_answer(page, "pc")
    pc = state(page)
    assert all(a != b for a, b in zip(dp["maps"], pc["maps"], strict=True))
    assert dp["numbers"] != pc["numbers"] and dp["split"] != pc["split"] and dp["equation"] != pc["equation"]
    switch(page, "Dot product (dp)")
    wait_for_answer(page, "dp")
    assert state(page) == dp


def test_twenty_quick_switches_end_on_the_right_answer(open_page):
    page = open_page()
    dp = state(page)
    for i in range(21):
        switch(page, "Dot product (dp)" if i % 2 else "Parametrised (pc)")
    wait_for_answer(page, "pc")
    page.wait_for_timeout(1500)  # an answer that came late would show now
    wait_for_answer(page, "pc")
    last = state(page)
    assert last["equation"] != dp["equation"]
    assert last == state(open_page("?compat=pc"))


def download_all(page: Page) -> dict[str, bytes]:
    """The files of "Download all", in their order."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Download all", exact=True).click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def manifest(page: Page) -> dict:
    files = download_all(page)
    assert list(files)[-1] == "manifest.json" and {"conv7.npy", "conv13.png"} <= set(files)
    return json.loads(files["manifest.json"])


def test_what_is_downloaded_agrees_with_the_api(open_page, page_url, tmp_path):
    from gradio_client import Client, handle_file

    page = open_page("?example=frog&compat=pc")
    wait_for_answer(page, "pc")
    files = download_all(page)
    record = json.loads(files["manifest.json"])
    frog = handle_file(REPO / "assets" / "examples" / "frog.png")
    client = Client(page_url, verbose=False, download_files=tmp_path)
    answer, *overlays = client.predict(frog, FAMILY, "pc", api_name="/explain")
    assert (record["class"], record["compatibility"]) == (answer["class"], "pc")
    assert record["logit"] == pytest.approx(answer["logit"], abs=1e-4)
    assert record["probabilities"] == pytest.approx(answer["probabilities"], abs=1e-5)
    for level, overlay in zip(LEVELS, overlays, strict=True):
        assert np.allclose(np.load(io.BytesIO(files[f"{level}.npy"])), answer["levels"][level]["map"], atol=1e-6)
        assert record["levels"][level]["peak_x_uniform"] == pytest.approx(
            answer["levels"][level]["peak_x_uniform"], rel=1e-3
        )
        with Image.open(io.BytesIO(files[f"{level}.png"])) as ours, Image.open(overlay) as theirs:
            apart = np.abs(np.asarray(ours, int) - np.asarray(theirs.convert("RGB"), int))
        assert apart.mean() < 1.5  # programs are sent a JPEG


def test_redrawing_asks_the_network_nothing(open_page):
    page = open_page()
    first, before = manifest(page), state(page)
    for act in (
        lambda: page.get_by_label("number input for Opacity, %").fill("90"),
        lambda: switch(page, "Nearest"),
        lambda: switch(page, "Shared"),
        lambda: page.get_by_label("number input for Keep top, %").fill("40"),
    ):
        act()
        after = wait_for_change(page, before)
        assert (after["class"], after["split"]) == (before["class"], before["split"])
        before = after
    shares = [int(re.search(r"(\d+) % of the attention lies in", numbers)[1]) for numbers in before["numbers"]]
    assert all(40 <= share < 60 for share in shares)  # whole cells
    assert len({numbers.splitlines()[0] for numbers in before["numbers"]}) == 1  # shared: every scale starts at 0
    last = manifest(page)
    assert last["view"] == {"opacity": 0.9, "smooth": False, "shared": True, "keep": 40}
    assert last["seconds"] == first["seconds"]  # to the last digit: the same run of the network


def test_numbers_may_be_typed_key_by_key(open_page):
    page = open_page()
    for name, digits in (("Keep top, %", "40"), ("Opacity, %", "85")):
        before = state(page)
        page.get_by_label(f"number input for {name}").click()
        page.keyboard.press("Control+A")
        page.keyboard.press("Delete")  # empty for a while, then a number that is too small
        page.keyboard.type(digits, delay=150)
        wait_for_change(page, before)
    expect(page.get_by_text("40 % of the attention lies in").first).to_be_visible(timeout=120_000)
    expect(page.locator(".progress-text, .eta-bar, .generating")).to_have_count(0, timeout=120_000)
    assert manifest(page)["view"] == {"opacity": 0.85, "smooth": True, "shared": False, "keep": 40}
    assert page.get_by_role("alert").count() == 0 and page.get_by_text("Error", exact=True).count() == 0


@pytest.mark.parametrize("name, content", [("a.png", b"hello"), ("b.png", b"\x89PNG\r\n\x1a\n" + bytes(99))])
def test_hostile_upload_gets_a_sentence_and_the_next_one_works(open_page, picture_file, name, content):
    page = open_page()
    upload(page, name, content)
    alert = page.get_by_role("alert").filter(has_text="This file is")
    expect(alert).to_be_visible(timeout=120_000)
    assert alert.inner_text().endswith(".") and "/" not in alert.inner_text()
    expect(page.locator("#maps img")).to_have_count(0)
    expect(page.locator("#view")).to_be_hidden()  # there is nothing to redraw
    upload(page, "disc.png", picture_file.read_bytes())
    page.locator("#maps img").nth(2).wait_for()
    wait_for_answer(page, "dp")


def test_clearing_asks_for_a_picture(open_page):
    page = open_page()
    page.get_by_role("button", name="Remove Image").click()
    expect(page.locator(".message")).to_contain_text("Choose a picture", timeout=120_000)
    expect(page.locator("#maps img")).to_have_count(0)


def test_examples(open_page):
    page = open_page()
    before = state(page)
    page.get_by_role("button", name="Example: cat", exact=True).click()
    wait_for_answer(page, "dp")
    wait_for_change(page, before)
    assert state(page) == state(open_page("?example=cat"))


def test_address_opens_the_page_in_that_state(open_page):
    page = open_page()
    before = state(page)
    page.get_by_role("button", name="Example: frog", exact=True).click()
    wait_for_change(page, before)
    switch(page, "Parametrised (pc)")
    wait_for_answer(page, "pc")
    for checkpoint in ("vgg-att3-cifar10-s&compat=PC", "vgg-att3-pc-cifar10-s", "vgg-att3-dp-cifar10-s&compat=pc"):
        assert state(open_page(f"?checkpoint={checkpoint}&example=Frog")) == state(page)


def test_an_unknown_address_gets_a_sentence_and_the_page_opens(open_page):
    page = open_page("?example=<script>&compat=additive")
    expect(page.get_by_text("in the address is not here").first).to_be_visible(timeout=120_000)


@pytest.mark.parametrize("width, scheme", [*LOOKS, (1024, "light")])
def test_looks(open_page, scheme, width):
    page = open_page(width=width, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    lightness = sum(int(v) for v in re.findall(r"\d+", background)[:3]) / 3
    assert (lightness > 128) == (scheme == "light")
    for image in page.locator("img:visible").all():
        assert (image.get_attribute("alt") or "").strip(), image.get_attribute("src")
    links = "a:visible, [role=tab][aria-selected=true]:visible"
    for text in page.locator(f".answer h2, .note:visible, .numbers dt, .card-title p, {links}").all():
        assert contrast(text.evaluate(COLOURS)) >= 4.5, text.inner_text()


COLOURS = """element => {
  const fill = (e) => getComputedStyle(e).backgroundColor;
  let behind = element;
  while (fill(behind) === "rgba(0, 0, 0, 0)" && behind.parentElement) behind = behind.parentElement;
  return [getComputedStyle(element).color, fill(behind)];
}"""


def contrast(colours: list[str]) -> float:
    """WCAG 2 contrast ratio of two CSS colours; 4.5 is what small text needs."""

    def luminance(colour: str) -> float:
        channels = [int(v) / 255 for v in re.findall(r"\d+", colour)[:3]]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in channels]
        return sum(w * v for w, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, light = sorted(luminance(c) for c in colours)
    return (light + 0.05) / (dark + 0.05)
