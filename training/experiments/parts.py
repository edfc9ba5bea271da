"""Which parts of a bird does each level attend to? The claim of the paper's Fig. 4, measured.

    python -m training localize runs/dp runs/pc --parts --data-dir data

Pictures: CUB-200-2011's test birds, each cut out by its box as for ``--dataset cub``, with the places of its visible
parts (parts/part_locs.txt). A part is a disc of radius ``RADIUS`` times the side around its place. If both eyes, legs
or wings are visible, their mean counts. Every map is resized to the input's size, bilinearly.

The score is the share of a map on a part, divided by the share of the picture that the disc covers: 1 for a uniform
map. Two other maps have the same score measured: a centred Gaussian (sigma: a quarter of the side), and the mean map of
all birds at the same level. The mean map is the same for every bird, so only what a map has beyond it follows the bird.
Intervals are 95 %, by bootstrap over pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from model import Network
from model.networks.attending import attends
from model.posthoc import to_side
from model.presets import network_input
from training.data import DataError
from training.data.birds import FOLDER, cub_records, cut_out, part_places
from training.data.files import read_all
from training.experiments.network_maps import plain_maps
from training.intervals import Estimate, bootstrap

RADIUS = 0.1  # of the side
HEAD = ("beak", "crown", "eye", "forehead", "nape", "throat")
BODY = ("back", "belly", "breast", "leg", "tail", "wing")
GAUSSIAN = "centred Gaussian"
BATCH = 100


@dataclass(frozen=True)
class Row:
    """One map on one part.

    Attributes:
        checkpoint: its name; empty for the Gaussian.
        level: such as conv13; "centred Gaussian" for that.
        part: one of ``HEAD`` or ``BODY``.
        pictures: how many of them show the part.
        times: the share of the map on the part, over that of a uniform map.
        mean_map: the same for the mean map of all birds at this level.
        beyond: ``times`` minus ``mean_map``, picture by picture.
    """

    checkpoint: str
    level: str
    part: str
    pictures: int
    times: Estimate
    mean_map: Estimate
    beyond: Estimate


@dataclass(frozen=True)
class Birds:
    """Test birds and their visible parts.

    Attributes:
        images: uint8 [N, 3, S, S].
        places: {part: [M, 3]}, the number of a picture, and x and y in shares of the side.
    """

    images: Tensor
    places: dict[str, Tensor]


def read_birds(data_dir: Path, side: int) -> Birds:
    """CUB's test birds, cut out, with the places of their parts.

    Raises:
        DataError: CUB-200-2011, or its parts, are missing or damaged.
    """
    root = Path(data_dir) / FOLDER
    records = [bird for bird in cub_records(root)[0] if not bird.is_train]
    part_points = part_places(root)
    images, indices, bad = read_all(lambda i: cut_out(records[i], side), len(records), side, "CUB-200-2011")
    if bad:
        raise DataError(f"{len(bad)} of the {len(records)} photographs of CUB-200-2011 cannot be used")
    places: dict[str, list[tuple[float, float, float]]] = {part: [] for part in (*HEAD, *BODY)}
    for number, i in enumerate(indices):
        left, top, right, bottom = records[i].box
        for part, x, y in part_points.get(records[i].path, ()):
            x, y = (x - left) / (right - left), (y - top) / (bottom - top)
            if 0 <= x <= 1 and 0 <= y <= 1:
                places[part.removeprefix("left ").removeprefix("right ")].append((number, x, y))
    return Birds(images, {part: torch.tensor(points).view(-1, 3) for part, points in places.items()})


def discs(places: Tensor, side: int) -> Tensor:
    """The pixels of [side, side] whose centres lie within the radius of each place (x, y), [M, 2]: bool [M, S, S]."""
    centres = (torch.arange(side) + 0.5) / side
    dx, dy = (centres[None] - places[:, i, None] for i in (0, 1))
    return dx[:, None, :] ** 2 + dy[:, :, None] ** 2 <= RADIUS**2


def times_uniform(maps: Tensor, birds: Birds, part: str) -> Tensor:
    """The share of each map [N, S, S] on a part, over a uniform map's: [P], one for each picture that shows it."""
    places = birds.places[part]
    picture, inside = places[:, 0].long(), discs(places[:, 1:], maps.shape[-1])
    own = maps[picture].double()
    times = (own * inside).sum((1, 2)) / own.sum((1, 2)) / inside.double().mean((1, 2))
    pictures, place = picture.unique(return_inverse=True)
    sums = torch.zeros(len(pictures), dtype=torch.float64).index_add_(0, place, times)
    return sums / place.bincount()


