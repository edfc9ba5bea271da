"""Does an answer depend on the pixels that a map highlights? They are blurred, and the network answers again.

    python -m training deletion vgg-att3-dp-cifar10-s vgg-gap-cifar10-s --pictures 250

The score is the probability of the first answer, averaged over the shares of blurred pixels (``model.posthoc.SHARES``
above 0) and over test pictures. It is low if the answer depends on what is gone. There are two references: random
pixels, which are scattered, and the same map moved elsewhere, whose pixels form the same patches. A map says where the
network looks only if the probability falls further than under the moved map. ``gain`` is how much further, with a 95 %
interval (bootstrap over pictures, each with moves of its own).

The maps are those of ``training.experiments.localize``, for the first answer. A centred Gaussian is measured too: the
object of a photograph stands in the middle, where a moved map is not. Only what a map gains beyond the Gaussian is its
own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from model import Network
from model.posthoc import SHARES, deletion, moved_deletion, random_deletion
from training.data import Dataset
from training.evaluate import check_classes, predict
from training.experiments.network_maps import Key, network_maps, plain_maps
from training.intervals import Estimate, bootstrap

DRAWS = 5  # of random pixels, and of places that a map is moved to
BATCH = 50


@dataclass(frozen=True)
class Row:
    """One map of one network.

    Attributes:
        checkpoint: its name.
        method: attention, CAM, Grad-CAM, saliency or Gaussian.
        level: such as conv13; empty where there is none.
        pictures: how many.
        clean: the mean probability of the answer, before anything is blurred.
        fall, moved, random: the same after blurring, averaged over shares: of the map's highest pixels, of the moved
            map's, of random pixels.
        gain: ``moved`` minus ``fall``.
        beyond: ``gain`` minus that of the centred Gaussian, picture by picture.
    """

    checkpoint: str
    method: str
    level: str
    pictures: int
    clean: float
    fall: float
    moved: float
    random: float
    gain: Estimate
    beyond: Estimate


def measure(nets: dict[str, Network], data: Dataset, pictures: int) -> tuple[str, dict[str, list[Row]]]:
    """The table and the rows of every network, {name: network}."""
    rows = [row for name, net in nets.items() for row in deletion_rows(name, net, data, pictures)]
    return table(rows), {"rows": rows}


def deletion_rows(name: str, net: Network, data: Dataset, pictures: int) -> list[Row]:
    """A network's rows, one for each map.

    Args:
        name: the checkpoint's.
        net: in evaluation mode.
        data: with its classes. Each call draws the same test pictures.
        pictures: how many, at most all of them.

    Raises:
        DataError: the classes of ``data`` are not those of the network.
    """
    check_classes(net, data)
    some = data.test.draw(pictures)
    probability, classes = predict(net, some).softmax(1).max(1)
    maps, _ = network_maps(net, some.images, classes, BATCH, f"{name}: maps")
    maps |= {key: m for key, m in plain_maps(len(some), some.images.shape[-1]).items() if key[0] == "Gaussian"}
    shares = SHARES[1:]
    random: list[Tensor] = []
    falls: dict[Key, list[Tensor]] = {key: [] for key in maps}
    moves: dict[Key, list[Tensor]] = {key: [] for key in maps}
    for part in tqdm(torch.arange(len(some)).split(BATCH), name, disable=None):
        x, k, numbers = some.images[part].to(net.device), classes[part].to(net.device), part.tolist()
        random.append(random_deletion(net, x, k, shares, DRAWS, numbers).mean(-1).cpu())
        for key, m in maps.items():
            a = m[part].to(net.device)
            falls[key].append(deletion(net, x, k, a, shares).mean(-1).cpu())
            moves[key].append(moved_deletion(net, x, k, a, shares, DRAWS, numbers).mean((0, 2)).cpu())
    rows = []
    gains = {key: torch.cat(moves[key]) - torch.cat(falls[key]) for key in maps}  # of every picture, [N]
    for key, gain in gains.items():
        row = Row(
            checkpoint=name,
            method=key[0],
            level=key[1],
            pictures=len(some),
            clean=mean(probability),
            fall=mean(*falls[key]),
            moved=mean(*moves[key]),
            random=mean(*random),
            gain=bootstrap(gain),
            beyond=bootstrap(gain - gains["Gaussian", ""]),
        )
        rows.append(row)
    return rows


def mean(*parts: Tensor) -> float:
    return round(torch.cat(parts).mean().item(), 4)


def points(estimate: Estimate) -> str:
    """An estimate in percentage points, with its interval."""
    return "{:+.1f} ({:+.1f} to {:+.1f})".format(*(100 * v for v in (estimate.mean, estimate.low, estimate.high)))


def table(rows: list[Row]) -> str:
    """The rows in Markdown, probabilities in per cent."""
    lines = [
        "| checkpoint | map | at first | its pixels | the map moved | random pixels "
        "| gain over the moved map | gain beyond the Gaussian's |",
        "|---|---|--:|--:|--:|--:|---|---|",
    ]
    for row in rows:
        title = f"{row.method} {row.level}".strip()
        numbers = " | ".join(f"{100 * v:.1f}" for v in (row.clean, row.fall, row.moved, row.random))
        beyond = "" if row.method == "Gaussian" else points(row.beyond)
        lines.append(f"| `{row.checkpoint}` | {title} | {numbers} | {points(row.gain)} | {beyond} |")
    shares = ", ".join(f"{100 * share:.0f}" for share in SHARES[1:])
    return "\n".join(
        [
            *lines,
            "",
            f"Probability of the first answer in %, averaged over {shares} % of the pixels blurred; "
            f"{rows[0].pictures:,} test pictures, {DRAWS} moves and draws each; in brackets: 95 % intervals.",
        ]
    )
