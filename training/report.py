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


def ask_table(entries: list[Entry]) -> str:
    """What checkpoints answer when a class is asked for by its name; empty where none was measured (``ask --save``)."""
    rows = []
    for e in entries:
        for row in e.info.results.get("ask", ()):
            if row["question"] == "class":
                grid, (level, share) = row["grid"], [*row["shares"].items()][-1]
                named, absent = (f"{100 * row[key]:.1f} %" for key in ("named", "absent_named"))
                cells = [
                    f"`{e.name}`",
                    f"{grid[0]} x {grid[1]}",
                    f"{1 / (grid[0] * grid[1]):.2f}",
                    level,
                    f"{share:.3f}",
                ]
                rows.append(f"| {' | '.join([*cells, named, absent])} |")
    if not rows:
        return ""
    scenes = ", ".join(sorted({f"{row['pictures']:,}" for e in entries for row in e.info.results.get("ask", ())}))
    head = "checkpoint | scene | chance | level | map on the picture asked for | class named | absent class named"
    said = f"Scenes composed of test pictures, {scenes} of each kind, asked for a class by its name:"
    return "\n".join([said, "", f"| {head} |", "|---|---|--:|---|--:|--:|--:|", *rows])


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


def report(repo: Path = REPO, checkpoints: Path = BUNDLED, seeds: Path = SEEDS) -> list[Path]:
    """Writes the tables and returns the files."""
    served, others = ([e for e in list_checkpoints(f) if "error" in e.info.results] for f in (checkpoints, seeds))
    every = sorted(served + others, key=lambda e: e.name)
    tables = {
        repo / "README.md": {"checkpoints": short_table(served), "ask": ask_table(served)},
        repo / "docs" / "results.md": {"checkpoints": long_table(every), "ask": ask_table(every)},
    }
    for file, blocks in tables.items():
        text = file.read_text()
        for name, table in blocks.items():
            text = replace_block(text, name, table)
        write_atomically(file, text.encode())
    return list(tables)
