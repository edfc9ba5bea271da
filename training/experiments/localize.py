"""Do the maps mean something? How much of each map lies on the object, beside what needs no network.

    python -m training localize runs/dp runs/gap --data-dir data

Pictures: CUB-200-2011's birds (Wah et al. 2011) with their boxes, and the illustrated scenes of assets/ with their
exact masks. A network sees what it sees on the page: the centred square at its own input size; boxes and masks are cut
and scaled with it, and a bird of whose box less than half remains is left out and counted.

Maps: trained attention at each level, which is of no class; CAM (VGG-GAP), Grad-CAM at the last level and gradient
saliency, of the class "bird", or the scene's; a centred Gaussian (sigma: a quarter of the side), a narrow one (half of
that: mass rewards sharpness as well as place, and this shows how much) and a uniform map. Every map is brought to the
input's size bilinearly. One that is 0 everywhere names no place, and counts as uniform.

Measured on CUB's test birds and on all scenes, a mean over pictures with its 95 % interval (bootstrap over pictures):

    mass      share of the map inside the object; ``area`` is the object's share of the picture, ``beyond`` the mass
              less the centred Gaussian's, picture by picture
    pointing  share of pictures whose highest pixel is on the object (Zhang et al. 2016); equal ones count in parts
    iou       intersection over union of object and mask: the pixels where the map, stretched from its lowest to its
              highest value, is at least a threshold; one threshold a map, the best on CUB's training birds (0 is the
              whole picture)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from model import Network
from model.map_kinds import ATTENTION, CAM
from model.posthoc import cam, grad_cam, saliency, to_side
from model.presets import network_input
from tools import scenes
from training.data import DataError
from training.data.objects import Objects, birds, illustrated
from training.intervals import Estimate, bootstrap

SIGMAS = {"Gaussian": 0.25, "narrow Gaussian": 0.125}  # of the side
THRESHOLDS = tuple((i / 50) ** 2 for i in range(50))  # of the stretched map; finer towards 0, where sharp maps need it


@dataclass(frozen=True)
class Row:
    """One map on one set of pictures.

    Attributes:
        pictures: "birds" (CUB's test split) or "scenes".
        checkpoint: its folder's name; empty for those that need no network.
        compatibility: of a network with trained attention, else empty.
        method: attention, CAM, Grad-CAM, saliency, Gaussian, narrow Gaussian or uniform.
        level: such as conv13; empty where there is none.
        n: pictures measured.
        left_out: birds left out, because the centred square holds less than half of their box.
        blank: pictures whose map is 0 everywhere.
        named: share of the pictures that the network gives their class; None without a network.
        area: the object's share of the picture, mean.
        mass, beyond, pointing, iou: see the module.
        threshold: of the mask, between the map's lowest value (0) and its highest (1).
    """

    pictures: str
    checkpoint: str
    compatibility: str
    method: str
    level: str
    n: int
    left_out: int
    blank: int
    named: float | None
    area: float
    mass: Estimate
    beyond: Estimate
    pointing: Estimate
    iou: Estimate
    threshold: float


# Maps

Key = tuple[str, str]  # method, level


def network_maps(
    net: Network, images: Tensor, classes: Tensor, batch_size: int = 50, title: str = ""
) -> tuple[dict[Key, Tensor], Tensor]:
    """Every map the network offers, of all pictures.

    Args:
        net: in evaluation mode.
        images: uint8 [N, 3, S, S].
        classes: int64 [N], the class that post-hoc maps are of.
        batch_size: how many at a time.
        title: of the progress bar.

    Returns:
        {(method, level): [N, S, S]}, on the CPU; and the answers [N].
    """
    parts, answers = [], []
    batches = list(zip(images.split(batch_size), classes.split(batch_size), strict=True))
    for x, k in tqdm(batches, title, disable=None):
        x, k = x.to(net.device), k.to(net.device)
        with torch.no_grad():
            logits, attention = net(network_input(net, x))
        shown = {} if net.is_control else attention
        if net.map_kind is CAM:
            shown = dict.fromkeys(shown, cam(net, x, k))  # of the class asked about, and never negative
        maps = {(net.map_kind.name, level): a for level, a in shown.items()}
        if net.map_kind is ATTENTION:
            maps["Grad-CAM", net.levels[-1]] = grad_cam(net, x, k)  # on VGG-GAP it is CAM
        maps["saliency", ""] = saliency(net, x, k)
        parts.append({key: to_side(m, x.shape[2:]).cpu() for key, m in maps.items()})
        answers.append(logits.argmax(1).cpu())
    return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}, torch.cat(answers)


def plain_maps(count: int, side: int) -> dict[Key, Tensor]:
    """What needs no network: {(name, ""): [N, S, S]} of both Gaussians and the uniform map."""
    x = (torch.arange(side) + 0.5) / side - 0.5
    bells = {name: torch.exp(-(x**2) / (2 * sigma**2)) for name, sigma in SIGMAS.items()}
    maps = {(name, ""): bell[:, None] * bell for name, bell in bells.items()} | {
        ("uniform", ""): torch.ones(side, side)
    }
    return {key: m.expand(count, -1, -1) for key, m in maps.items()}


# Scores


def mass_inside(maps: Tensor, coverage: Tensor) -> Tensor:
    """The share of each non-negative map [N, H, W] inside its object: [N]."""
    maps = without_blanks(maps).double()
    return (maps * coverage).sum((1, 2)) / maps.sum((1, 2))


def peak_inside(maps: Tensor, coverage: Tensor) -> Tensor:
    """Whether at least half of the highest pixel is on the object, 0 or 1; the mean over equally high ones: [N]."""
    highest = (maps == maps.amax((1, 2), keepdim=True)).double()
    return (highest * (coverage >= 0.5)).sum((1, 2)) / highest.sum((1, 2))


def overlap(maps: Tensor, coverage: Tensor, threshold: float) -> Tensor:
    """IoU of each object and the pixels where the stretched map is at least ``threshold``, by area: [N]."""
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    mask = (maps - low >= threshold * (high - low)).double()  # a map without contrast: every pixel
    both = (mask * coverage).sum((1, 2))
    return both / (mask.sum((1, 2)) + coverage.sum((1, 2)) - both)


def best_threshold(maps: Tensor, coverage: Tensor) -> float:
    """Of ``THRESHOLDS`` the one with the highest mean IoU."""
    return max(THRESHOLDS, key=lambda t: overlap(maps, coverage, t).mean().item())


def is_blank(maps: Tensor) -> Tensor:
    return maps.amax((1, 2)) <= 0


def without_blanks(maps: Tensor) -> Tensor:
    return torch.where(is_blank(maps)[:, None, None], torch.ones_like(maps), maps)


# The experiment


def localize(checkpoints: list[str], data_dir: str | Path, device: torch.device | str = "cpu") -> list[Row]:
    """Measures every map of every checkpoint, and those that need none, on birds and scenes.

    Args:
        checkpoints: runs, checkpoint folders or Hub ids, at least one; each must know the ten classes of CIFAR-10.
        data_dir: the folder that holds CUB_200_2011.
        device: where the networks run.

    Raises:
        CheckpointError: a checkpoint cannot be loaded.
        DataError: CUB-200-2011 is missing, or a checkpoint does not know the classes.
        ValueError: no checkpoint is given.
    """
    if not checkpoints:
        raise ValueError("name at least one checkpoint")
    nets = {}
    for where in checkpoints:
        net, name = Network.from_pretrained(where), Path(where).resolve().name
        if missing := set(scenes.SCENES) - set(net.info.class_names):
            raise DataError(f"{name} does not know the class {min(missing)}: use a checkpoint trained on CIFAR-10")
        nets[f"{name} ({len(nets) + 1})" if name in nets else name] = net.to(device)
    pictures, rows = {}, []
    for name, net in nets.items():
        side = net.arguments["input_size"]
        if side not in pictures:
            pictures[side] = (*birds(Path(data_dir), side), illustrated(side))
        rows += measure(name, net, *pictures[side])
    rows += measure("", None, *next(iter(pictures.values())))
    return sorted(rows, key=lambda row: row.pictures)  # birds, then scenes; within them as measured


def measure(name: str, net: Network | None, train: Objects, test: Objects, drawn: Objects) -> Iterator[Row]:
    """The rows of one network, or where it is None of the plain maps; thresholds from ``train``."""
    chosen = {
        key: best_threshold(maps, train.coverage) for key, maps in maps_of(net, train, f"{name} train")[0].items()
    }
    for kind, objects in {"birds": test, "scenes": drawn}.items():
        maps, named = maps_of(net, objects, f"{name} {kind}")
        gaussian = mass_inside(maps_of(None, objects, "")[0]["Gaussian", ""], objects.coverage)
        for (method, level), m in maps.items():
            mass = mass_inside(m, objects.coverage)
            yield Row(
                pictures=kind,
                checkpoint=name,
                compatibility=net.arguments.get("compatibility", "") if net else "",
                method=method,
                level=level,
                n=len(m),
                left_out=objects.left_out,
                blank=int(is_blank(m).sum()),
                named=named,
                area=round(objects.coverage.double().mean().item(), 4),
                mass=bootstrap(mass),
                beyond=bootstrap(mass - gaussian),
                pointing=bootstrap(peak_inside(m, objects.coverage)),
                iou=bootstrap(overlap(m, objects.coverage, chosen[method, level])),
                threshold=round(chosen[method, level], 4),
            )


def maps_of(net: Network | None, objects: Objects, title: str) -> tuple[dict[Key, Tensor], float | None]:
    """All maps of the pictures, and the share of them that the network names right."""
    if net is None:
        return plain_maps(len(objects.images), objects.images.shape[-1]), None
    classes = torch.tensor([net.info.class_names.index(name) for name in objects.names])
    maps, answers = network_maps(net, objects.images, classes, title=title)
    return maps, round((answers == classes).double().mean().item(), 4)


def table(rows: list[Row]) -> str:
    """The rows as Markdown, one table a set of pictures."""
    lines = []
    for kind in dict.fromkeys(row.pictures for row in rows):
        some = [row for row in rows if row.pictures == kind]
        first = some[0]
        what = "birds of CUB-200-2011's test split" if kind == "birds" else "illustrated scenes"
        left_out = f", {first.left_out} more left out" if first.left_out else ""
        named = {row.checkpoint: row.named for row in some if row.named is not None}
        lines += [
            f"{first.n} {what}{left_out}; the object covers {first.area:.3f} of the picture. Named right: "
            + ", ".join(f"{name} {share:.3f}" for name, share in named.items())
            + ". In brackets: 95 % intervals.",
            "",
            "| checkpoint | map | mass inside | more than the Gaussian's | peak inside | IoU | threshold |",
            "|---|---|---|---|---|---|---|",
        ]
        for row in some:
            blank = f" ({row.blank} blank)" if row.blank else ""
            cells = [f"{e.mean:.3f} ({e.low:.3f} to {e.high:.3f})" for e in (row.mass, row.pointing, row.iou)]
            b = row.beyond
            cells.insert(1, "" if row.method == "Gaussian" else f"{b.mean:+.3f} ({b.low:+.3f} to {b.high:+.3f})")
            title = " ".join(filter(None, (row.compatibility, row.method, row.level))) + blank
            lines.append(f"| {row.checkpoint or '-'} | {title} | {' | '.join(cells)} | {row.threshold:.4f} |")
        lines.append("")
    return "\n".join(lines).rstrip()
