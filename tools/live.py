"""How often the page answers a live camera, and how old the picture is that the screen shows the answer to.

    python -m tools.live                  # after make test or make figures has installed the browser

Starts ``python -m app`` on a free port with the shipped checkpoints, and a real Chromium whose camera plays a film of
two examples. Then opens the page for one visitor, and for four at once. Prints for Explain and Ask the answers a second
of each visitor, and the age of the picture, in milliseconds, each time that the screen is drawn. Visitors and server
share the machine.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page

from model.machine import granted_cores, processor
from tools.browser import REPO, page_in_chromium
from tools.camera import camera_flags, write_film

VISITORS = (1, 4)
TABS = {"Explain": "#ask", "Ask": "#asking"}
WATCH = """() => {
  const seen = { answers: 0, ages: [] };
  window.seen = seen;
  let shown;
  document.addEventListener("answered", ({ detail }) => { seen.answers += 1; shown = detail.sent; });
  const draw = () => { if (shown) seen.ages.push(performance.now() - shown); requestAnimationFrame(draw); };
  draw();
}"""


def open_live(page: Page, address: str, tab: str) -> None:
    """Opens a tab of the page, and starts its camera."""
    page.set_default_timeout(120_000)
    page.goto(f"{address}/?example=airplane")
    page.locator("#maps img").nth(2).wait_for()
    page.get_by_role("tab", name=tab, exact=True).click()
    if tab == "Ask":
        page.locator(".asked .large .moved img").wait_for()
    page.evaluate(WATCH)
    page.locator(f"{TABS[tab]} .live button").click()
    page.wait_for_function("seen.answers > 3")


def measure(pages: list[Page], seconds: float) -> tuple[list[float], np.ndarray]:
    """Answers a second of each visitor, and the age of what every drawn screen shows, in ms."""
    for page in pages:
        page.evaluate("began = performance.now(); seen.answers = 0; seen.ages = []")
    pages[0].wait_for_timeout(1000 * seconds)
    took = [page.evaluate("[1000 * seen.answers / (performance.now() - began), seen.ages]") for page in pages]
    return [rate for rate, _ in took], np.concatenate([ages for _, ages in took])


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10, help="how long each line of the table is measured")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        examples = [Image.open(REPO / "assets" / "examples" / f"{name}.png") for name in ("frog", "ship")]
        flags = camera_flags(write_film(Path(folder) / "film.y4m", examples))
        print(f"{processor()}, {granted_cores()} cores granted; Python {sys.version.split()[0]}.\n")
        print("| tab | visitors | answers/s each, least to most | age of what is shown, ms: median | 95 % below |")
        print("|---|--:|--:|--:|--:|")
        with page_in_chromium(flags) as (address, browser):
            for tab in TABS:
                for visitors in VISITORS:
                    pages = [browser.new_context(permissions=["camera"]).new_page() for _ in range(visitors)]
                    for page in pages:
                        open_live(page, address, tab)
                    rates, ages = measure(pages, seconds)
                    for page in pages:
                        page.context.close()
                    median, most = np.quantile(ages, [0.5, 0.95])
                    print(
                        f"| {tab} | {visitors} | {min(rates):.1f} to {max(rates):.1f} | {median:.0f} | {most:.0f} |",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
