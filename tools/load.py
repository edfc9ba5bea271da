"""How many answers a second the page gives to programs, next to a Gradio endpoint that does nothing.

    python -m tools.load    # about four minutes; make load runs tools.soak, too

Starts ``python -m app`` with the shipped checkpoints, and two Gradio servers with one empty endpoint that takes the
same request: one is Gradio as it comes, the other has this page's changes to it. Asks each in turn, several times, by
plain HTTP, from 1, 4, 16 and 64 clients at once, and prints a table. Each request sends an example picture; the client
checks the answer against ``model.explain``. The clients share the machine with the servers, so only the ratios carry
over to another machine.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import itertools
import json
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import model
from model.machine import granted_cores, processor
from tools.browser import REPO, free_port, wait_until_served

CLIENTS = (1, 4, 16, 64)
CHECKPOINT, FAMILY = "vgg-att3-dp-cifar10-s-long", "vgg-att3-cifar10-s-long"
KINDS = {
    "plain": "an endpoint that does nothing",
    "changed": "the same, with the page's changes to Gradio",
    "numbers": "numbers alone",
    "pictures": "with pictures",
}
EMPTY = ("plain", "changed")
ROUNDS = 3  # a machine's speed changes within seconds, so the kinds take turns


@dataclass
class Tally:
    """The results of some clients: seconds of each answer, and how many answers were wrong or missing."""

    seconds: list[float] = field(default_factory=list)
    wrong: int = 0
    duration: float = 0.0

    def add(self, other: Tally) -> None:
        self.seconds += other.seconds
        self.wrong += other.wrong
        self.duration += other.duration

    @property
    def rate(self) -> float:
        return len(self.seconds) / self.duration

    def quantile(self, share: float) -> float:
        """Seconds within which this share of the answers came."""
        return sorted(self.seconds)[min(len(self.seconds) - 1, math.ceil(share * len(self.seconds)) - 1)]


@dataclass(frozen=True)
class Example:
    """A picture as a client sends it, and what the network says of it."""

    url: str
    answer: str
    logit: float
    peaks: tuple[float, ...]


def examples() -> list[Example]:
    net = model.Network.from_pretrained(CHECKPOINT)
    answers = []
    for path in sorted((REPO / "assets" / "examples").glob("*.png")):
        explanation = model.explain(path, net)
        url = f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
        peaks = tuple(level.peak_x_uniform for level in explanation.levels.values())
        answers.append(Example(url, explanation.answer, explanation.logit, peaks))
    return answers


class Client:
    """One program that keeps its connection."""

    def __init__(self, port: int):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def send(self, method: str, path: str, body: dict | None = None) -> tuple[int, str]:
        content = None if body is None else json.dumps(body)
        try:
            self.connection.request(method, path, content, {"Content-Type": "application/json"} if content else {})
            answer = self.connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            self.connection.close()  # the next request opens another
            raise

    def call(self, endpoint: str, **arguments) -> tuple[str, object]:
        """The last event of one call ("complete" or "error"), or the status if it was refused; and the data."""
        status, text = self.send("POST", f"/gradio_api/call/v2/{endpoint}", arguments)
        if status != 200:
            return str(status), json.loads(text)
        status, text = self.send("GET", f"/gradio_api/call/v2/{endpoint}/{json.loads(text)['event_id']}")
        lines = text.strip().splitlines()
        return lines[-2].removeprefix("event: "), json.loads(lines[-1].removeprefix("data: "))


def right(kind: str, example: Example, event: str, data: Any) -> bool:
    """Whether an answer is right."""
    if event != "complete":
        return False
    if kind in EMPTY:
        return True
    answer, *pictures = data
    peaks = [level["peak_x_uniform"] for level in answer["levels"].values()]
    same = answer["class"] == example.answer and math.isclose(answer["logit"], example.logit, abs_tol=1e-3)
    close = all(math.isclose(a, b, rel_tol=1e-3) for a, b in zip(peaks, example.peaks, strict=True))
    return same and close and all(map(bool, pictures)) == (kind == "pictures")


def measure(kind: str, port: int, clients: int, seconds: float, pictures: list[Example]) -> Tally:
    """Sends requests from ``clients`` clients at once for some seconds; each checks its own answers."""
    tally, end = Tally(), time.monotonic() + seconds
    endpoint, more = "explain", {"checkpoint": FAMILY, "compatibility": "dp"}
    if kind in EMPTY:
        endpoint, more = "nothing", {}

    def ask(number: int) -> None:
        client = Client(port)
        for example in itertools.islice(itertools.cycle(pictures), number, None):
            if time.monotonic() > end:
                return
            began = time.perf_counter()
            try:
                event, data = client.call(endpoint, image={"url": example.url}, pictures=kind == "pictures", **more)
                tally.wrong += not right(kind, example, event, data)
            except (OSError, ValueError, http.client.HTTPException, LookupError):
                tally.wrong += 1  # lost
            tally.seconds.append(time.perf_counter() - began)

    began = time.monotonic()
    run_all(ask, clients)
    tally.duration = time.monotonic() - began
    return tally


def run_all(function: Callable[[int], None], count: int) -> None:
    threads = [threading.Thread(target=function, args=[i]) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@contextmanager
def serve(command: list[str], **environment: str) -> Generator[tuple[int, int]]:
    """Runs a server in the context; gives its (port, process id)."""
    port = free_port()
    environment = {**os.environ, "GRADIO_SERVER_PORT": str(port), **environment}
    server = subprocess.Popen(command, cwd=REPO, env=environment)
    try:
        wait_until_served(f"http://127.0.0.1:{port}", server)
        yield port, server.pid
    finally:
        server.terminate()
        server.wait(60)


def serve_nothing(kind: str) -> None:
    """A Gradio server whose one endpoint takes what /explain takes and does nothing with it.

    Args:
        kind: "plain" is Gradio as it comes; "changed" has this page's changes to it.
    """
    from app.server import environment

    port = int(os.environ["GRADIO_SERVER_PORT"])
    environment.settle()
    if kind == "plain":
        for setting in environment.NO_STATISTICS:
            del os.environ[setting]
    import gradio as gr

    if kind == "plain":
        image = gr.JSON(label="image", visible=False)  # gr.Image would decode it
    else:
        from app.inputs import picture_input

        image = picture_input(visible=False)

    def nothing(image: object, pictures: object) -> dict:
        return {}

    with gr.Blocks() as page:
        inputs = [image.render(), gr.Checkbox(label="pictures", visible=False)]
        gr.Button().click(nothing, inputs, gr.JSON(visible=False), api_name="nothing", concurrency_limit=16)
    page.queue(max_size=64).launch(server_name="127.0.0.1", server_port=port, quiet=True, _frontend=False)


def memory(process: int) -> float:
    """Megabytes that a process holds in memory; 0 where the system does not say."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return 0.0


