"""The tables of README.md and docs/results.md, written from the shipped checkpoints' own config.json.

    python -m training report

The page serves assets/checkpoints. assets/cards holds the configs and cards of further trainings, such as second seeds,
for docs/results.md. Their weights are not shipped. A checkpoint's card, the page and these tables read the same
config.json, so they cannot disagree.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch

from model import list_checkpoints
from model.atomic import write_atomically
from model.checkpoints import Entry
from model.datasets import dataset_title
from model.format import BUNDLED, CheckpointError, read_config
from model.network import kind_of

REPO = Path(__file__).resolve().parent.parent
UNSHIPPED = BUNDLED.parent / "cards"
BEGIN, END = "<!-- {}: written by python -m training report -->", "<!-- end of {} -->"


def parameters(entry: Entry) -> int:
    """How many parameters the network of a checkpoint has; needs its config.json alone.

    Raises:
        CheckpointError: it names a network that does not exist.
    """
    config = read_config(entry.folder)
    kind = kind_of(config)
    if kind is None:
        raise CheckpointError(f"{entry.name} names a network that does not exist: {config['architecture']!r}")
    with torch.device("meta"):  # nothing is allocated
        net = kind(**config["arguments"])
    return sum(p.numel() for p in net.parameters())


def shorten(text: str) -> str:
    """A machine without what its maker's full name adds; commits by seven digits."""
    for long in ("(R)", " Processor", " CPU"):
        text = text.replace(long, "")
    return re.sub(r"\b([0-9a-f]{7})[0-9a-f]{5}\b", r"\1", re.sub(r"\b1 threads", "1 thread", text))


def stated_error(entry: Entry) -> str:
    """Its error in per cent, and those on the data's other test sets."""
    results = entry.info.results
    more = [f"{title}: {100 * r['error']:.2f} %" for title, r in results.get("more_tests", {}).items()]
    return f"{100 * results['error']:.2f} %" + (f" ({', '.join(more)})" if more else "")


def short_table(entries: list[Entry]) -> str:
    """One row for each checkpoint, for README."""
    rows = ["| checkpoint | data | test error | parameters | training |", "|---|---|---|---|---|"]
    for e in entries:
        data = dataset_title(e.info.dataset, len(e.info.class_names))
        hours = f"{e.info.recipe['hours']:.2f} h, {shorten(e.info.recipe['hardware'])}"
        size = f"{parameters(e) / 1e6:.2f} M"
        rows.append(f"| `{e.name}` | {data} | {stated_error(e)} | {size} | {hours} |")
    return "\n".join(rows)


def long_table(entries: list[Entry]) -> str:
    """All that is known of each number, for docs/results.md; commands, seeds and versions are in the cards."""
    head = "checkpoint | test error | 95 % interval | calibration error | parameters | pictures seen | hours"
    rows = [f"| {head} | precision | hardware | commit |", "|---|" + "--:|" * 6 + "---|" * 3]
    for e in entries:
        results, recipe = e.info.results, e.info.recipe
        low, high = results["interval"]
        cells = [
            f"`{e.name}`",
            stated_error(e),
            f"{100 * low:.2f} to {100 * high:.2f}",
            f"{100 * results['calibration']:.2f} %",
            f"{parameters(e):,}",
            f"{recipe['images_seen']:,}",
            f"{recipe['hours']:.2f}",
            recipe["precision"],
            shorten(recipe["hardware"]),
            shorten(recipe["commit"]),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def ask_table(entries: list[Entry]) -> str:
    """What checkpoints answer when a class is asked for by its name; empty where none was measured (``ask --save``)."""
    answers = [(e.name, [r for r in e.info.results.get("ask", ()) if r["question"] == "class"]) for e in entries]
    answers = [(name, rows) for name, rows in answers if rows]
    if not answers:
        return ""
    every = [row for _, rows in answers for row in rows]
    grids = sorted({tuple(row["grid"]) for row in every})
    counts = " or ".join(f"{n:,}" for n in sorted({row["pictures"] for row in every}))
    lines = [
        f"Scenes composed of test pictures, {counts} of each kind, asked for a class by its name: the share of the",
        "last level's map on the picture asked for, and how often that class is named.",
        "",
        f"| checkpoint | {' | '.join(f'{a} x {b}' for a, b in grids)} |",
        "|---" * (1 + len(grids)) + "|",
    ]
    for name, rows in answers:
        cells = {tuple(r["grid"]): f"{[*r['shares'].values()][-1]:.3f}, named {100 * r['named']:.1f} %" for r in rows}
        lines.append(f"| `{name}` | {' | '.join(cells.get(grid, '') for grid in grids)} |")
    return "\n".join([*lines, f"| chance | {' | '.join(f'{1 / (a * b):.3f}' for a, b in grids)} |"])


def replace_block(text: str, name: str, content: str) -> str:
    """Replaces what stands between the marks of ``name`` in ``text``.

    Raises:
        ValueError: the marks are missing.
    """
    begin, end = BEGIN.format(name), END.format(name)
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"there must be one line {begin!r} and one {end!r}")
    before, after = text.split(begin)[0], text.split(end)[1]
    return f"{before}{begin}\n\n{content}\n\n{end}{after}" if content else f"{before}{begin}\n{end}{after}"


def report(repo: Path = REPO, checkpoints: Path = BUNDLED, unshipped: Path = UNSHIPPED) -> list[Path]:
    """Writes the tables and returns the files."""
    entries, others = ([e for e in list_checkpoints(f) if "error" in e.info.results] for f in (checkpoints, unshipped))
    every = sorted(entries + others, key=lambda e: e.name)
    tables = {
        repo / "README.md": {"checkpoints": short_table(entries), "ask": ask_table(entries)},
        repo / "docs" / "results.md": {"checkpoints": long_table(every)},
    }
    for file, blocks in tables.items():
        text = file.read_text()
        for name, table in blocks.items():
            text = replace_block(text, name, table)
        write_atomically(file, text.encode())
    return list(tables)
