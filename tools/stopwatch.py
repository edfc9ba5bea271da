"""How long a visitor waits: from a click to the new maps on the screen, in a real Chromium on the same machine.

    python -m tools.stopwatch          # after make test or make figures has installed the browser

Starts ``python -m app`` on a free port with the shipped checkpoints and prints milliseconds, each the median and the
range of several clicks: the answer to an example, the switch of the compatibility, the switch back to one already
answered, the controls that only redraw, and a new question on Ask. The first click of each kind is not counted.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from itertools import cycle

from playwright.sync_api import Page

from tools.browser import page_in_chromium

ROUNDS = 7
MAPS, ASKED = "#maps img", ".asked .large .moved img"  # of Explain, and of Ask
DRAWN = """([maps, count, old]) => {
  const now = [...document.querySelectorAll(maps)];
  return now.length === count && now.every(i => i.complete) && now.some(i => !old.includes(i.src));
}"""


def measure_wait(page: Page, act: Callable[[], None], maps: str = MAPS) -> float:
    """Milliseconds from an action until new maps are loaded."""
    old = [image.evaluate("image => image.src") for image in page.locator(maps).all()]
    began = time.perf_counter()
    act()
    page.wait_for_function(DRAWN, arg=[maps, len(old), old], polling="raf")
    return 1000 * (time.perf_counter() - began)


def actions(page: Page) -> dict[str, Callable[[], None]]:
    """What a visitor does: {name: a function that does it once}."""
    examples = cycle(["frog", "ship", "truck", "horse", "cat", "dog", "deer", "bird", "automobile"])
    fresh = cycle(["airplane", "frog", "ship", "truck", "horse", "cat", "dog", "deer", "bird"])
    switch, drawing, scale = cycle(["pc", "dp"]), cycle(["Nearest", "Smooth"]), cycle(["Shared", "Own"])
    labels = {"dp": "Dot product (dp)", "pc": "Parametrised (pc)"}

    def example(name: str) -> None:
        page.locator("#ask").get_by_role("button", name=f"Example: {name}", exact=True).click()

    def radio(label: str) -> None:
        page.get_by_role("radio", name=label, exact=True).check()

    def other_picture() -> None:
        example(next(fresh))
        page.wait_for_timeout(1500)

    def switch_compatibility() -> None:
        radio(labels[next(switch)])

    return {
        "an example, to its maps": lambda: example(next(examples)),
        "compatibility, a new answer": switch_compatibility,
        "compatibility, back": switch_compatibility,
        "smooth or nearest": lambda: radio(next(drawing)),
        "colour scale": lambda: radio(next(scale)),
        "_other picture": other_picture,
    }


def main() -> None:
    """Prints the table."""
    with page_in_chromium() as (address, browser):
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(120_000)
        page.goto(f"{address}/?example=airplane&compat=dp")
        page.get_by_text("Peak", exact=True).nth(2).wait_for()
        page.wait_for_timeout(2000)
        acts = actions(page)
        other_picture = acts.pop("_other picture")
        print("| click | ms, median | range |", "|---|--:|---|", sep="\n")
        for name, act in acts.items():
            times = []
            for _ in range(ROUNDS + 1):
                if name == "compatibility, a new answer":
                    other_picture()
                times.append(measure_wait(page, act))
                page.wait_for_timeout(500)
            report(name, times[1:])
        page.get_by_role("tab", name="Ask", exact=True).click()
        page.locator(ASKED).wait_for()
        pictures, classes = page.locator(".asked .large .moved button"), page.locator(".classes button.there")
        for name, buttons in (("Ask, a picture of the scene asks", pictures), ("Ask, a class by name", classes)):
            times = []
            for i in range((ROUNDS + 1) * (buttons.count() > 1)):
                times.append(measure_wait(page, buttons.nth(i % buttons.count()).click, ASKED))
                page.wait_for_timeout(500)
            if times:  # else no checkpoint takes a class by name
                report(name, times[1:])


def report(name: str, times: list[float]) -> None:
    """Prints one row of the table."""
    print(f"| {name} | {statistics.median(times):.0f} | {min(times):.0f} to {max(times):.0f} |", flush=True)


if __name__ == "__main__":
    main()
