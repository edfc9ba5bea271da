"""The experiments, one file each: each measures checkpoints and prints a table.

To add one: a file here whose ``measure(nets, data, **options)`` returns a table in Markdown and its rows by name, and a
row in ``EXPERIMENTS``, which makes it a command.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from typer import Option

PICTURES = "How many test pictures, drawn at random."


@dataclass(frozen=True)
class Experiment:
    """A row of ``EXPERIMENTS``.

    Attributes:
        help: what the command does.
        options: the command's own, {name: (type, Typer's option with its default)}; ``measure`` takes them by name.
        dataset: the other data that it measures by default, of which ``measure`` takes a list of splits; empty if it
            measures what the networks were trained on.
        own_pictures: it reads pictures of its own: ``measure`` takes the folder of the data in place of a data set.
    """

    help: str
    options: Mapping[str, tuple[type, Any]] = field(default_factory=dict)
    dataset: str = ""
    own_pictures: bool = False


EXPERIMENTS = {
    "compare": Experiment("Compare the errors of two or more networks on the same test pictures."),
    "deletion": Experiment(
        "Blur the pixels that a map highlights, and measure how far the answer's probability falls.",
        {"pictures": (int, Option(250, min=1, help=PICTURES))},
    ),
    "maps": Experiment(
        "Measure how sharp maps are, and how much they change with the picture and with the question.",
        {"pictures": (int, Option(2000, min=2, help=PICTURES))},
    ),
    "ask": Experiment(
        "Ask scenes for one of their pictures. Measure how much of the map lies on it, and how often the answer fits.",
        {
            "scenes": (int, Option(1000, min=2, help="How many scenes of each kind.")),
            "posthoc": (int, Option(1000, min=1, help="How many of them for Grad-CAM, saliency and CAM.")),
            "pictures": (int, Option(10000, min=1, help="How many single test pictures.")),
            "save": (bool, Option(False, "--save", help="Add the results to each checkpoint's config and card.")),
        },
    ),
    "robustness": Experiment(
        "Measure errors, and how much maps change, on adversarial pictures.",
        {
            "attack": (str, Option("fgsm", help="fgsm or pgd.")),
            "epsilons": (str, Option("1,2,4,8", help="How far pixel values may move, in steps of 1 / 255.")),
            "pictures": (int, Option(2000, min=1, help=PICTURES)),
        },
    ),
    "transfer": Experiment(
        "Classify another data set by a linear layer on frozen features. Compare with untrained features and pixels.",
        dataset="cub",
    ),
    "localize": Experiment(
        "Measure how much of each map lies on the object, in photographs with boxes or masks.",
        {
            "dataset": (str, Option("birds", help="birds (and scenes), stl10 or coseg.")),
            "side": (
                list[int],
                Option([], help="Side in pixels; may be given several times; default: the network's own."),
            ),
            "classes": (
                list[str],
                Option([], "--class", help="Measure pictures of this class; may be given several times."),
            ),
            "parts": (bool, Option(False, "--parts", help="Measure attention on each part of CUB's birds instead.")),
        },
        own_pictures=True,
    ),
}
