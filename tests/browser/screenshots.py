"""Takes the README's pictures of a page that is being served, into assets/figures:

python -m app & python -m tests.browser.screenshots http://127.0.0.1:7860
"""

import io
import sys

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.app.serving import REPO

FIGURES = REPO / "assets" / "figures"
SHOTS = {  # file: width, height, scheme, address
    "page.png": (1280, 800, "light", "?example=airplane"),
    "page-dark.png": (1280, 800, "dark", "?example=cat"),
    "page-phone.png": (390, 844, "light", "?example=airplane"),
}


def main(url: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for name, (width, height, scheme, address) in SHOTS.items():
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            context.set_default_timeout(120_000)
            page = context.new_page()
            page.goto(f"{url.rstrip('/')}/{address}")
            page.locator("#maps img").nth(2).wait_for()
            if width < 600:
                page.locator(".answer").scroll_into_view_if_needed()
                page.evaluate("document.querySelector('.answer').scrollIntoView()")
            page.wait_for_timeout(2000)  # pictures fade in
            image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            image.quantize(256, dither=Image.Dither.NONE).save(FIGURES / name, optimize=True)
            context.close()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Say where the page is served: python -m tests.browser.screenshots http://127.0.0.1:7860")
    FIGURES.mkdir(parents=True, exist_ok=True)
    main(sys.argv[1])
