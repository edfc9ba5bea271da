"""Ask as HTML: the pictures to choose from, every class asked about a scene, and one question's answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape

import numpy as np
from PIL import Image

from app.ask import Look
from app.drawing import panels, words
from app.examples import Example
from model import render
from model.ask import ClassAnswer, SceneAnswer
from model.composed import Grid
from model.explanation import Explanation, Level

FIRST = 11  # classes shown with a map, one row at 1280 px; the others are offered by name
LIKELY = 0.5  # a class below it is drawn as absent
SMALL, LARGE = 96, 400  # px of the longer side of a map
PLAIN = render.View()
LEGEND = (
    "A question replaces the scene's global feature g by that of another picture, or by the mean g of a class's "
    "training pictures. The numbers are each picture's share of the map. Each map has its own colours, from dark at "
    "its lowest to bright at its highest."
)
NO_NAMES = "This checkpoint cannot be asked for a class by name: click a picture to ask with it."
PLACES: dict[Grid, tuple[str, ...]] = {
    (1, 2): ("left", "right"),
    (1, 3): ("left", "middle", "right"),
    (2, 2): ("upper left", "upper right", "lower left", "lower right"),
    (1, 4): ("first", "second", "third", "last"),
}


def scene_choices(examples: Iterable[Example]) -> str:
    """Pictures that a click puts into the scene, or takes out of it."""
    more = ' <small>click up to four</small> <button type="button" class="clear" data-clear>Clear</button>'
    return choices(examples, "scene", "", "In the scene: {}", "The scene", more)


def question_choices(examples: Iterable[Example]) -> str:
    """Pictures that a click asks with."""
    return choices(examples, "ask", "picture:", "Ask with: {}", "Or let a picture ask", "")


def choices(examples: Iterable[Example], does: str, kind: str, alt: str, label: str, more: str) -> str:
    """Pictures to click on: a click carries ``data-<does>``, the kind and the picture's name."""
    buttons = "".join(
        f'<button type="button" data-{does}="{kind}{escape(e.name)}" title="{escape(e.name)}" aria-pressed="false">'
        f'<img src="{e.thumbnail}" alt="{escape(alt.format(e.name))}"></button>'
        for e in examples
    )
    return (
        f'<div class="choices"><h2>{label}{more}</h2><div class="thumbnails" role="group" aria-label="{label}">'
        f"{buttons}</div></div>"
    )


def every_class(look: Look, live: bool = False) -> str:
    """One small map for each class asked, the most probable first; a click asks for it.

    Args:
        look: the scene, asked for every class.
        live: the next look follows at once, so the classes are in the order of their names: a click meets its aim.
    """
    *_, level = look.scene.own.levels
    if not look.every:
        return f'<section class="classes"><p class="note">{NO_NAMES}</p></section>'
    square = smaller(look.scene.own.canvas, SMALL)
    classes = sorted(look.every, key=lambda each: -each.probability)[:FIRST]
    if live:
        classes.sort(key=lambda each: each.name)
    maps = "".join(one_class(each, square, level, look.moves and each.probability < LIKELY) for each in classes)
    count = len(look.every)
    which, label, names = "", "Every class asked", ""
    if count > FIRST:
        which = f"These are the {FIRST} most probable of {count} classes. "
        label, names = f"The {FIRST} most probable classes", by_name(each.name for each in look.every)
    return f"""<section class="classes"><h2>Where is the …? <small>Click a class to ask for it. {which}Each small map
shows what {level} then highlights; the number is the probability of that class.</small></h2>
<div role="group" aria-label="{label}">{maps}</div>{names}</section>"""


def by_name(names: Iterable[str]) -> str:
    """Every class as a word to click on."""
    buttons = "".join(
        f'<button type="button" data-ask="class:{escape(name)}" aria-pressed="false">{words.label(name)}</button>'
        for name in sorted(names)
    )
    return f"""<details><summary>Every class, by name</summary>
<div role="group" aria-label="Every class, by name">{buttons}</div></details>"""


def one_class(each: ClassAnswer, square: Image.Image, level: str, absent: bool) -> str:
    picture = render.overlay(square, each.attention, own_scale(each.attention), PLAIN)
    name, place = words.label(each.name), words.highlights(Level(each.attention, 0.0)).partition(";")[0]
    return (
        f'<button type="button" class="{"absent" if absent else "there"}" data-ask="class:{escape(each.name)}" '
        f'aria-pressed="false">'
        f'<img src="{panels.data_uri(picture, exact=False)}" alt="{level}, asked for {name}: {place}">'
        f"<b>{name}</b> <span>{100 * each.probability:.0f} %</span></button>"
    )


