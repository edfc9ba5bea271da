"""What visitors drop, paste and photograph: it is taken, or a sentence says why not and the old picture stays."""

import io
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.test_explain import state, wait_for_answer
from tools.browser import CHROMIUM, FLAGS
from tools.camera import camera_flags, write_film

DROP = """([bytes, name, type, link]) => {
  const dropped = new DataTransfer();
  if (name) dropped.items.add(new File([new Uint8Array(bytes)], name, {type}));
  if (link) dropped.setData("text/uri-list", link);
  document.querySelector("#ask .upload-container").dispatchEvent(
    new DragEvent("drop", {bubbles: true, cancelable: true, dataTransfer: dropped}));
}"""


def avif() -> list[int]:
    content = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(content, "AVIF")
    return list(content.getvalue())


def test_a_dropped_file_that_is_no_picture_leaves_the_old_picture(open_page):
    page = open_page()
    before = state(page)
    page.evaluate(DROP, [None, None, None, "https://example.com/cat.jpg"])
    expect(page.locator("#notice")).to_contain_text("a link, not a picture")
    page.evaluate(DROP, [[120], "IMG_1.heic", "", None])
    expect(page.locator("#notice")).to_contain_text("“IMG_1.heic” is not a picture that can be read here")
    assert state(page) == before and page.locator("#ask .upload-container img").count() == 1
    page.evaluate(DROP, [avif(), "new.avif", "", None])
    page.wait_for_function(
        "old => ![undefined, old].includes(document.querySelector('#maps img')?.getAttribute('src'))",
        arg=before["maps"][0],
    )
    wait_for_answer(page, "dp")


def test_a_clipboard_without_a_picture_and_a_camera_that_is_not_allowed(open_page):
    page = open_page()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Remove Image").click()
    page.evaluate("() => navigator.clipboard.writeText('no picture')")
    paste = page.locator("#ask").get_by_role("button", name="Paste from clipboard")
    paste.first.click()
    expect(page.locator("#notice")).to_contain_text("There is no picture in the clipboard")
    page.evaluate(
        """() => { navigator.clipboard.read = () => Promise.reject(new DOMException("", "NotAllowedError")) }"""
    )
    paste.last.click()
    expect(page.locator("#notice")).to_contain_text("does not let this page use")


def test_by_plain_http_from_another_machine_camera_and_clipboard_are_not_offered(chromium, page_url):
    if not page_url.startswith("http://127.0.0.1:"):
        pytest.skip("the page runs elsewhere")
    page = chromium.new_page()
    page.goto(f"http://lan.test:{urlsplit(page_url).port}")
    page.locator("#maps img").nth(2).wait_for(timeout=120_000)
    assert not page.evaluate("window.isSecureContext")
    expect(page.locator("#ask [data-testid=source-select]")).to_be_hidden()
    page.close()


def test_the_camera_is_no_mirror(chromium, page_url, tmp_path):
    """Black on the left as the camera sees it is black on the left in the picture."""
    half = Image.fromarray(np.tile(np.repeat(np.array([0, 255], np.uint8), 32), (64, 1)))
    flags = [*FLAGS, *camera_flags(write_film(tmp_path / "camera.y4m", [half]))]
    browser = chromium.browser_type.launch(executable_path=CHROMIUM, args=flags)
    try:
        page = browser.new_context(permissions=["camera"]).new_page()
        page.goto(page_url)
        page.locator("#maps img").nth(2).wait_for(timeout=120_000)
        ask = page.locator("#ask")
        page.get_by_role("button", name="Remove Image").click()
        ask.get_by_role("button", name="Capture from camera").click()
        ask.get_by_role("button", name="Click to Access Webcam").click()
        page.wait_for_function("document.querySelector('#ask .picture video')?.readyState === 4", timeout=120_000)
        ask.get_by_role("button", name="capture photo").click()
        taken = ask.locator(".upload-container img")
        taken.wait_for(timeout=120_000)
        content = page.request.get(taken.evaluate("image => image.src")).body()
        light = np.asarray(Image.open(io.BytesIO(content)).convert("L"), float)
        assert light[:, : light.shape[1] // 4].mean() + 50 < light[:, -light.shape[1] // 4 :].mean()
    finally:
        browser.close()
