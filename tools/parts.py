"""Draws how much each level attends to each part of a bird, from what ``localize --parts --json`` printed.

python -m training localize vgg-att3-dp-cifar10-s-long vgg-att3-pc-cifar10-s-long --parts --json > parts.txt
python -m tools.parts parts.txt assets/figures/parts.webp
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from matplotlib.figure import Figure

from training.experiments.parts import BODY, GAUSSIAN, HEAD

COLOURS = {"conv7": "#7a8b99", "conv10": "#d1495b", "conv13": "#2e6f95"}
PARTS = (*HEAD, *BODY)


def draw(rows: list[dict]) -> Figure:
    """One panel for each network. Each part has a bar with its interval for each level, and a tick for the mean map."""
    names = list(dict.fromkeys(row["checkpoint"] for row in rows if row["checkpoint"]))
    figure = Figure(figsize=(9, 2.6 * len(names)), layout="constrained")
    for axes, name in zip(figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0], names, strict=True):
        levels = list(dict.fromkeys(row["level"] for row in rows if row["checkpoint"] == name))
        for number, level in enumerate(levels):
            some = {row["part"]: row for row in rows if (row["checkpoint"], row["level"]) == (name, level)}
            x = [i + 0.26 * (number - (len(levels) - 1) / 2) for i in range(len(PARTS))]
            means = [some[part]["times"]["mean"] for part in PARTS]
            ends = [[abs(some[p]["times"][end] - some[p]["times"]["mean"]) for p in PARTS] for end in ("low", "high")]
            axes.bar(x, means, 0.24, yerr=ends, color=COLOURS.get(level), label=level, error_kw={"lw": 0.8})
            fixed = [some[part]["mean_map"]["mean"] for part in PARTS]
            label = "mean map of all birds" if number == len(levels) - 1 else None
            axes.plot(x, fixed, "_k", ms=9, mew=1.6, label=label)
        bell = {row["part"]: row["times"]["mean"] for row in rows if row["level"] == GAUSSIAN}
        axes.plot(range(len(PARTS)), [bell[part] for part in PARTS], ".", color="#e0a800", label=GAUSSIAN)
        axes.axhline(1, color="grey", lw=0.8, ls=":")
        axes.axvline(len(HEAD) - 0.5, color="grey", lw=0.8)
        axes.set(title=name, ylabel="attention,\ntimes a uniform map's", xlim=(-0.6, len(PARTS) - 0.4))
        axes.set_xticks(range(len(PARTS)), PARTS)
    figure.axes[0].legend(ncols=3, fontsize=8, loc="upper left")
    return figure


def main(rows_file: str, out: str) -> None:
    """Draws the rows of the last line of the file ``rows_file`` into the picture ``out``."""
    rows = json.loads(Path(rows_file).read_text().splitlines()[-1])["rows"]
    draw(rows).savefig(out, dpi=110)


if __name__ == "__main__":
    main(*sys.argv[1:])
