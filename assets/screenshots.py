"""Takes the pictures of the page that README shows, in a real Chromium.

    python -m assets.screenshots        # make figures

Starts ``python -m app`` on a free port of this machine with the shipped checkpoints, opens its examples through the
address, and writes assets/figures/*.png. Needs Debian's chromium.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from model.checkpoints import write_atomically

FIGURES = Path(__file__).with_name("figures")
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
FLAGS += ["--disable-quic", "--no-first-run"]
SHOTS = {  # file: (width, height, colour scheme, address)
    "explain": (1280, 800, "light", "?example=deer&compat=dp"),
    "parametrised": (1280, 800, "light", "?example=deer&compat=pc"),
    "dark": (1280, 800, "dark", "?example=ship&compat=dp"),
    "phone": (390, 844, "light", "?example=frog&compat=dp"),
}


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


def shoot(page: Page, address: str) -> bytes:
    """A screenshot of the page, as a PNG, once its maps are drawn."""
    page.goto(address)
    page.get_by_text("Peak", exact=True).nth(2).wait_for(timeout=120_000)
    page.wait_for_function("[...document.images].every(image => image.complete)")
    page.wait_for_timeout(1000)  # let the maps fade in
    return page.screenshot()


def main() -> None:
    """Writes every figure."""
    if not Path(CHROMIUM).exists():
        sys.exit(f"{CHROMIUM} is missing: apt-get install chromium")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "app", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, cwd=FIGURES.parent.parent, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    try:
        wait_until_served(address, server)
        FIGURES.mkdir(exist_ok=True)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            for name, (width, height, scheme, query) in SHOTS.items():
                page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
                write_atomically(FIGURES / f"{name}.png", shoot(page, f"{address}/{query}"))
                page.close()
                print(f"assets/figures/{name}.png")
            browser.close()
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
