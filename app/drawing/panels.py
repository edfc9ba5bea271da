"""The page's HTML, written from an ``Explanation`` or a list of examples. Class names are escaped."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from html import escape

from PIL import Image

from app.drawing import words
from app.examples import Example
from model import AttendingNetwork, render
from model.explanation import Explanation, Level

POLITENESS = {True: "polite", False: "off"}  # of aria-live


def data_uri(image: Image.Image, exact: bool = True) -> str:
    """A picture as a data: URL: an exact PNG, or a much smaller JPEG, which looks the same."""
    kind, content = ("png", render.png(image)) if exact else ("jpeg", render.jpeg(image, quality=85))
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def per_cent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %" if fraction < 0.9995 else "100 %"


def answer(explanation: Explanation, about: str = "", announce: bool = True) -> str:
    """The class, the five most probable classes, the network's input, and the logit's split by level.

    Args:
        explanation: what to show.
        about: a sentence about the picture, or nothing.
        announce: whether a screen reader is told the class when it changes.
    """
    name, probability = words.label(explanation.answer), explanation.probabilities[explanation.answer]
    side = explanation.seen.width
    sentences = [about, words.darkness(explanation.seen), words.reliability(explanation)]
    note = escape(" ".join(filter(None, sentences)))
    picture = data_uri(explanation.seen)  # the page's style enlarges it
    return f"""
<div class="answer" data-compatibility="{explanation.compatibility}">
  <figure class="seen"><img src="{picture}" alt="The picture as the network saw it, {side} by {side} pixels">
    <figcaption>What it saw: the centre square, {side} × {side} px</figcaption></figure>
  <section><h2 aria-live="{POLITENESS[announce]}">{name} <small>{per_cent(probability)}</small></h2>
    {probability_rows(explanation)}<p class="note">{note}</p></section>
  <section><h3>What each layer added to the logit of <em>{name}</em></h3>{split_rows(explanation)}</section>
</div>"""


def probability_rows(explanation: Explanation) -> str:
    rows = "".join(
        f'<tr><th scope="row">{words.label(name)}</th><td class="bar"><i style="width:{100 * p:.2f}%"></i></td>'
        f"<td>{per_cent(p)}</td></tr>"
        for name, p in explanation.top
    )
    return f'<table class="bars" aria-label="The five most probable classes">{rows}</table>'


def split_rows(explanation: Explanation) -> str:
    """The logit as bias plus a term for each level, as bars left and right of zero."""
    terms = {name: level.logit for name, level in explanation.levels.items()} | {"bias": explanation.logit_bias}
    low, high = min(0.0, *terms.values()), max(0.0, *terms.values())
    span = (high - low) or 1.0
    zero = 100 * -low / span
    rows = "".join(
        f'<tr><th scope="row">{name}</th><td class="bar signed">'
        f'<i style="left:{zero + min(0.0, 100 * t / span):.2f}%;width:{abs(100 * t / span):.2f}%"></i>'
        f'<b style="left:{zero:.2f}%"></b></td><td>{words.with_sign(t, plus=True)}</td></tr>'
        for name, t in terms.items()
    )
    logit = words.with_sign(explanation.logit, plus=True)
    total = f'<tr class="total"><th scope="row">logit</th><td>their sum</td><td>{logit}</td></tr>'
    return f'<table class="bars" aria-label="The logit as the sum of a term for each level">{rows}{total}</table>'


def card(level: Level, logit: float, scale: tuple[float, float], view: render.View) -> str:
    """Below a map: its colour scale and its numbers."""
    h, w = level.grid
    share = f" ({words.minus(f'{round(100 * level.logit / logit)} %')})" if logit > 0 else ""
    top = ""
    if view.keep < 100:
        values = render.enlarge(level.attention, (160, 160), view.smooth)
        mask = render.highest_share(values, view.keep)
        mass = values[mask].sum() / values.sum()  # more than wanted, if single positions hold much
        top = f"<p>{100 * mass:.0f} % of the attention lies in {100 * mask.mean():.0f} % of the picture.</p>"
    return f"""{colour_bar(scale)}
<dl><div><dt>Grid</dt><dd>{h} × {w}</dd></div>
<div><dt>Peak</dt><dd>{level.peak_x_uniform:.1f} × uniform</dd></div>
<div><dt>Entropy</dt><dd>{level.entropy:.2f}</dd></div>
<div><dt>Logit</dt><dd>{words.with_sign(level.logit, plus=True)}{share}</dd></div></dl>{top}"""


def colour_bar(scale: tuple[float, float]) -> str:
    """The colours with numbers in multiples of uniform; a mark at 1 x uniform."""
    low, high = scale
    at = 100 * (1 - low) / (high - low) if high - low > 1e-9 else -1
    mark = f'<b style="left:{at:.1f}%" title="1 × uniform"></b>' if 0 <= at <= 100 else ""
    label = f"Colours from {low:.2f} to {high:.2f} times uniform attention, darkest to brightest"
    return (
        f'<div class="scale" role="img" aria-label="{label}"><span>{low:.2f} ×</span>'
        f'<span class="colours" style="background:{render.gradient()}">{mark}</span><span>{high:.2f} ×</span></div>'
    )


def title(name: str, level: Level) -> str:
    place = words.highlights(level).partition(";")[0].capitalize()
    return f"<h3>{name} <small>{level.title}</small></h3><p>{escape(place)}</p>"


def method(net: AttendingNetwork) -> str:
    """The equation in use, and what pc cannot do."""
    formula, whose = words.equation(net)
    return (
        f'<div class="method"><p class="formula">{formula} <small>{whose}</small></p>'
        f'<p class="note">{words.SYMBOLS} a = softmax of c over all positions. {words.PC_LIMIT}</p></div>'
    )


def message(sentence: str, alarm: bool = False) -> str:
    """One sentence in place of an answer."""
    return f'<p class="message" role="{"alert" if alarm else "status"}">{escape(sentence)}</p>'


LEGEND = (
    "× uniform: multiples of even attention; the line marks 1 ×. Entropy: 1 is even attention, 0 a single position. "
    "Logit: what this layer adds to the winning class's score; in brackets, its share of that score. The bias adds the "
    "rest. A softmax turns scores into probabilities. Keep top: shows the highest positions that together hold this "
    "share of the attention. Shared: one colour scale for all maps, from 0 to the highest peak."
)


def thumbnails(examples: Iterable[Example], label: str) -> str:
    """A button for each picture; a click carries the example's name. ``label`` names the group."""
    buttons = "".join(
        f'<button type="button" data-example="{escape(e.name)}" title="{escape(e.name)}">'
        f'<img src="{e.thumbnail}" alt="Example: {escape(e.name)}"></button>'
        for e in examples
    )
    return f'<div class="thumbnails" role="group" aria-label="{escape(label)}">{buttons}</div>'
