"""How much worse does a network get, and how far do its maps move, when its pictures are attacked (FGSM, PGD)?

    python -m training robustness vgg-att3-dp-cifar10-s vgg-att3-uniform-cifar10-s --pictures 2000

Every network is attacked through its own gradients, away from the true labels, on the same test pictures. Each value of
a picture may move by up to epsilon / 255. A network is robust if its answers stay right. FGSM is a weak attack and
makes networks look better than they are: where both were run, believe PGD.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from model import Network
from model.attacks import METHODS, TITLES
from model.networks.attention import correlation
from model.presets import network_input
from training.data import Dataset
from training.evaluate import check_classes
from training.intervals import wilson

BATCH = 250


@dataclass(frozen=True)
class Row:
    """One network under one attack.

    Attributes:
        checkpoint: its name.
        method: "fgsm" or "pgd".
        epsilon: how far each value of a pixel may move, in steps of 1 / 255; 0 is the picture itself.
        pictures: how many.
        error: a fraction of the pictures.
        interval: its 95 % interval (Wilson).
        correlation: {level: Pearson's r of a picture's map before and after, averaged over pictures}. A level whose
            maps are even is left out; so is that of VGG-GAP, whose map depends on its answer.
    """

    checkpoint: str
    method: str
    epsilon: float
    pictures: int
    error: float
    interval: tuple[float, float]
    correlation: Mapping[str, float]


def parse_epsilons(text: str) -> tuple[float, ...]:
    """Reads "1,2,4,8": how far values may move, in steps of 1 / 255, each once, in rising order; 0 always comes first.

    Raises:
        ValueError: the text is not of that form.
    """
    try:
        values = {float(part) for part in text.split(",")}
    except ValueError:
        values = {-1.0}
    if not all(0 <= value <= 255 for value in values):
        raise ValueError(f"epsilons are written like 1,2,4,8 (steps of 1 / 255, from 0 to 255), not {text!r}")
    return tuple(sorted(values | {0.0}))


def measure(
    nets: dict[str, Network], data: Dataset, attack: str, epsilons: str, pictures: int
) -> tuple[str, dict[str, list[Row]]]:
    """The table and the rows of every network, {name: network}.

    Raises:
        ValueError: there is no such attack, or ``epsilons`` is not a list of numbers.
    """
    if attack not in METHODS:
        raise ValueError(f"attack must be {' or '.join(METHODS)}, not {attack!r}")
    values = parse_epsilons(epsilons)
    rows = [row for name, net in nets.items() for row in robustness_rows(name, net, data, attack, values, pictures)]
    return table(rows), {"rows": rows}


def robustness_rows(
    name: str, net: Network, data: Dataset, method: str, epsilons: tuple[float, ...], pictures: int
) -> list[Row]:
    """A network's rows, one for each epsilon.

    Args:
        name: the checkpoint's.
        net: in evaluation mode.
        data: with its classes. Each call draws the same test pictures.
        method: one of ``model.attacks.METHODS``.
        epsilons: see ``Row``.
        pictures: how many, at most all of them.

    Raises:
        DataError: the classes of ``data`` are not those of the network.
    """
    check_classes(net, data)
    some = data.test.draw(pictures)
    wrong = dict.fromkeys(epsilons, 0)
    agreement: dict[float, dict[str, list[Tensor]]] = {epsilon: {} for epsilon in epsilons}
    batches = list(zip(some.images.split(BATCH), some.labels.split(BATCH), strict=True))
    for images, labels in tqdm(batches, name, disable=None):
        images, labels = images.to(net.device), labels.to(net.device)
        before = answer(net, images)[1]
        for epsilon in epsilons:
            inputs = METHODS[method](net, images, labels, epsilon) if epsilon else images
            logits, after = answer(net, inputs)
            wrong[epsilon] += int((logits.argmax(1) != labels).sum())
            for level, a in before.items():
                agreement[epsilon].setdefault(level, []).append(correlation(a.cpu(), after[level].cpu()))
    rows = []
    for epsilon in epsilons:
        r = {level: torch.cat(parts).nanmean().item() for level, parts in agreement[epsilon].items()}
        error = wrong[epsilon] / len(some)
        means = {level: round(value, 4) for level, value in r.items() if value == value}  # NaN: every map was even
        row = Row(
            checkpoint=name,
            method=method,
            epsilon=epsilon,
            pictures=len(some),
            error=round(error, 6),
            interval=wilson(error, len(some)),
            correlation=means,
        )
        rows.append(row)
    return rows


@torch.no_grad()
def answer(net: Network, pictures: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Logits of pictures that are not yet normalised, and the maps that do not depend on a class."""
    logits, maps = net(network_input(net, pictures))
    return logits, {} if net.map_kind.of_class else maps


def table(rows: list[Row]) -> str:
    """Errors, then the maps' agreement with those of the clean pictures, in Markdown: a column for each epsilon."""
    epsilons = list(dict.fromkeys(row.epsilon for row in rows))
    head = " | ".join(f"{epsilon:g} / 255" for epsilon in epsilons)
    lines = [f"| error, % | {head} |", "|---|" + "--:|" * len(epsilons)]
    of = {(row.checkpoint, row.epsilon): row for row in rows}
    names = list(dict.fromkeys(row.checkpoint for row in rows))
    for name in names:
        cells = []
        for epsilon in epsilons:
            row = of[name, epsilon]
            low, high = (100 * v for v in row.interval)
            cells.append(f"{100 * row.error:.1f} ({low:.1f} to {high:.1f})")
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    levels = {name: list(of[name, epsilons[0]].correlation) for name in names}
    if any(levels.values()):
        lines += ["", f"| map's r with the clean picture's | {head} |", "|---|" + "--:|" * len(epsilons)]
    for name in names:
        for level in levels[name]:
            cells = [f"{of[name, epsilon].correlation.get(level, float('nan')):.3f}" for epsilon in epsilons]
            lines.append(f"| `{name}` {level} | {' | '.join(cells)} |")
    note = f"{TITLES[rows[0].method]}; {rows[0].pictures:,} test pictures; in brackets: 95 % intervals."
    return "\n".join([*lines, "", note])
