"""How sharp are the maps, how much do they depend on the picture, and on the question that g asks?

    python -m training maps vgg-att3-dp-cifar10-s vgg-att3-pc-cifar10-s --pictures 2000

Measured at each level, over test pictures, with 95 % intervals by bootstrap over pictures:

    peak      the highest weight, in multiples of an even map's weight
    entropy   that of the weights, as a share of an even map's
    common    Pearson's r of each map with the mean of all maps; 1 if every picture gets the same map
    asked     r of each map with the map under another picture's g; 1 if g moves nothing, as under pc. It is the paper's
              query-driven attention in one number
    changed   how often the answer changes under another picture's g
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from model import Network
from model.networks.attending import attends
from model.networks.attention import correlation
from model.presets import network_input
from training.data import Dataset
from training.evaluate import check_classes
from training.intervals import Estimate, bootstrap, bootstrap_numbers

BATCH = 250


@dataclass(frozen=True)
class Row:
    """One level of one network.

    Attributes:
        checkpoint: its name.
        level: such as conv13.
        grid: rows and columns of its map.
        pictures: how many.
        peak: the highest weight times the number of positions; 1 is even.
        entropy: of the weights, over the logarithm of the number of positions; 1 is even.
        common: r with the mean map; None where every map is even.
        asked: r with the map under another picture's g; None where g is not used, or every map is even.
        changed: fraction of the pictures whose answer changes under another picture's g, used at all levels at once;
            None where g is not used.
    """

    checkpoint: str
    level: str
    grid: tuple[int, int]
    pictures: int
    peak: Estimate
    entropy: Estimate
    common: Estimate | None
    asked: Estimate | None
    changed: float | None


def measure(nets: dict[str, Network], data: Dataset, pictures: int) -> tuple[str, dict[str, list[Row]]]:
    """The table and the rows of every network, {name: network}."""
    rows = [row for name, net in nets.items() for row in map_rows(name, net, data, pictures)]
    return table(rows), {"rows": rows}


@torch.no_grad()
def map_rows(name: str, net: Network, data: Dataset, pictures: int) -> list[Row]:
    """A network's rows, one for each level.

    Args:
        name: the checkpoint's.
        net: in evaluation mode, with trained attention.
        data: with its classes. Each call draws the same test pictures.
        pictures: how many, at least 2 and at most all of them.

    Raises:
        ValueError: the network has no trained attention, or there are fewer than two pictures.
        DataError: the classes of ``data`` are not those of the network.
    """
    if not attends(net):
        raise ValueError(f"{name} is a {type(net).__name__}, and this command measures the paper's attention only")
    check_classes(net, data)
    some = data.test.draw(pictures)
    if len(some) < 2:
        raise ValueError("two pictures or more are needed: each is asked by another one's g")
    own: dict[str, list[Tensor]] = {level: [] for level in net.levels}
    correlations: dict[str, list[Tensor]] = {level: [] for level in net.levels}
    changes = 0
    for images in tqdm(some.images.tensor_split(math.ceil(len(some) / BATCH)), name, disable=None):
        local_features, g = net.features(network_input(net, images))
        answer = net.explain_features(local_features, g)
        for level, a in answer.attention.items():
            own[level].append(a.cpu())
        if g is None:
            continue
        other = net.explain_features(local_features, g.roll(1, 0))  # of the picture before
        for level, a in other.attention.items():
            correlations[level].append(correlation(answer.attention[level].cpu(), a.cpu()))
        changes += int((answer.logits.argmax(1) != other.logits.argmax(1)).sum())
    rows = []
    for level, parts in own.items():
        a = torch.cat(parts).double()  # [N, H, W]
        positions = a[0].numel()
        row = Row(
            checkpoint=name,
            level=level,
            grid=(a.shape[1], a.shape[2]),
            pictures=len(a),
            peak=bootstrap(a.amax((1, 2)) * positions),
            entropy=bootstrap(-torch.xlogy(a, a).sum((1, 2)) / math.log(positions)),
            common=bootstrap_numbers(correlation(a, a.mean(0, keepdim=True).expand_as(a))),
            asked=bootstrap_numbers(torch.cat(correlations[level])) if correlations[level] else None,
            changed=changes / len(a) if correlations[level] else None,
        )
        rows.append(row)
    return rows


def table(rows: list[Row]) -> str:
    """The rows in Markdown."""
    lines = [
        "| checkpoint | level | peak x even | entropy / even | r with the mean map | r under another's g "
        "| answers changed by it |",
        "|---|---|---|---|---|---|--:|",
    ]
    for row in rows:
        cells = [f"{row.level}, {row.grid[0]} x {row.grid[1]}", interval_text(row.peak, 2)]
        cells += [interval_text(e, 3) for e in (row.entropy, row.common, row.asked)]
        cells.append("" if row.changed is None else f"{100 * row.changed:.1f} %")
        lines.append(f"| `{row.checkpoint}` | {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"{rows[0].pictures:,} test pictures; in brackets: 95 % intervals."])


def interval_text(e: Estimate | None, digits: int) -> str:
    return "" if e is None else f"{e.mean:.{digits}f} ({e.low:.{digits}f} to {e.high:.{digits}f})"
