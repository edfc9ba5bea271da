"""How long does a visitor wait? Measured in a real Chromium, from a click to the last of three new maps on the screen.

    python -m assets.latency

Starts ``python -m app`` on a free port of this machine with the shipped checkpoints, and goes through the examples: a
new picture, the other compatibility (the network is asked again), back to the first (its answer is kept), and a redraw.
Prints a table in Markdown. Needs Debian's chromium.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median

from playwright.sync_api import Page, sync_playwright

from assets.screenshots import CHROMIUM, FLAGS, served

ROUNDS = 1  # through all examples
CLICK = """(element) => new Promise((done) => {
  const maps = () => [...document.querySelectorAll("#maps img")];
  const before = maps().map((image) => image.src);
  const began = performance.now();
  const look = () => {
    const now = maps();
    const drawn = now.length === before.length && now.every((m, i) => m.src !== before[i] && m.complete);
    if (drawn) requestAnimationFrame(() => done(performance.now() - began));  // painted
    else requestAnimationFrame(look);
  };
  element.click();
  look();
})"""
STEPS = {  # what is measured: the accessible name of the radio to click
    "the other compatibility": "Parametrised (pc)",
    "back to the first": "Dot product (dp)",
    "nearest in place of smooth": "Nearest",
    "smooth again": "Smooth",
}


def measure(page: Page, examples: list[str]) -> dict[str, list[float]]:
    """{step: milliseconds of each time}."""
    times: dict[str, list[float]] = {}

    def click(step: str, role: str, name: str) -> None:
        milliseconds = page.get_by_role(role, name=name, exact=True).first.evaluate(CLICK)
        times.setdefault(step, []).append(milliseconds)
        page.wait_for_timeout(700)  # until nothing is under way

    for name in [n for _ in range(ROUNDS) for n in examples]:
        click("a new picture", "button", f"Example: {name}")
        for step, radio in STEPS.items():
            click(step, "radio", radio)
    return times


def table(times: dict[str, list[float]]) -> str:
    lines = ["| click | median | shortest to longest | n |", "|---|--:|---|--:|"]
    for step, ms in times.items():
        lines.append(f"| {step} | {median(ms):.0f} ms | {min(ms):.0f} to {max(ms):.0f} ms | {len(ms)} |")
    return "\n".join(lines)


def main() -> None:
    if not Path(CHROMIUM).exists():
        sys.exit(f"{CHROMIUM} is missing: apt-get install chromium")
    with served() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(120_000)
        page.goto(f"{address}/?compat=dp")
        page.get_by_text("Peak", exact=True).nth(2).wait_for()
        page.wait_for_timeout(3000)
        names = [b.get_attribute("data-example") for b in page.locator("#ask .thumbnails button").all()]
        first, *others = names  # the first stands there already
        measure(page, others[:1])  # to warm up
        print(table(measure(page, [first, *others])))
        browser.close()


if __name__ == "__main__":
    main()
