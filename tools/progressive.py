"""Draws trained attention beside progressive attention and CAM, like the paper's figure of existing attention.

    python -m tools.progressive                    # a part of make figures: the illustrated scenes
    python -m tools.progressive cat.jpg --out cat  # the same for pictures of your own: cat-light.webp, cat-dark.webp

Each picture is a row: attention of dp at conv10 and conv13, VGG-PAN's gate and softmax at the same levels, and CAM of
VGG-GAP's answer. Each map has its own colours, from its lowest to its highest value.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import matplotlib.pyplot as plt
import typer

from app.networks import Networks
from app.others import CAM, Others, explain_otherwise
from model import render
from model.atomic import write_atomically
from model.format import BUNDLED
from model.pictures import read_picture
from tools.browser import REPO
from tools.questions import FIGURES, INK, show, to_webp

CHECKPOINT = "vgg-att3-dp-cifar10-s"  # trained as long as VGG-PAN and VGG-GAP
SCENES = ("bird", "cat", "horse", "ship")
LEVELS = ("conv10", "conv13")
SIDE = 320  # px


def draw(answers: list[Others], scheme: str) -> bytes:
    """The figure as WebP: a row for each picture."""
    with plt.rc_context({"text.color": INK[scheme], "axes.labelcolor": INK[scheme], "font.size": 10}):
        figure, grid = plt.subplots(
            len(answers), 6, figsize=(10.8, 2.05 * len(answers)), layout="constrained", squeeze=False
        )
        for row, (others, line) in enumerate(zip(answers, grid, strict=True)):
            square = others.square.resize((SIDE, SIDE))
            show(line[0], square, "" if row else "picture", "")
            checks = {"attention": others.attending, "progressive": others.pan, "CAM": others.gap}
            columns = [(kind, level, level) for kind in ("attention", "progressive") for level in LEVELS]
            for axes, (kind, name, level) in zip(line[1:], [*columns, ("CAM", CAM, "conv13")], strict=True):
                check = checks[kind]
                assert check is not None  # every kind is shipped
                a = check.maps[name]
                values = a * a.size
                picture = render.overlay(square, a, (float(values.min()), float(values.max())), render.View())
                show(
                    axes,
                    picture,
                    "" if row else f"{kind}, {level}",
                    f"{check.answer}, {100 * check.probability:.0f} %",
                )
        return to_webp(figure)


def main(
    pictures: Annotated[list[Path] | None, typer.Argument(help="Pictures; default: four illustrated scenes.")] = None,
    out: Annotated[Path, typer.Option(help="Path of the figures, up to -light.webp and -dark.webp.")] = FIGURES
    / "progressive",
) -> None:
    """Writes the figure in both colours."""
    networks = Networks.load(BUNDLED)
    pictures = pictures or [REPO / "assets" / "examples" / f"{name}.png" for name in SCENES]
    answers = [explain_otherwise(networks, read_picture(picture), CHECKPOINT, "") for picture in pictures]
    for scheme in INK:
        file = out.with_name(f"{out.name}-{scheme}.webp")
        write_atomically(file, draw(answers, scheme))
        print(file)


if __name__ == "__main__":
    typer.run(main)
