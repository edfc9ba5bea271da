"""Side by side, Attack and About as a visitor uses them, and their numbers against the public API."""

import re

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from model import LEVELS
from tests.app.serving import CIFAR10, FAMILY
from tests.browser.test_explain import COLOURS, LOOKS, contrast, wait_for_answer

SLOW = 120_000  # ms; a busy machine is no reason to fail
SHOWN = {"Side by side": 9, "Attack": 12}  # pictures in the grid: three levels (and the pixels) by three


def choose_tab(page: Page, name: str) -> None:
    tab = page.get_by_role("tab", name=name, exact=True)
    if not tab.count():  # on a phone the last tabs are in a menu
        page.get_by_role("button", name="More tabs").click()
        tab = page.locator(".overflow-dropdown").get_by_role("button", name=name, exact=True)
    tab.click()


def open_tab(page: Page, name: str) -> None:
    choose_tab(page, name)
    if name in SHOWN:
        page.locator(".grid:visible img").nth(SHOWN[name] - 1).wait_for(timeout=120_000)


def choose(page: Page, content: bytes, which: int = 0) -> None:
    """Replaces the picture in one of the tab's two inputs by an upload."""
    page.locator(".ask:visible").get_by_role("button", name="Remove Image").nth(which).click()
    expect(page.locator(".message:visible")).to_contain_text("Choose a picture", timeout=60_000)
    page.locator(".ask:visible input[type=file]").nth(which).set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": content}
    )


READ = """shown => {
  const texts = name => [...shown.querySelectorAll(name)].map(element => element.innerText.trim());
  const words = [...shown.querySelectorAll(".grid img")].map(image => image.alt);
  return {answers: texts(".named"), r: texts(".r"), words: words, captions: texts("figcaption")};
}"""


def state(page: Page) -> dict:
    """What a visitor reads, at one moment; the maps' words have their numbers."""
    read = page.locator(".compared:visible").evaluate(READ)
    return {**read, "r": dict(zip(LEVELS, map(number, read["r"]), strict=True))}


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def wait_for_change(page: Page, before: dict) -> dict:
    for _ in range(600):
        after = state(page) if page.locator(".compared:visible").count() else before
        if after != before:
            return after
        page.wait_for_timeout(100)
    raise AssertionError("nothing changed on the page")


def api(page_url: str, folder, **arguments) -> dict:
    from gradio_client import Client

    return Client(page_url, verbose=False, download_files=folder).predict(**arguments)


def assert_answers(texts: list[str], expected: list[dict]) -> None:
    for text, answer in zip(texts, expected, strict=True):
        name, probability = text.split(maxsplit=1)
        assert name == answer["class"]
        assert number(probability.removesuffix("%")) == pytest.approx(100 * answer["probability"], abs=0.06)


def test_side_by_side_shows_what_the_api_says(open_page, page_url, picture_file, tmp_path):
    from gradio_client import handle_file

    page = open_page()
    open_tab(page, "Side by side")
    before = state(page)
    choose(page, picture_file.read_bytes())
    page.locator(".grid:visible img").nth(8).wait_for(timeout=60_000)
    view = state(page)
    assert view["words"] != before["words"]
    answer = api(page_url, tmp_path, image=handle_file(picture_file), checkpoint=FAMILY, api_name="/compare")
    assert view["r"] == pytest.approx(answer["pairs"][0]["correlation"], abs=0.0051)
    assert_answers(view["answers"], [answer["answers"][name] for name in ("dp", "pc")])
    for i, level in enumerate(LEVELS):
        for k, name in enumerate(("dp", "pc")):
            peak = answer["answers"][name]["levels"][level]["peak_x_uniform"]
            assert f"peak {peak:.1f} ×" in view["captions"][3 * i + k]
            assert view["words"][3 * i + k].startswith(f"Attention of {level} ({name}) over the picture:")
        assert view["words"][3 * i + 2].startswith(f"Difference at {level}: dp is higher")
    page.get_by_role("radio", name="Shared in a row").check()
    shared = wait_for_change(page, view)
    assert (shared["r"], shared["answers"], shared["words"]) == (view["r"], view["answers"], view["words"])
    assert all(caption.startswith("0.00 ×") for i, caption in enumerate(shared["captions"]) if i % 3 < 2)


def test_attack_shows_what_the_api_says(open_page, page_url, picture_file, tmp_path):
    from gradio_client import handle_file

    page = open_page()
    open_tab(page, "Attack")
    choose(page, picture_file.read_bytes())
    page.locator(".grid:visible img").nth(11).wait_for(timeout=60_000)
    for method, label in (("pgd", "PGD, 10 steps"), ("fgsm", "FGSM, one step")):
        before = state(page)
        if method == "fgsm":
            page.get_by_role("radio", name=label).check()
            before = wait_for_change(page, before)
            page.get_by_role("spinbutton", name="Epsilon").fill("8")
            page.keyboard.press("Tab")
            before = wait_for_change(page, before)
        arguments = {"image": handle_file(picture_file), "checkpoint": FAMILY, "compatibility": "dp"}
        epsilon = 8 if method == "fgsm" else 2
        answer, file = api(page_url, tmp_path, method=method, epsilon=epsilon, api_name="/attack", **arguments)
        assert Image.open(file).size == (32, 32)
        assert before["r"] == pytest.approx(answer["correlation"], abs=0.0051)
        assert_answers(before["answers"], [answer["clean"], answer["attacked"]])
        sentence = page.locator(".compared:visible .message").inner_text()
        assert f"more than {epsilon} / 255" in sentence and ("changed from" in sentence) == answer["fooled"]
        assert f"more than {answer['largest_move']} of 255" in before["words"][2]


