"""How much of each map lies on the object, compared with maps that need no network?

    python -m training localize runs/dp runs/gap --data-dir data
    python -m training localize runs/dp runs/gap --dataset stl10 --side 32 --side 48 --side 64

Pictures, by ``--dataset``:

    birds   CUB-200-2011's test birds (Wah et al. 2011) with their boxes, and the illustrated scenes of assets/ with
            their exact masks
    stl10   the 1,000 photographs of STL-10's first official fold, with object masks of 16 x 16 cells; ``photos`` does
            not train on them
    coseg   photographs of PASCAL VOC 2010 with pixel masks, data/coseg/images/<class>/ and masks/<class>/. With
            ``--class airplane --class automobile --class horse`` this is the paper's weakly supervised segmentation,
            but on other photographs

A network sees the same as on the page: the centred square, at its own input size or at ``--side``. Boxes and masks are
cut and scaled with it. Pictures are left out, and counted, if less than half of their object remains, or if not all
networks know their class.

Maps, each resized to the input's size, bilinearly:

    attention   at each level, under the picture's own g. If the network keeps a g for each class, also under that of
                the picture's class
    post-hoc    CAM (VGG-GAP), Grad-CAM at the last level and gradient saliency, of the picture's class
    plain       a centred Gaussian (sigma: a quarter of the side), a narrow one (half of that) and a uniform map. Mass
                rewards sharpness as well as place; the narrow Gaussian shows how much

A map that is 0 everywhere counts as uniform. The scores are means over pictures, with 95 % intervals (bootstrap over
pictures):

    mass        share of the map inside the object; ``area`` is the object's share of the picture, ``beyond`` the mass
                minus that of the centred Gaussian, picture by picture
    pointing    share of pictures whose highest pixel is on the object (Zhang et al. 2016); if several pixels are
                equally high, each counts in part
    auc         how often a pixel of the object is higher than a pixel outside it; .5 for a uniform map
    iou         intersection over union of the object and the map's mask: the pixels where the map, stretched to 0..1,
                is at least a threshold. Each map has one threshold for all pictures: for birds and scenes the best on
                CUB's training birds, elsewhere the best on the pictures themselves (0 is the whole picture)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from model import Network
from training.data import DataError
from training.data.objects import OBJECTS, SCENES, Objects
from training.data.stl10 import refuse_seen
from training.experiments.map_scores import auc, best_threshold, is_blank, mass_inside, overlap, peak_inside
from training.experiments.network_maps import Key, network_maps, plain_maps
from training.experiments.parts import measure_parts
from training.intervals import Estimate, bootstrap, bootstrap_numbers


@dataclass(frozen=True)
class Row:
    """One map on one set of pictures.

    Attributes:
        dataset: "birds", "scenes", "stl10" or "coseg".
        side: at which the pictures are read, in pixels.
        checkpoint: as on the command line; empty for maps that need no network.
        compatibility: of a network with trained attention, else empty.
        method: attention, attention asked by class, CAM, Grad-CAM, saliency, Gaussian, narrow Gaussian or uniform.
        level: such as conv13; empty where there is none.
        pictures: how many.
        left_out: how many more were left out.
        blank: pictures whose map is 0 everywhere.
        named: share of the pictures that the network classifies correctly; None without a network.
        area: the mean of the object's share of the picture.
        mass, beyond, pointing, auc, iou: see the module; ``auc`` is None where no picture shows more than its object.
        threshold: of the mask, between the map's lowest value (0) and its highest (1).
    """

    dataset: str
    side: int
    checkpoint: str
    compatibility: str
    method: str
    level: str
    pictures: int
    left_out: int
    blank: int
    named: float | None
    area: float
    mass: Estimate
    beyond: Estimate
    pointing: Estimate
    auc: Estimate | None
    iou: Estimate
    threshold: float


def measure(
    nets: dict[str, Network], data_dir: Path, dataset: str, side: list[int], classes: list[str], parts: bool
) -> tuple[str, dict[str, list]]:
    """The table and the rows of every network, {checkpoint: network}.

    Args:
        nets, data_dir, dataset, side, classes: see ``localize``.
        parts: measure the parts of birds instead, see ``training.experiments.parts``.

    Raises:
        ValueError: ``parts`` comes with other pictures than birds at the networks' own side; or see ``localize``.
    """
    if parts:
        if side or classes or dataset != "birds":
            raise ValueError(
                "--parts measures CUB's birds at the networks' own size: leave out --dataset, --side and --class"
            )
        return measure_parts(nets, data_dir)
    rows = localize(nets, data_dir, dataset, tuple(side), tuple(classes))
    return table(rows), {"rows": rows}


def localize(
    nets: dict[str, Network],
    data_dir: str | Path,
    dataset: str = "birds",
    sides: tuple[int, ...] = (),
    classes: tuple[str, ...] = (),
) -> list[Row]:
    """Measures every map of every network, and those that need none.

    Args:
        nets: {checkpoint: network}, at least one; all must know the classes of CIFAR-10.
        data_dir: the folder that holds CUB_200_2011, stl10_binary or coseg.
        dataset: a key of ``training.data.objects.OBJECTS``.
        sides: read the pictures at these sides, in pixels; empty: at each network's own.
        classes: measure pictures of these classes; empty: of all that every network knows.

    Raises:
        DataError: the pictures are missing, a network was trained on them, or does not know a class of CIFAR-10.
        ValueError: there is no such data set, side or class.
    """
    if dataset not in OBJECTS:
        raise ValueError(f"there is no data set with objects called {dataset!r}; there are {', '.join(OBJECTS)}")
    if wrong := [side for side in sides if not 16 <= side <= 256]:
        raise ValueError(f"a side must be 16 to 256 pixels, not {wrong[0]}")
    for name, net in nets.items():
        check(name, net, dataset)
    common = set.intersection(*(set(net.info.class_names) for net in nets.values()))
    if unknown := set(classes) - common:
        raise ValueError(f"not every network knows the class {min(unknown)!r}; all know {', '.join(sorted(common))}")
    common &= set(classes) or common
    rows = []
    for side in sides or dict.fromkeys(net.input_size for net in nets.values()):
        choosing, splits = OBJECTS[dataset](Path(data_dir), side)
        # Thresholds may be chosen on the pictures that are measured; then both stay one object.
        known = {id(each): each.of_classes(common) for each in (choosing, *splits.values())}
        choosing, splits = known[id(choosing)], {key: known[id(each)] for key, each in splits.items()}
        for name, net in nets.items():
            if sides or net.input_size == side:
                rows += object_rows(name, net, side, choosing, splits)
        rows += object_rows("", None, side, choosing, splits)
    return sorted(rows, key=lambda row: row.dataset)  # birds, then scenes; within them as measured


def check(name: str, net: Network, dataset: str) -> None:
    """Raises DataError if a network does not know a class of CIFAR-10, or was trained on the photographs."""
    if missing := set(SCENES) - set(net.info.class_names):
        raise DataError(f"{name} does not know the class {min(missing)}: use a checkpoint trained on CIFAR-10")
    if dataset == "stl10":
        refuse_seen(name, net)


def object_rows(
    name: str, net: Network | None, side: int, choosing: Objects, splits: dict[str, Objects]
) -> Iterator[Row]:
    """The rows of one network, or of the plain maps if it is None; thresholds are chosen on ``choosing``."""
    split_maps = {kind: maps_of(net, objects, f"{name} {kind}, {side} px") for kind, objects in splits.items()}
    same = [split_maps[kind][0] for kind, objects in splits.items() if objects is choosing]
    thresholds = {
        key: best_threshold(maps, choosing.coverage)
        for key, maps in (same[0] if same else maps_of(net, choosing, f"{name} train")[0]).items()
    }
    for kind, objects in splits.items():
        maps, named = split_maps[kind]
        gaussian = mass_inside(plain_maps(len(objects.images), side)["Gaussian", ""], objects.coverage)
        for (method, level), m in maps.items():
            mass = mass_inside(m, objects.coverage)
            yield Row(
                dataset=kind,
                side=side,
                checkpoint=name,
                compatibility=net.arguments.get("compatibility", "") if net else "",
                method=method,
                level=level,
                pictures=len(m),
                left_out=objects.left_out,
                blank=int(is_blank(m).sum()),
                named=named,
                area=round(objects.coverage.double().mean().item(), 4),
                mass=bootstrap(mass),
                beyond=bootstrap(mass - gaussian),
                pointing=bootstrap(peak_inside(m, objects.coverage)),
                auc=bootstrap_numbers(auc(m, objects.coverage)),
                iou=bootstrap(overlap(m, objects.coverage, thresholds[method, level])),
                threshold=round(thresholds[method, level], 4),
            )


def maps_of(net: Network | None, objects: Objects, title: str) -> tuple[dict[Key, torch.Tensor], float | None]:
    """All maps of the pictures, and the share of pictures that the network classifies correctly."""
    if net is None:
        return plain_maps(len(objects.images), objects.images.shape[-1]), None
    classes = torch.tensor([net.info.class_names.index(name) for name in objects.names])
    maps, answers = network_maps(net, objects.images, classes, title=title)
    return maps, round((answers == classes).double().mean().item(), 6)


TITLES = {
    "birds": "birds of CUB-200-2011's test split",
    "scenes": "illustrated scenes",
    "stl10": "photographs of STL-10's first official fold",
    "coseg": "photographs of PASCAL VOC 2010 with pixel masks",
}


def table(rows: list[Row]) -> str:
    """The rows as Markdown, one table for each set of pictures and side."""
    lines = []
    for kind, side in dict.fromkeys((row.dataset, row.side) for row in rows):
        some = [row for row in rows if (row.dataset, row.side) == (kind, side)]
        first = some[0]
        left_out = f", {first.left_out} more left out" if first.left_out else ""
        named = {row.checkpoint: row.named for row in some if row.named is not None}
        lines += [
            f"{first.pictures} {TITLES[kind]}{left_out}, {side} px; the object covers {first.area:.3f} of the picture. "
            "Classified correctly: "
            + ", ".join(f"{name} {share:.3f}" for name, share in named.items())
            + ". In brackets: 95 % intervals.",
            "",
            "| checkpoint | map | AUC | mass inside | more than the Gaussian's | peak inside | IoU | threshold |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for row in some:
            blank = f" ({row.blank} blank)" if row.blank else ""
            estimates = (row.auc or Estimate(math.nan, math.nan, math.nan), row.mass, row.pointing, row.iou)
            cells = [f"{e.mean:.3f} ({e.low:.3f} to {e.high:.3f})" for e in estimates]
            b = row.beyond
            cells.insert(2, "" if row.method == "Gaussian" else f"{b.mean:+.3f} ({b.low:+.3f} to {b.high:+.3f})")
            title = " ".join(filter(None, (row.compatibility, row.method, row.level))) + blank
            lines.append(f"| {row.checkpoint or '-'} | {title} | {' | '.join(cells)} | {row.threshold:.4f} |")
        lines.append("")
    return "\n".join(lines).rstrip()
