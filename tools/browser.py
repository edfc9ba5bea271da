"""A real Chromium, and the page served on a free port of this machine: for the figures, the stopwatch and the tests."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

REPO = Path(__file__).resolve().parent.parent
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
FLAGS += ["--disable-quic", "--no-first-run"]


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


@contextmanager
def serve_page() -> Generator[str]:
    """The address of the page, served on a free port with the shipped checkpoints for as long as the context lasts."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "app", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, cwd=REPO, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    try:
        wait_until_served(address, server)
        yield address
    finally:
        server.terminate()
        server.wait()


@contextmanager
def page_in_chromium(flags: Sequence[str] = ()) -> Generator[tuple[str, Browser]]:
    """The address of the page, served as above, and a browser to open it in.

    Args:
        flags: of the browser, in addition to ``FLAGS``.

    Raises:
        SystemExit: there is no Chromium, or the page does not start.
    """
    if not Path(CHROMIUM).exists():
        sys.exit(f"{CHROMIUM} is missing: apt-get install chromium")
    with serve_page() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
        yield address, browser
        browser.close()
