"""The page's sentences about maps and networks. A map "highlights"; no sentence says "because"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image

from model import AttendingNetwork
from model.datasets import DATASETS, dataset_title
from model.explanation import Explanation, Level

ROWS, COLUMNS = ("upper", "middle", "lower"), ("left", "centre", "right")
PLACES = {"upper centre": "top", "lower centre": "bottom", "middle centre": "centre", "middle left": "left side"}
PLACES["middle right"] = "right side"

VISIBLE = 0.005  # x uniform: maps that differ by less count as the same
FEW = 12  # the most classes that a sentence lists in full
SOME = 3  # how many it names if there are more
DARK = 32  # of 255; a picture whose values are all below it is hard to see
EVEN = 1.25  # x uniform: below it no ninth of the picture stands out

PC_LIMIT = (
    "Under Parametrised (pc) the global feature g cannot move a map: it adds the same number, ⟨u, g⟩, at every "
    "position, and the softmax cancels it."
)
SYMBOLS = (
    "l: the local feature at a position, one vector of d channels. g: the global feature, of the whole picture. All "
    "other symbols (u, W, V, b or τ) are learnt, separately for each layer."
)


def densest(attention: np.ndarray) -> tuple[str, float]:
    """The ninth of the picture with most of the attention, in words, and its density in multiples of uniform."""
    ninths = np.kron(attention, np.ones((3, 3)))  # makes any grid divisible by three
    h, w = attention.shape
    density = ninths.reshape(3, h, 3, w).sum(axis=(1, 3))
    row, column = np.unravel_index(density.argmax(), density.shape)
    return in_words(row, column), float(9 * density.max() / density.sum())


def peak_place(attention: np.ndarray) -> str:
    """The ninth of the picture that the highest position lies in."""
    positions = np.unravel_index(attention.argmax(), attention.shape)
    row, column = (min(2, int(3 * (i + 0.5) / n)) for i, n in zip(positions, attention.shape, strict=True))
    return in_words(row, column)


def in_words(row: int, column: int) -> str:
    """A ninth of the picture: "upper left", "centre", "right side" ..."""
    words = f"{ROWS[row]} {COLUMNS[column]}"
    return PLACES.get(words, words)


def where(attention: np.ndarray, unit: str) -> str:
    """A map [H, W] in words, for a screen reader. Its peak is in multiples of its mean, the ``unit``."""
    place, density = densest(attention)
    there = peak_place(attention)
    peak = f"peak {attention.max() / attention.mean():.1f} × {unit}"
    if density < EVEN:
        return f"spreads almost evenly; {peak}"
    return f"highlights the {place}; {peak}" + ("" if there == place else f", at the {there}")


def highlights(level: Level) -> str:
    """A level's map in words, for a screen reader."""
    return where(level.attention, "uniform")


def alt(name: str, level: Level, whose: str = "") -> str:
    """A map's alternative text; ``whose`` tells it from others of the same level."""
    return f"Attention of {name}{whose and f' ({whose})'} over the picture: {highlights(level)}"


def with_sign(number: float, plus: bool = False) -> str:
    """Two decimals, with a minus sign as wide as the digits; ``plus`` gives positive ones a sign too."""
    return minus(f"{round(number, 2) + 0.0:{'+' if plus else ''}.2f}")  # + 0.0: no minus before a zero


def correlation(r: float | None) -> str:
    return "undefined, as a map is even" if r is None else with_sign(r)


def minus(number: str) -> str:
    return number.replace("-", "−")


def add_spaces(name: str) -> str:
    """The name of a class, or a sentence with names, as people write them; CIFAR-100 writes maple_tree."""
    return name.replace("_", " ")


def label(name: str) -> str:
    """The name of a class as HTML."""
    return escape(add_spaces(name))


def file_name(name: str) -> str:
    """The name of a file that holds the picture called ``name``."""
    return f"{name.replace(' ', '_')}.png"


def test_picture(index: int, label: str) -> str:
    """The name of a test picture; ``about_picture`` reads it back."""
    return f"test picture {index} labelled {label}"


def about_picture(file: str) -> str:
    """A sentence with the label of a test picture, read from its name; empty for other pictures."""
    match = re.fullmatch(r"test picture (\d+) labelled (.+)", picture_name(file))
    return f"Test picture {match[1]}, labelled {match[2]}." if match else ""


def darkness(picture: Image.Image) -> str:
    """A sentence about a very dark picture, such as one of undeclared 10-bit values; empty for others."""
    brightest = int(np.asarray(picture).max())
    return f"This picture is very dark: its brightest value is {brightest} of 255." if brightest < DARK else ""


def picture_name(file: str) -> str:
    """The name of the picture in a file."""
    return add_spaces(Path(file).stem)


def equation(net: AttendingNetwork) -> tuple[str, str]:
    """The formula as HTML, and its source."""
    return formula(net.equation.text), net.equation.source


def formula(text: str) -> str:
    """A formula as HTML: single letters in italics, _i as a subscript."""

    def italic(symbol: re.Match) -> str:
        return f"<i>{symbol[1]}{'<sub>i</sub>' if symbol[2] else ''}</i>"

    return re.sub(r"(?<![A-Za-z])([A-Za-z])(_i)?(?![A-Za-z])", italic, text)


def reliability(explanation: Explanation) -> str:
    """The classes that the network can answer with, and its test error."""
    names = [add_spaces(name) for name in explanation.probabilities]
    whole = DATASETS.get(explanation.dataset, DATASETS["folder"]).classes
    known = classes(names, f" of {dataset_title(explanation.dataset)}", whole)
    sentence = f"The network knows only {known}"
    if explanation.test_error is None:
        return f"{sentence}. Its test error was not measured."
    return f"{sentence}. Its test error is {100 * explanation.test_error:.1f}\u00a0%."


def classes(names: Sequence[str], whose: str = "", whole: int = 0) -> str:
    """Classes in words, ``whose`` after them: all by name, or how many there are, of a larger ``whole``, and some."""
    count = len(names)
    *most, last = names if count <= FEW else names[:: count // SOME][:SOME]
    text = f"{', '.join(most)} and {last}" if most else last
    number = f"{count} of the {whole}" if count < whole else f"the {count}"
    return f"the classes{whose}: {text}" if count <= FEW else f"{number} classes{whose}, such as {text}"
