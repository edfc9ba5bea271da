"""Live: Chromium's camera plays a film of two examples; the trained network's answers to them are known."""

import shutil
import sys

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.app.serving import EXAMPLES, Server
from tests.browser.test_tabs import choose_tab
from tests.conftest import REPO
from tools.browser import CHROMIUM, FLAGS
from tools.camera import camera_flags, write_film

SHIPPED = ("vgg-att3-dp-cifar10-s-ask", "vgg-att3-pc-cifar10-s-ask")
TOLD = """() => {
  window.sent = [];
  document.addEventListener("answered", (event) => sent.push(event.detail.sent));
}"""
SOURCES = "[...document.querySelectorAll('#maps img')].map(image => image.src)"
HIDE = """() => {
  Object.defineProperty(document, "hidden", {value: true, configurable: true});
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder, checkpoints = tmp_path_factory.mktemp("live"), tmp_path_factory.mktemp("trained")
    for name in SHIPPED:
        shutil.copytree(REPO / "assets" / "checkpoints" / name, checkpoints / name)
    server = Server([sys.executable, "-m", "app", "--checkpoints", checkpoints, "--device", "cpu"], folder, cwd=REPO)
    yield server
    server.stop()


@pytest.fixture
def visitor(chromium, running, tmp_path):
    """Opens the page, in front of a camera that shows these examples in turn."""
    browsers, complaints = [], []

    def arrive(*names: str, example: str = "airplane") -> Page:
        film = write_film(tmp_path / f"{'-'.join(names)}.y4m", [Image.open(EXAMPLES / f"{name}.png") for name in names])
        browser = chromium.browser_type.launch(executable_path=CHROMIUM, args=[*FLAGS, *camera_flags(film)])
        browsers.append(browser)
        page = browser.new_context(permissions=["camera"], viewport={"width": 1280, "height": 800}).new_page()
        page.set_default_timeout(120_000)
        page.on("console", lambda m: m.type == "error" and complaints.append(m.text))
        page.on("pageerror", lambda e: complaints.append(str(e)))
        page.goto(f"{running.url}/?example={example}")
        page.evaluate(TOLD)
        expect(page.locator(".answer h2")).to_contain_text(example)
        return page

    yield arrive
    for browser in browsers:
        browser.close()
    assert not complaints


def switch(page: Page, tab: str = "#ask"):
    """The button that starts and stops the camera."""
    return page.locator(f"{tab} .live button")


def wait_for_name(page: Page, name: str) -> None:
    expect(page.locator(".answer h2")).to_contain_text(name)


def test_the_answer_follows_the_camera_until_it_is_stopped(visitor, running):
    page = visitor("frog", "ship")
    files = set(running.log.parent.rglob("*"))
    switch(page).click()
    for name in ("frog", "ship", "frog", "ship"):
        wait_for_name(page, name)
    assert all(source.startswith("data:") for source in page.evaluate(SOURCES))
    assert set(running.log.parent.rglob("*")) == files  # a camera fills no disk
    sent = page.evaluate("sent")
    assert len(sent) > 4 and sent == sorted(set(sent))  # no older frame after a newer one
    page.get_by_label("number input for Opacity, %").fill("0")  # then all maps show the frame itself
    page.wait_for_function(f"new Set({SOURCES}).size === 1")
    switch(page).click()
    expect(switch(page)).to_have_attribute("aria-pressed", "false")
    assert page.evaluate("document.querySelector('.live video').srcObject") is None
    expect(page.locator("#ask .upload-container img")).to_have_attribute("alt", "Picture: camera picture")
    page.wait_for_function(f"{SOURCES}.every(source => source.includes('/file='))")  # as of any other picture
    answers = len(page.evaluate("sent"))
    answer = page.locator(".answer h2").inner_text()
    page.wait_for_timeout(3000)  # the film goes on
    assert (page.locator(".answer h2").inner_text(), len(page.evaluate("sent"))) == (answer, answers)


def test_it_stops_when_nobody_looks(visitor):
    page = visitor("frog", "ship")
    for leave in (lambda: page.evaluate(HIDE), lambda: choose_tab(page, "About")):
        switch(page).click()
        page.wait_for_function("sent.length > 1")
        leave()
        expect(switch(page)).to_have_attribute("aria-pressed", "false")
        choose_tab(page, "Explain")
        page.evaluate("() => { delete document.hidden; sent.length = 0 }")
    switch(page).click()
    page.wait_for_function("sent.length > 1")
    page.get_by_role("button", name="Example: truck").click()  # another picture is chosen
    expect(switch(page)).to_have_attribute("aria-pressed", "false")
    wait_for_name(page, "truck")


def test_a_visitor_whose_frames_are_stuck_delays_nobody_else(visitor):
    slow, other = visitor("frog", "ship"), visitor("truck")
    switch(slow).click()
    slow.wait_for_function("sent.length > 1")
    stuck = []
    slow.route("**/queue/join*", lambda route: route.continue_() if stuck is None else stuck.append(route))
    switch(other).click()
    other.wait_for_function("sent.length > 10")
    wait_for_name(other, "truck")
    waiting, stuck = stuck, None
    for route in waiting:
        route.continue_()
    slow.evaluate("sent.length = 0")
    slow.wait_for_function("sent.length > 1")
    for name in ("frog", "ship"):
        wait_for_name(slow, name)
        wait_for_name(other, "truck")


MOST_PROBABLE = """name => {
    const buttons = [...document.querySelectorAll(".classes [role=group] button")];
    const share = button => parseInt(button.querySelector("span").textContent);
    const most = buttons.reduce((a, b) => share(b) > share(a) ? b : a, buttons[0]);
    return most?.querySelector("b").textContent === name;
}"""


def test_the_scene_asked_about_is_what_the_camera_sees(visitor):
    page = visitor("frog", "ship")
    choose_tab(page, "Ask")
    page.locator(".asked .scene img").nth(5).wait_for()
    page.get_by_text("Pictures of your own").click()
    uploads = page.locator("#own .upload-container")
    expect(uploads.first).to_be_visible()
    switch(page, "#asking").click()
    expect(uploads.first).to_be_hidden()  # the camera's picture is the scene
    expect(uploads.last).to_be_visible()
    for name in ("frog", "ship", "frog"):
        page.wait_for_function(MOST_PROBABLE, arg=name)
    page.locator('.classes [data-ask="class:horse"]').click()
    expect(page.locator(".asked .question")).to_have_text("Where is the horse?")
    page.wait_for_function(MOST_PROBABLE, arg="ship")
    expect(page.locator(".asked .question")).to_have_text("Where is the horse?")
    switch(page, "#asking").click()
    button = page.locator("#scene").get_by_role("button", name="In the scene: your picture")
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(uploads.first).to_be_visible()
    expect(page.locator(".asked .cells")).to_have_count(0)
