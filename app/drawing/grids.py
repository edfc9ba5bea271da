"""A ``Comparison`` as HTML: the answers, then a row of maps for each level, their difference in the last column."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import numpy as np
from PIL import Image

from app.drawing import panels, words
from model import render
from model.compare import Comparison
from model.explanation import Explanation

SIDE = 320  # px of a map in the grid
LEGEND = (
    "× uniform: multiples of even attention; the line marks 1 ×. Difference: red where {} is higher, blue where {} is; "
    "the line marks zero. Correlation: Pearson's r of the two maps; 1 is the same pattern, 0 nothing in common, −1 the "
    "opposite."
)


def grid(
    comparison: Comparison,
    titles: Mapping[str, str],
    pair: tuple[str, str],
    shared: bool,
    note: str = "",
    above: str = "",
) -> str:
    """The whole answer.

    Args:
        comparison: what to show.
        titles: what visitors call each explanation.
        pair: whose difference is shown, the first minus the second.
        shared: each row has one colour scale, from 0 to its highest peak; False gives each map its own.
        note: a sentence between the answers and the maps.
        above: rows of the grid before the first level's.
    """
    columns = [escape(name) for name in comparison.explanations] + [f"{escape(pair[0])} − {escape(pair[1])}"]
    head = "".join(f'<span role="columnheader">{column}</span>' for column in columns)
    answers = "".join(brief(titles[name], e) for name, e in comparison.explanations.items())
    message = f'<p class="message" role="status">{escape(note)}</p>' if note else ""
    rows = "".join(row(comparison, level, pair, shared) for level in comparison.levels)
    many = " many" if len(columns) > 3 else ""
    return f"""<div class="compared"><div class="briefs">{answers}</div>{message}
<div class="grid{many}" role="table" aria-label="Attention, a row for each level" style="--columns:{len(columns)}">
<div class="row head" role="row"><span role="columnheader">level</span>{head}</div>{above}{rows}</div>
<p class="note">{LEGEND.format(*map(escape, pair))}</p></div>"""


def brief(title: str, explanation: Explanation) -> str:
    """One answer: whose it is, the class, and the most probable classes."""
    name, probability = words.label(explanation.answer), explanation.probabilities[explanation.answer]
    return (
        f'<section class="brief"><h2>{escape(title)}</h2><p class="named" aria-live="polite">{name} '
        f"<small>{panels.per_cent(probability)}</small></p>{panels.probability_rows(explanation)}</section>"
    )


def row(comparison: Comparison, level: str, pair: tuple[str, str], shared: bool) -> str:
    """One level: its name, a map for each explanation, and the difference of two with their correlation."""
    parts = {name: e.levels[level] for name, e in comparison.explanations.items()}
    scales = render.limits({name: part.attention for name, part in parts.items()}, render.View(shared=shared))
    squares = {name: e.canvas.resize((SIDE, SIDE)) for name, e in comparison.explanations.items()}
    cells = ""
    for name, part in parts.items():
        picture = render.overlay(squares[name], part.attention, scales[name], render.View())
        numbers = f"peak {part.peak_x_uniform:.1f} ×, entropy {part.entropy:.2f}"
        cells += cell(picture, words.alt(level, part, name), panels.colour_bar(scales[name]), numbers, name)
    values, r = comparison.difference(pair, level), words.correlation(comparison.correlation(pair, level))
    limit = float(np.abs(values).max())
    text = f"Difference at {level}: {describe_difference(values, pair)}; correlation {r}"
    apart = f"{pair[0]} − {pair[1]}"
    bar, numbers = difference_bar(limit), f"at most {limit:.2f} × apart"
    if limit < words.VISIBLE:
        bar, numbers = "", "no difference"
    picture = render.difference(squares[pair[0]], values, max(limit, words.VISIBLE))
    cells += cell(picture, text, bar, f'{numbers}, correlation <b class="r">{r}</b>', apart)
    title = next(iter(parts.values())).title
    label = f"<b>{level}</b><small>{title}</small>"
    header = f'<div class="level" role="rowheader">{label}</div>'
    return f'<div class="row" role="row" data-level="{level}">{header}{cells}</div>'


def cell(picture: Image.Image, alt: str, bar: str, numbers: str, column: str = "", exact: bool = False) -> str:
    """A picture, exact or not, with colours and numbers; its column's name shows where a phone breaks the row."""
    return (
        f'<figure role="cell"><img src="{panels.data_uri(picture, exact)}" alt="{escape(alt)}">'
        f'<figcaption><b class="column">{escape(column)}</b>{bar}<span>{numbers}</span></figcaption></figure>'
    )


def describe_difference(values: np.ndarray, pair: tuple[str, str]) -> str:
    """Says where each of two maps is higher, from their difference [H, W] in × uniform."""
    if np.abs(values).max() < words.VISIBLE:
        return f"none between {pair[0]} and {pair[1]}"
    return "; ".join(
        f"{name} is higher by up to {side.max():.2f} × uniform, at the {words.peak_place(side)}"
        for name, side in zip(pair, (values.clip(0), (-values).clip(0)), strict=True)
        if side.max() >= words.VISIBLE
    )


def difference_bar(limit: float) -> str:
    """The diverging colours with numbers in multiples of uniform; a mark at zero."""
    colours = render.gradient(colours=render.DIVERGING, steps=13)
    label = f"Colours from minus {limit:.2f} to plus {limit:.2f} times uniform attention, blue to red, white at zero"
    return (
        f'<div class="scale" role="img" aria-label="{label}"><span>−{limit:.2f} ×</span>'
        f'<span class="colours" style="background:{colours}"><b class="zero" style="left:50%" title="0"></b></span>'
        f"<span>+{limit:.2f} ×</span></div>"
    )
