"""The page's sentences about maps and networks. A map "highlights"; no sentence says "because"."""

from __future__ import annotations

import numpy as np

from app.explain import Explanation, Level
from model.card import FULL_NAMES

ROWS, COLUMNS = ("upper", "middle", "lower"), ("left", "centre", "right")
PLACES = {"upper centre": "top", "lower centre": "bottom", "middle centre": "centre", "middle left": "left side"}
PLACES["middle right"] = "right side"

PC_LIMIT = (
    "Under Parametrised (pc) the global feature g cannot move a map: it adds the same number at every position, "
    "and the softmax cancels it."
)
EQUATIONS = {
    "dp": ("<i>c<sub>i</sub></i> = ⟨<i>l<sub>i</sub></i>, <i>g</i>⟩ / √<i>d</i>", "the paper's, divided by √d"),
    "dp, unscaled": ("<i>c<sub>i</sub></i> = ⟨<i>l<sub>i</sub></i>, <i>g</i>⟩", "as in the paper, not scaled"),
    "dp, learnt": (
        "<i>c<sub>i</sub></i> = τ ⟨<i>l<sub>i</sub></i>, <i>g</i>⟩",
        "the paper's, times a factor τ learnt by each layer",
    ),
    "pc": ("<i>c<sub>i</sub></i> = ⟨<i>u</i>, <i>l<sub>i</sub></i> + <i>g</i>⟩", "as in the paper"),
    "additive": (
        "<i>c<sub>i</sub></i> = ⟨<i>u</i>, tanh(<i>W l<sub>i</sub></i> + <i>V g</i>)⟩",
        "ours, after Bahdanau et al.: g counts",
    ),
}


def place(attention: np.ndarray) -> str:
    """The ninth of the picture with the densest attention, in words: "upper left", "centre", "right side" ..."""
    ninths = np.kron(attention, np.ones((3, 3)))  # makes any grid divisible by three
    h, w = attention.shape
    density = ninths.reshape(3, h, 3, w).sum(axis=(1, 3))
    row, column = np.unravel_index(density.argmax(), density.shape)
    words = f"{ROWS[row]} {COLUMNS[column]}"
    return PLACES.get(words, words)


def highlights(level: Level) -> str:
    """What a map shows, for someone who does not see it."""
    peak = f"peak {level.peak_x_uniform:.1f} × uniform"
    if level.peak_x_uniform < 1.2:
        return f"spreads almost evenly; {peak}"
    return f"highlights the {place(level.attention)}; {peak}"


def alt(name: str, level: Level) -> str:
    return f"Attention of {name} over the picture: {highlights(level)}"


def equation(compatibility: str, scale_scores: bool | str) -> tuple[str, str]:
    """The compatibility's formula as HTML, and whose it is."""
    scaled = {True: "dp", False: "dp, unscaled", "learnt": "dp, learnt"}[scale_scores]
    return EQUATIONS[scaled if compatibility == "dp" else compatibility]


def dataset_name(dataset: str) -> str:
    return FULL_NAMES.get(dataset, dataset or "unknown data")


def reliability(explanation: Explanation) -> str:
    """What the network can answer at all, and how often it is wrong."""
    count = len(explanation.probabilities)
    sentence = f"It knows {count} classes, those of {dataset_name(explanation.dataset)}"
    if explanation.test_error is None:
        return f"{sentence}; its error was not measured."
    return f"{sentence}, and names {100 * explanation.test_error:.1f} % of the test images wrong."