def test_tabs_begin_with_what_was_chosen_last_on_explain(open_page):
    page = open_page("?example=frog&compat=pc")
    wait_for_answer(page, "pc")
    answer, probability = page.locator(".answer h2").inner_text().split(maxsplit=1)
    places = {"Attack": ".named", "Other explanations": ".others .named"}
    for tab, place in places.items():
        open_tab(page, tab)
        expect(page.get_by_role("radio", name="Parametrised (pc)").and_(page.locator(":visible"))).to_be_checked()
        expect(page.locator(f"{place}:visible").first).to_have_text(
            re.compile(f"{answer}\\s+{probability}"), timeout=SLOW
        )
    for tab in ("Side by side", "Attack"):
        open_tab(page, tab)
        expect(first_picture(page)).to_have_attribute("alt", "Picture: frog", timeout=SLOW)
    page.locator(".ask:visible .thumbnails").get_by_role("button", name="Example: ship", exact=True).click()
    expect(first_picture(page)).to_have_attribute("alt", "Picture: ship", timeout=SLOW)
    open_tab(page, "Explain")
    expect(page.locator("#ask .image-frame img")).to_have_attribute("alt", "Picture: frog")
    with page.expect_response(lambda response: "queue/join" in response.url):  # what opening it asks
        open_tab(page, "Attack")
    page.wait_for_timeout(2000)  # and is told: the stream of answers may be shared, so its end says nothing
    expect(first_picture(page)).to_have_attribute("alt", "Picture: ship")  # nothing new was chosen on Explain
    open_tab(page, "Explain")
    page.locator("#ask .thumbnails").get_by_role("button", name="Example: cat", exact=True).click()
    expect(page.locator("#ask .image-frame img")).to_have_attribute("alt", "Picture: cat", timeout=SLOW)
    open_tab(page, "Attack")
    expect(first_picture(page)).to_have_attribute("alt", "Picture: cat", timeout=SLOW)


def first_picture(page: Page):
    """The picture in the open tab's first input."""
    return page.locator(".ask:visible .image-frame img").first


def test_hostile_upload_gets_a_sentence_and_the_next_one_works(open_page, picture_file):
    page = open_page()
    open_tab(page, "Side by side")
    choose(page, b"\x89PNG\r\n\x1a\n" + bytes(99))
    alert = page.get_by_role("alert").filter(has_text="This file is")
    expect(alert).to_be_visible(timeout=60_000)
    assert alert.inner_text().endswith(".") and "/" not in alert.inner_text()
    expect(page.locator(".grid:visible")).to_have_count(0)
    page.locator(".ask:visible input[type=file]").first.set_input_files(picture_file)
    page.locator(".grid:visible img").nth(8).wait_for(timeout=60_000)


def test_about_shows_measured_errors(open_page):
    page = open_page(width=390)
    open_tab(page, "About")
    expect(page.get_by_role("button", name="Use via API")).to_be_visible()
    about = page.locator(".about")
    expect(about).to_contain_text("the softmax cancels it")
    for compatibility in ("dp", "pc"):
        row = about.get_by_role("row").filter(has_text=f"vgg-att3-{compatibility}-cifar10-s")
        expect(row).to_contain_text("10.00 % of 10,000 images")
        error = row.locator(".error").bounding_box()  # on a phone too
        assert error["x"] + error["width"] <= 390
    for name in ("Dot product (dp)", "Parametrised (pc)"):
        expect(about.locator(".scores").get_by_text(name)).to_have_count(1)  # in the form that is served
    expect(about).to_contain_text("?checkpoint=")
    assert all(re.match("https://", a.get_attribute("href")) for a in about.locator("a").all())


@pytest.mark.parametrize("width, scheme", [*LOOKS, (1024, "light")])
def test_looks(open_page, scheme, width):
    page = open_page(width=width, scheme=scheme)
    for tab in ("Side by side", "Attack", "About"):
        open_tab(page, tab)
        if tab in SHOWN:
            before = state(page)
            assert all(text.split()[0] in CIFAR10 for text in before["answers"])
            page.locator(".ask:visible .thumbnails").first.get_by_role(
                "button", name="Example: ship", exact=True
            ).click()
            wait_for_change(page, before)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, tab
        assert "because" not in page.locator("main").inner_text().lower(), tab  # a map highlights
        for box in page.locator(".about section, .brief:visible, .grid:visible").all():
            edges = box.bounding_box()
            assert edges["x"] >= 0 and edges["x"] + edges["width"] <= width, tab
        for image in page.locator("img:visible").all():
            assert (image.get_attribute("alt") or "").strip(), image.get_attribute("src")
        for text in page.locator(".grid figcaption span:visible, .level small:visible, .about small:visible").all():
            assert contrast(text.evaluate(COLOURS)) >= 4.5, text.inner_text()
