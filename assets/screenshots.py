"""Takes the pictures of the page that README shows, in a real Chromium.

    python -m assets.screenshots        # make figures

Starts ``python -m app`` on a free port of this machine with the shipped checkpoints, opens its tabs and examples in
light and in dark colours, and writes assets/figures/*.webp. Needs Debian's chromium.
"""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from model.checkpoints import write_atomically

FIGURES = Path(__file__).with_name("figures")
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
FLAGS += ["--disable-quic", "--no-first-run"]
SHOTS = {  # figure: (width, height, tab, example)
    "explain": (1280, 800, "Explain", "deer"),
    "compare": (1280, 960, "Side by side", "bird"),
    "attack": (1280, 960, "Attack", "airplane"),
    "others": (1280, 960, "Other explanations", "frog"),
}
SCHEMES = ("light", "dark")


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until_served(address: str, server: subprocess.Popen, seconds: float = 180) -> None:
    """Returns when the page answers.

    Raises:
        SystemExit: the server ended, or does not answer in time.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/config", timeout=5).close()
            return
        except OSError:
            time.sleep(0.5)
    sys.exit("the page did not start: python -m app says why")


def shoot(page: Page, address: str, tab: str, example: str) -> bytes:
    """A screenshot of a tab that shows an example, as WebP, once its maps are drawn."""
    page.set_default_timeout(120_000)
    page.goto(f"{address}/?example={example}")
    page.get_by_text("Peak", exact=True).nth(2).wait_for()
    if tab != "Explain":
        page.get_by_role("tab", name=tab, exact=True).click()
        page.locator(".ask:visible").get_by_role("button", name=f"Example: {example}", exact=True).first.click()
        page.locator(".ask:visible img[alt^='Picture']").wait_for()
        page.wait_for_timeout(1000)  # for the question to be sent
        page.locator(".pending:visible, .generating:visible").first.wait_for(state="detached")
        page.locator(".compared:visible img, .others:visible img").nth(4).wait_for()
    page.wait_for_function("[...document.images].every(image => image.complete)")
    page.wait_for_timeout(3000)  # let the maps fade in
    with Image.open(io.BytesIO(page.screenshot())) as picture, io.BytesIO() as webp:  # a fifth of the PNG's size
        picture.save(webp, "WEBP", quality=90, method=6)
        return webp.getvalue()


@contextmanager
def served() -> Iterator[str]:
    """The address of the page, served on a free port with the shipped checkpoints for as long as the context lasts."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "app", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, cwd=FIGURES.parent.parent, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    try:
        wait_until_served(address, server)
        yield address
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    """Writes every figure."""
    if not Path(CHROMIUM).exists():
        sys.exit(f"{CHROMIUM} is missing: apt-get install chromium")
    FIGURES.mkdir(exist_ok=True)
    with served() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for (name, (width, height, tab, example)), scheme in product(SHOTS.items(), SCHEMES):
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            file = FIGURES / f"{name}-{scheme}.webp"
            write_atomically(file, shoot(page, address, tab, example))
            page.close()
            print(file.relative_to(FIGURES.parent.parent))
        browser.close()


if __name__ == "__main__":
    main()
