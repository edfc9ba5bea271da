"""Whether the page withstands a long, mixed day: nothing wrong or lost, memory flat, no file kept too long.

    python -m tools.soak    # after make test or make figures has installed the browser

Starts ``python -m app`` with the shipped checkpoints. So that the test can wait for it, the page deletes its files
after a minute instead of an hour, and gives free memory back every five seconds instead of every minute. Sends mixed
requests by plain HTTP, one in ten of them hostile. Meanwhile a real Chromium visits every tab of the page again and
again, each time as a new visitor. Prints how many requests and visits failed, the page's memory on the way and a
minute and a half after the end, and how many files are left then.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import itertools
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

from playwright.sync_api import Browser, Error, sync_playwright

from model.machine import granted_cores, processor
from tools.browser import CHROMIUM, FLAGS
from tools.load import FAMILY, Client, Example, examples, memory, right, run_all, serve

AGE, PAUSE = 60, 5  # seconds that a file stays, and between two sweeps of files and of free memory
PAGE = f"""import runpy
from app.server import memory, temporary
temporary.AGE, temporary.PAUSE, memory.PAUSE = {AGE}, {PAUSE}, {PAUSE}
runpy.run_module("app", run_name="__main__")"""
SIGNS = {  # tab: what is there once it answers
    "Explain": "#maps img >> nth=2",
    "Ask": ".asked .large .moved img",
    "Side by side": ".compared .grid img >> nth=1",
    "Attack": ".compared .grid img >> nth=1",
    "Other explanations": "svg.chart >> nth=1",
    "Test images": "button[data-index] >> nth=0",  # of pictures in data/
    "About": "text=How each was trained",
}
PATIENCE = 300_000  # ms


def hostile(client: Client, chance: random.Random) -> bool:
    """Sends a hostile request; returns whether it was refused in one sentence."""
    inside = {"url": "data:image/png;base64," + base64.b64encode(b"\x89PNG" + chance.randbytes(99)).decode()}
    event, data = chance.choice(
        [
            lambda: client.call("explain", image=inside),
            lambda: client.call("explain", image={"path": "/etc/passwd"}),
            lambda: client.call("explain", image=None),
            lambda: client.call("explain", image=inside, side=10**9),
            lambda: client.call("attack", image=inside, epsilon=-1),
            lambda: client.call("no_such_thing", image=inside),
            lambda: client.call("test_images", count=10**9),
        ]
    )()
    error = data.get("error") if isinstance(data, dict) else None
    return event in ("error", "400") and isinstance(error, str) and error.endswith(".") and "Traceback" not in error


def send(client: Client, number: int, pictures: list[Example]) -> bool:
    """Sends the request of this number; returns whether the answer is right."""
    chance = random.Random(number)
    example, kind = chance.choice(pictures), chance.choice(["numbers", "numbers", "pictures"])
    image = {"url": example.url}
    try:
        if number % 10 == 0:
            return hostile(client, chance)
        if number % 50 == 1:
            return client.call("attack", image=image, method="fgsm")[0] == "complete"
        if number % 10 == 5:
            return client.call("compare", image=image)[0] == "complete"
        settings = {"checkpoint": FAMILY, "compatibility": "dp", "pictures": kind == "pictures"}
        return right(kind, example, *client.call("explain", image=image, **settings))
    except (OSError, ValueError, http.client.HTTPException, LookupError):
        return False


def visit(browser: Browser, address: str) -> list[str]:
    """Opens every tab as a new visitor; returns the tabs that did not answer."""
    context, failures = browser.new_context(), []
    try:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(f"{address}/?example=frog")
        for tab, there in SIGNS.items():
            try:
                page.get_by_role("tab", name=tab, exact=True).click()
                page.get_by_role("tabpanel").filter(visible=True).locator(there).wait_for()
            except Error:
                failures.append(tab)
    finally:
        context.close()
    return failures


def main() -> None:
    """Prints the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=2000, help="number of requests that 8 clients send together")
    parser.add_argument("--visits", type=int, default=70, help="number of times that the browser visits every tab")
    arguments = parser.parse_args()
    pictures, numbers, wrong, failures = examples(), itertools.count(), [], []
    memories, after_visits, files = {}, [], []
    print(f"{processor()}, {granted_cores()} cores granted; Python {sys.version.split()[0]}.", flush=True)

    def ask(_: int) -> None:
        client = Client(port)
        while (number := next(numbers)) < arguments.requests:
            if number % max(1, arguments.requests // 8) == 0:
                memories[number] = memory(server)
                files.append(count_files(folder))
            if not send(client, number, pictures):
                wrong.append(number)

    with (
        tempfile.TemporaryDirectory() as folder,
        serve([sys.executable, "-c", PAGE], GRADIO_TEMP_DIR=folder) as (port, server),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        requests = threading.Thread(target=run_all, args=[ask, 8])
        requests.start()
        for _ in range(arguments.visits):
            failures += visit(browser, f"http://127.0.0.1:{port}")
            after_visits.append(memory(server))
        browser.close()
        requests.join()
        print(f"{arguments.requests} mixed requests, one in ten hostile: {len(wrong)} wrong or lost.")
        tabs = sorted(set(failures))
        print(f"{arguments.visits} visits to {len(SIGNS)} tabs: {len(failures)} without an answer {tabs}.")
        print("Memory of the page, MB, at the start of each eighth of the requests: ", end="")
        print(", ".join(f"{memories[n]:.0f}" for n in sorted(memories)), end=".\n")
        print(f"After each tenth visit: {', '.join(f'{m:.0f}' for m in after_visits[9::10])}", end="")
        time.sleep(1.5 * AGE)
        print(f"; a minute and a half after the end {memory(server):.0f}.")
        print(f"Files: {max(files)} at most on the way; {count_files(folder)} a minute and a half after the end.")


def count_files(folder: str) -> int:
    return sum(path.is_file() for path in Path(folder).rglob("*"))


if __name__ == "__main__":
    main()
