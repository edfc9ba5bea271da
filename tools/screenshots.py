"""Takes the pictures of the page that README shows, in a real Chromium.

    python -m tools.screenshots        # make figures

Starts ``python -m app`` on a free port of this machine with the shipped checkpoints, opens its tabs and examples in
light and in dark colours, and writes assets/figures/*.webp. Needs Debian's chromium.
"""

from __future__ import annotations

import io
from itertools import product

from PIL import Image
from playwright.sync_api import Page

from model.atomic import write_atomically
from tools.browser import REPO, page_in_chromium

FIGURES = REPO / "assets" / "figures"
SHOTS = {  # figure: (width, height, tab, example)
    "explain": (1280, 800, "Explain", "deer"),
    "compare": (1280, 960, "Side by side", "bird"),
    "attack": (1280, 960, "Attack", "airplane"),
    "others": (1280, 960, "Other explanations", "frog"),
}
SCHEMES = ("light", "dark")


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


def main() -> None:
    """Writes every figure."""
    FIGURES.mkdir(exist_ok=True)
    with page_in_chromium() as (address, browser):
        for (name, (width, height, tab, example)), scheme in product(SHOTS.items(), SCHEMES):
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            file = FIGURES / f"{name}-{scheme}.webp"
            write_atomically(file, shoot(page, address, tab, example))
            page.close()
            print(file.relative_to(REPO))


if __name__ == "__main__":
    main()
