"""Draws README's first picture: one scene asked two questions under dp, and the same under pc.

    python -m tools.questions          # a part of make figures

Asks the shipped checkpoints and writes assets/figures/ask-light.webp and ask-dark.webp.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from model.ask import SceneAnswer, ask
from model.atomic import write_atomically
from model.format import BUNDLED, CheckpointError
from model.network import Network
from tools.browser import REPO

CHECKPOINTS = {
    "vgg-att3-dp-cifar10-s-ask": "Dot product (dp): a question moves the map",
    "vgg-att3-pc-cifar10-s-ask": "Parametrised (pc): no question can",
}
SCENE = ("deer", "automobile", "frog", "ship")
QUESTIONS = ("frog", "ship")
LEVEL = "conv13"
FIGURES = REPO / "assets" / "figures"
INK = {"light": "#18181b", "dark": "#f4f4f5"}


def draw(answers: dict[str, dict[str, SceneAnswer]], scheme: str) -> bytes:
    """The figure as WebP, on a transparent ground: the scene, then for each checkpoint a map for each question."""
    with plt.rc_context({"text.color": INK[scheme], "axes.labelcolor": INK[scheme], "font.size": 11}):
        figure = plt.figure(figsize=(12.8, 3.4), layout="constrained")
        first, *others = figure.subfigures(
            1, 1 + len(answers), squeeze=False, width_ratios=[1, *[2] * len(answers)], wspace=0.03
        )[0]
        one = next(iter(next(iter(answers.values())).values()))
        first.suptitle("One scene", weight="bold")
        show(first.subplots(), one.asked.canvas, "", "")
        for part, (title, by_question) in zip(others, answers.items(), strict=True):
            part.suptitle(title, weight="bold")
            for axes, (question, answer) in zip(part.subplots(1, len(by_question)), by_question.items(), strict=True):
                explanation = answer.asked
                name, probability = explanation.answer, explanation.probabilities[explanation.answer]
                caption = f"answer: {name}, {100 * probability:.0f} %"
                show(axes, explanation.overlays()[LEVEL], f"“Where is the {question}?”", caption)
                number_cells(axes, answer)
        return to_webp(figure)


def to_webp(figure: Figure) -> bytes:
    """A figure on a transparent ground; closes it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120, transparent=True)
    plt.close(figure)
    with Image.open(buffer) as picture, io.BytesIO() as webp:
        picture.save(webp, "WEBP", quality=90, method=6)
        return webp.getvalue()


def show(axes: Axes, picture: Image.Image, above: str, below: str) -> None:
    axes.imshow(np.asarray(picture))
    axes.set_title(above)
    axes.set_xlabel(below)
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)


def number_cells(axes: Axes, answer: SceneAnswer) -> None:
    """Writes each picture's share of the map into its lower left corner."""
    rows, columns = answer.grid
    width, height = answer.asked.canvas.size
    for i, share in enumerate(answer.shares[LEVEL]):
        row, column = divmod(i, columns)
        x, y = width * column / columns + 14, height * (row + 1) / rows - 14
        box = {"facecolor": "#18181b", "alpha": 0.75, "edgecolor": "none", "boxstyle": "round,pad=0.2"}
        axes.text(x, y, f"{100 * share:.0f} %", color="white", weight="bold", fontsize=9, va="bottom", bbox=box)


def main(folder: Path = BUNDLED) -> None:
    """Writes the figure in both colours."""
    scene = [REPO / "assets" / "examples" / f"{name}.png" for name in SCENE]
    try:
        nets = {title: Network.from_pretrained(folder / name) for name, title in CHECKPOINTS.items()}
    except CheckpointError as e:
        sys.exit(f"{e}.")
    answers = {title: {question: ask(scene, question, net) for question in QUESTIONS} for title, net in nets.items()}
    FIGURES.mkdir(exist_ok=True)
    for scheme in INK:
        file = FIGURES / f"ask-{scheme}.webp"
        write_atomically(file, draw(answers, scheme))
        print(file.relative_to(REPO))


if __name__ == "__main__":
    main()