def show_rates(ports: dict[str, int], page: int, seconds: float, pictures: list[Example]) -> None:
    """Prints the table of rates."""
    print("| clients | what | answers/s | of the empty one's | p50, s | p95, s | wrong or lost | page's memory, MB |")
    print("|--:|---|--:|--:|--:|--:|--:|--:|")
    for clients in CLIENTS:
        tallies = {kind: Tally() for kind in KINDS}
        for _ in range(ROUNDS):
            for kind, tally in tallies.items():
                tally.add(measure(kind, ports[kind], clients, seconds / ROUNDS, pictures))
        for kind, tally in tallies.items():
            print(
                f"| {clients} | {KINDS[kind]} | {tally.rate:.1f} | {tally.rate / tallies['plain'].rate:.2f} "
                f"| {tally.quantile(0.5):.2f} | {tally.quantile(0.95):.2f} | {tally.wrong} of {len(tally.seconds)} "
                f"| {memory(page):.0f} |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=9, help="how long each line of the table is measured")
    parser.add_argument("--serve-nothing", choices=EMPTY, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve_nothing:
        return serve_nothing(arguments.serve_nothing)
    import torch

    pictures = examples()
    print(
        f"{processor()}, {granted_cores()} cores granted; Python {sys.version.split()[0]}, torch {torch.__version__}.\n"
    )
    itself = [sys.executable, "-m", "tools.load", "--serve-nothing"]
    with (
        serve([sys.executable, "-m", "app"]) as (port, page),
        serve([*itself, "plain"]) as (plain, _),
        serve([*itself, "changed"]) as (changed, _),
    ):
        ports = {"plain": plain, "changed": changed, "numbers": port, "pictures": port}
        show_rates(ports, page, arguments.seconds, pictures)
    return None


if __name__ == "__main__":
    main()