@torch.no_grad()
def level_maps(net: Network, images: Tensor) -> dict[str, Tensor]:
    """The attention maps of all pictures, {level: [N, S, S]}, on the CPU."""
    parts = [net(network_input(net, x))[1] for x in images.split(BATCH)]
    size = images.shape[2:]
    return {level: torch.cat([to_side(part[level], size).cpu() for part in parts]) for level in parts[0]}


def part_rows(name: str, maps: dict[str, Tensor], birds: Birds) -> list[Row]:
    """The rows of maps {level: [N, S, S]}: each level on each part."""
    rows = []
    for level, m in maps.items():
        even = m.mean(0, keepdim=True).expand_as(m)
        for part, places in birds.places.items():
            if not len(places):
                continue
            times, of_mean = times_uniform(m, birds, part), times_uniform(even, birds, part)
            row = Row(
                checkpoint=name,
                level=level,
                part=part,
                pictures=len(times),
                times=bootstrap(times),
                mean_map=bootstrap(of_mean),
                beyond=bootstrap(times - of_mean),
            )
            rows.append(row)
    return rows


def measure_parts(nets: dict[str, Network], data_dir: str | Path) -> tuple[str, dict[str, list[Row]]]:
    """The table; and the rows of every network, {checkpoint: network}, then those of a centred Gaussian.

    Raises:
        DataError: CUB-200-2011, or its parts, are missing or damaged.
        ValueError: a network has no trained attention, or the networks read pictures of different sizes.
    """
    for name, net in nets.items():
        if not attends(net) or net.is_control:
            raise ValueError(f"{name} has no trained attention to measure")
    side, *others = {net.input_size for net in nets.values()}
    if others:
        raise ValueError("these networks read pictures of different sizes: measure them one by one")
    birds = read_birds(Path(data_dir), side)
    rows = [row for name, net in nets.items() for row in part_rows(name, level_maps(net, birds.images), birds)]
    bell = plain_maps(len(birds.images), side)["Gaussian", ""]
    rows += part_rows("", {GAUSSIAN: bell}, birds)
    return table(rows), {"rows": rows}


def table(rows: list[Row]) -> str:
    """The rows in Markdown: a table for each network, with a row for each part and columns for each level."""
    lines = []
    of = {(row.checkpoint, row.level, row.part): row for row in rows}
    for name in dict.fromkeys(row.checkpoint for row in rows if row.checkpoint):
        levels = list(dict.fromkeys(row.level for row in rows if row.checkpoint == name))
        lines += [
            f"`{name}`: attention on each part, in multiples of a uniform map's; beyond: how much of that exceeds the "
            "mean map of all birds. In brackets: 95 % intervals.",
            "",
            f"| part | birds | {' | '.join(f'{level} | beyond' for level in levels)} | Gaussian |",
            "|---|--:|" + "---|---|" * len(levels) + "--:|",
        ]
        for part in (part for part in (*HEAD, *BODY) if (name, levels[0], part) in of):
            cells = []
            for level in levels:
                row = of[name, level, part]
                cells += [interval_text(row.times, "{:.2f}"), interval_text(row.beyond, "{:+.2f}")]
            gaussian = of["", GAUSSIAN, part]
            cells.append(f"{gaussian.times.mean:.2f}")
            lines.append(f"| {part} | {gaussian.pictures:,} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines).rstrip()


def interval_text(e: Estimate, form: str) -> str:
    return f"{form.format(e.mean)} ({form.format(e.low)} to {form.format(e.high)})"