def answer(result: SceneAnswer, names: Sequence[str], asker: str, limit: str, announce: bool = True) -> str:
    """One question's answer: in words, then the last level's map beside the scene's own, then the other levels.

    Args:
        result: the answer.
        names: what visitors call the scene's pictures, in reading order.
        asker: the question in words, as HTML.
        limit: why no question moves anything; empty where one can.
        announce: whether a screen reader is told the class when it changes.
    """
    explanation = result.asked
    *others, last = explanation.levels
    wide = " wide" if result.grid[1] > 2 * result.grid[0] else ""
    large = smaller(explanation.canvas, explanation.canvas.width if wide else LARGE)
    small = smaller(explanation.canvas, 2 * SMALL)
    pair = draw_pair(result, last, names, large, button)
    rest = "".join(
        f"<section><h3>{level} <small>{explanation.levels[level].title}</small></h3>"
        f'<div class="pair">{draw_pair(result, level, names, small, cell)}</div></section>'
        for level in reversed(others)
    )
    name, probability = words.label(explanation.answer), panels.per_cent(explanation.probabilities[explanation.answer])
    text = f"<small>The network answers</small> {name} <small>{probability}</small>"
    answers = bars("With the question", explanation) + bars("Without the question", result.own)
    return f"""<div class="asked{wide}" data-compatibility="{explanation.compatibility}">
<div class="said"><p class="question">{asker}</p>
<p class="named" aria-live="{panels.POLITENESS[announce]}">{text}</p>
<p class="verdict">{escape(limit or verdict(result, last, names))}</p></div>
<div class="pair large">{pair}<div class="answers">{answers}</div></div>
<div class="levels">{rest}</div><p class="note">{escape(words.add_spaces(result.note))} {LEGEND}</p></div>"""


def bars(title: str, explanation: Explanation) -> str:
    return f"<section><h3>{title}</h3>{panels.probability_rows(explanation)}</section>"


def verdict(result: SceneAnswer, level: str, names: Sequence[str]) -> str:
    """Where the last level looks under the question, and where without."""
    if result.grid == (1, 1):
        return f"{level} {words.highlights(result.asked.levels[level]).partition(';')[0]}."
    shares, own = result.shares[level], result.own_shares[level]
    most = int(np.argmax(shares))
    return (
        f"{level} puts {100 * shares[most]:.0f} % of its attention on the {place(result.grid, most)} picture "
        f"({names[most]}). Without the question, it puts {100 * own[most]:.0f} % there."
    )


def draw_pair(
    result: SceneAnswer, level: str, names: Sequence[str], square: Image.Image, number: Callable[[str, str], str]
) -> str:
    """A level's map under the question and the scene's own, each with its share in each picture.

    Args:
        result: the answer.
        level: whose maps.
        names: what visitors call the scene's pictures.
        square: the scene, at the size that it is drawn.
        number: makes HTML of a share and a picture's name.
    """
    return figure(result, level, False, names, square, number) + figure(result, level, True, names, square, number)


def figure(
    result: SceneAnswer,
    level: str,
    own: bool,
    names: Sequence[str],
    square: Image.Image,
    number: Callable[[str, str], str],
) -> str:
    """One of the two; ``own`` is the one without the question."""
    explanation, shares = (result.own, result.own_shares) if own else (result.asked, result.shares)
    part = explanation.levels[level]
    picture = render.overlay(square, part.attention, own_scale(part.attention), PLAIN)
    text = words.alt(level, part, "without the question" if own else f"asked for {words.add_spaces(result.question)}")
    cells = ""
    if len(names) > 1:
        numbers = [f"{100 * share:.0f} %" for share in shares[level]]
        text += "; " + ", ".join(f"{n} on {name}" for n, name in zip(numbers, names, strict=True))
        cells = "".join(map(number, numbers, names))
        cells = f'<div class="cells" style="--columns:{result.grid[1]}">{cells}</div>'
    caption = f"{level} without the question" if own else f"<b>{level} with the question</b>"
    return (
        f'<figure class="{"own" if own else "moved"}" data-level="{level}"><div class="scene">'
        f'<img src="{panels.data_uri(picture, exact=False)}" alt="{escape(text)}">{cells}</div>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def button(number: str, name: str) -> str:
    name = escape(name)
    return (
        f'<button type="button" data-ask="picture:{name}" title="Ask with this picture: {name}" aria-pressed="false" '
        f'aria-label="{number} on {name}; ask with this picture"><span>{number}</span></button>'
    )


def cell(number: str, name: str) -> str:
    return f"<i><span>{number}</span></i>"


def place(grid: Grid, i: int) -> str:
    return PLACES[grid][i]


def smaller(square: Image.Image, longest: int) -> Image.Image:
    """The picture with its longer side at no more than ``longest`` pixels."""
    factor = min(1.0, longest / max(square.size))
    return square.resize((round(factor * square.width), round(factor * square.height)))


def own_scale(attention: np.ndarray) -> tuple[float, float]:
    return render.limits({"": attention}, PLAIN)[""]
