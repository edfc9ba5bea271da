"""The tables of README.md and docs/results.md, written from the shipped checkpoints' own config.json.

    python -m training report

The page serves assets/checkpoints. assets/seeds holds the configs and cards of further trainings, such as second seeds,
for docs/results.md. Their weights are not shipped. A checkpoint's card, the page and these tables read the same
config.json, so they cannot disagree.
"""

from __future__ import annotations

from pathlib import Path

import torch

from model import list_checkpoints
from model.atomic import write_atomically
from model.checkpoints import Entry
from model.format import BUNDLED, read_config
from model.network import kind_of

REPO = Path(__file__).resolve().parent.parent
SEEDS = BUNDLED.parent / "seeds"
BEGIN, END = "<!-- {}: written by python -m training report -->", "<!-- end of {} -->"


def parameters(entry: Entry) -> int:
    """How many parameters the network of a checkpoint has; needs its config.json alone."""
    config = read_config(entry.folder)
    with torch.device("meta"):  # nothing is allocated
        net = kind_of(config)(**config["arguments"])
    return sum(p.numel() for p in net.parameters())


def short_table(entries: list[Entry]) -> str:
    """One row for each checkpoint, for README."""
    rows = ["| checkpoint | test error | parameters | pictures seen | training |", "|---|---|---|---|---|"]
    for e in entries:
        hours = f"{e.info.recipe['hours']:.2f} h, {e.info.recipe['hardware']}"
        size = f"{parameters(e) / 1e6:.2f} M"
        seen = f"{e.info.recipe['images_seen']:,}"
        rows.append(f"| `{e.name}` | {100 * e.info.results['error']:.2f} % | {size} | {seen} | {hours} |")
    return "\n".join(rows)


def long_table(entries: list[Entry]) -> str:
    """All that is known of each number, for docs/results.md; commands and versions are in the cards."""
    head = "checkpoint | error | 95 % interval | calibration error | parameters | pictures seen | seed | hours"
    rows = [f"| {head} | precision | hardware | commit |", "|---|" + "--:|" * 7 + "---|" * 3]
    for e in entries:
        results, recipe = e.info.results, e.info.recipe
        low, high = results["interval"]
        cells = [
            f"`{e.name}`",
            f"{100 * results['error']:.2f} %",
            f"{100 * low:.2f} to {100 * high:.2f}",
            f"{100 * results['calibration']:.2f} %",
            f"{parameters(e):,}",
            f"{recipe['images_seen']:,}",
            str(recipe["seed"]),
            f"{recipe['hours']:.2f}",
            recipe["precision"],
            recipe["hardware"],
            recipe["commit"],
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def replace_block(text: str, name: str, content: str) -> str:
    """Replaces what stands between the marks of ``name`` in ``text``.

    Raises:
        ValueError: the marks are missing.
    """
    begin, end = BEGIN.format(name), END.format(name)
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"there must be one line {begin!r} and one {end!r}")
    before, after = text.split(begin)[0], text.split(end)[1]
    return f"{before}{begin}\n\n{content}\n\n{end}{after}"


def report(repo: Path = REPO, checkpoints: Path = BUNDLED, seeds: Path = SEEDS) -> list[Path]:
    """Writes the tables and returns the files."""
    served, others = ([e for e in list_checkpoints(f) if "error" in e.info.results] for f in (checkpoints, seeds))
    every = sorted(served + others, key=lambda e: e.name)
    files = {repo / "README.md": short_table(served), repo / "docs" / "results.md": long_table(every)}
    for file, table in files.items():
        write_atomically(file, replace_block(file.read_text(), "checkpoints", table).encode())
    return list(files)
