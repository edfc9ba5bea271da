"""Does the global feature g choose where the network looks? Questions put to scenes composed of test pictures.

    python -m training ask vgg-att3-dp-cifar10-s-ask vgg-att3-pc-cifar10-s-ask vgg-gap-cifar10-s --scenes 1000

A scene shows pictures of different classes, side by side (1 x 2), in a square (2 x 2), or nine of them (3 x 3). The
question is another test picture of one of these classes, whose g asks; or the class by its name, for which the mean g
of its training pictures asks. Measured, with 95 % intervals over scenes:

    share   of a map that lies on the picture that was asked for; chance is one over the number of pictures
    named   how often the answer is the class that was asked for
    absent  the same for questions whose class is not in the scene
    AUROC   of the probability of the class asked for: 1 if it is always lower in scenes without the class than in
            scenes with it

The share is the score of the grid pointing game, GridPG (Böhle et al., CVPR 2021; Rao et al., CVPR 2022). That game
scores post-hoc maps, which are computed for a class after the answer. Such maps are measured on the same scenes:
Grad-CAM at the last level and gradient saliency of each network, and CAM of VGG-GAP. Under ``own`` the scene's own g
asks, as without a question.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor
from tqdm import tqdm

from model import Network
from model.checkpoints import own_folder
from model.composed import Grid, cell_shares
from model.map_kinds import CAM
from model.networks.attending import attends
from model.posthoc import cam, grad_cam, saliency
from training.data import Dataset
from training.evaluate import check_classes, class_questions, predict
from training.intervals import Estimate, bootstrap, wilson
from training.scenes import BATCH, CLASS, GRIDS, OWN, PICTURE, Scenes, ask_scenes, draw_scenes, share_asked

SIDES = (32, 48, 64)  # of single pictures, in 32nds of the network's input size
ENOUGH = 5000  # training pictures for the class means of a network that keeps none


@dataclass(frozen=True)
class Row:
    """One map of one network, for one kind of question.

    Attributes:
        checkpoint: its name.
        grid: rows and columns of the scenes.
        question: "picture", "class" or "own"; always "class" for a post-hoc map.
        method: attention, Grad-CAM, saliency or CAM.
        level: such as conv13; empty where there is none.
        pictures: how many scenes.
        share: of the map, on the picture that was asked for.
        named: share of the answers that are the class that was asked for, with its interval; None for a post-hoc map.
        absent_named: the same for scenes without that class; None for ``own``.
        auroc: of that class's probability: scenes with the class against scenes without it.
    """

    checkpoint: str
    grid: Grid
    question: str
    method: str
    level: str
    pictures: int
    share: Estimate
    named: Estimate | None = None
    absent_named: Estimate | None = None
    auroc: float | None = None


@dataclass(frozen=True)
class SingleRow:
    """Error on single pictures, read at one side."""

    checkpoint: str
    side: int
    pictures: int
    error: float
    interval: tuple[float, float]


def posthoc_shares(net: Network, scenes: Scenes) -> dict[tuple[str, str], Tensor]:
    """{(method, level): [N, cells]} of the maps that are computed for the class that is asked about."""
    groups = defaultdict(list)
    for pixels, labels in zip(scenes.pixels.split(BATCH), scenes.labels.split(BATCH), strict=True):
        x, k = pixels.to(net.device), labels.to(net.device)
        maps = {("saliency", ""): saliency(net, x, k)}
        if attends(net):
            maps["Grad-CAM", net.levels[-1]] = grad_cam(net, x, k)
        if net.map_kind is CAM:
            maps["CAM", "conv13"] = cam(net, x, k)
        for key, m in maps.items():
            groups[key].append(cell_shares(m.cpu(), scenes.grid))
    return {key: torch.cat(parts) for key, parts in groups.items()}


def measure(
    nets: dict[str, Network], data: Dataset, scenes: int, posthoc: int, pictures: int, save: bool = False
) -> tuple[str, dict[str, list]]:
    """The table and the rows of every network, {checkpoint: network}.

    Args:
        nets: in evaluation mode.
        data: of their classes.
        scenes: how many of each kind.
        posthoc: how many of these to measure post-hoc maps on.
        pictures: how many single test pictures.
        save: add the results to each checkpoint's config and card.

    Raises:
        CheckpointError: a checkpoint is not a folder that can be written.
    """
    rows, singles = [], []
    for name, net in nets.items():
        rows += (new_rows := ask_rows(name, net, data, scenes, posthoc))
        singles += (errors := single_rows(name, net, data, pictures))
        if save:
            sides = {str(e.side): e.error for e in errors}
            net.add_results(
                own_folder(name), {"sides": sides, "sides_images": errors[0].pictures, "ask": summaries(new_rows)}
            )
    return table(rows, singles), {"rows": rows, "singles": singles}


def summaries(rows: list[Row]) -> list[dict]:
    """What a checkpoint's config and card keep: the means, one entry for each grid and kind of question."""
    groups: dict[tuple[Grid, str], dict] = {}
    for row in rows:
        if row.method == "attention":
            entry = groups.setdefault(
                (row.grid, row.question),
                {
                    "grid": list(row.grid),
                    "question": row.question,
                    "pictures": row.pictures,
                    "shares": {},
                    "named": row.named and row.named.mean,
                    "absent_named": row.absent_named and row.absent_named.mean,
                    "auroc": row.auroc,
                },
            )
            entry["shares"][row.level] = row.share.mean
    return list(groups.values())


def ask_rows(name: str, net: Network, data: Dataset, count: int, posthoc: int) -> list[Row]:
    """A network's rows: each grid, each kind of question, each level; then the post-hoc maps.

    Args:
        name: the checkpoint's.
        net: in evaluation mode.
        data: with its classes. Scenes show test pictures. A question by class is the mean g that the network keeps, or
            else the mean g of training pictures.
        count: scenes of each grid.
        posthoc: how many of these, from the first on, to measure post-hoc maps on.

    Raises:
        DataError: the classes of ``data`` are not those of the network.
    """
    check_classes(net, data)
    by_class = None
    if attends(net) and net.uses_global:
        own = net.class_questions
        by_class = class_questions(net, data.train.draw(ENOUGH)) if own is None else own
    rows, classes = [], len(data.class_names)
    for grid in tqdm([g for g in GRIDS if math.prod(g) < classes], name, disable=None):
        scenes, absent = (draw_scenes(data.test, grid, count, share) for share in (0.0, 1.0))
        questions = ask_scenes(net, scenes, (PICTURE, CLASS, OWN), by_class) if attends(net) else {}
        others = ask_scenes(net, absent, (PICTURE, CLASS), by_class) if attends(net) else {}
        for question, answers in questions.items():
            numbers: dict[str, Any] = {"named": share_estimate(answers.logits.argmax(1) == scenes.labels)}
            if question in others:
                absent_logits = others[question].logits
                numbers["absent_named"] = share_estimate(absent_logits.argmax(1) == absent.labels)
                numbers["auroc"] = auroc(answers.logits, scenes.labels, absent_logits, absent.labels)
            shares = answers.shares
            for level, cells in shares.items():
                share = bootstrap(share_asked(cells, scenes.cell))
                row = Row(
                    checkpoint=name,
                    grid=grid,
                    question=question,
                    method="attention",
                    level=level,
                    pictures=count,
                    share=share,
                    **numbers,
                )
                rows.append(row)
        some = scenes.first(posthoc)
        for (method, level), cells in posthoc_shares(net, some).items():
            row = Row(
                checkpoint=name,
                grid=grid,
                question=CLASS,
                method=method,
                level=level,
                pictures=len(cells),
                share=bootstrap(share_asked(cells, some.cell)),
            )
            rows.append(row)
    return rows


def auroc(there: Tensor, there_labels: Tensor, absent: Tensor, absent_labels: Tensor) -> float:
    """How well the asked class's probability tells scenes that show it from scenes that do not; logits [N, K]."""
    probabilities = [
        logits.softmax(1).gather(1, labels[:, None])[:, 0]
        for logits, labels in ((there, there_labels), (absent, absent_labels))
    ]
    truth = [1] * len(there) + [0] * len(absent)
    return round(float(roc_auc_score(truth, torch.cat(probabilities))), 4)


def share_estimate(hits: Tensor) -> Estimate:
    """The share of [N] that is true, with its 95 % Wilson interval."""
    share = hits.double().mean().item()
    return Estimate(round(share, 4), *(round(v, 4) for v in wilson(share, len(hits))))


def single_rows(name: str, net: Network, data: Dataset, count: int) -> list[SingleRow]:
    """Errors on ``count`` single test pictures, at most all, read at each of ``SIDES``."""
    rows, some = [], data.test.draw(count)
    for side in SIDES:
        pixels = round(side * data.input_size / 32)
        error = (predict(net, some, side=pixels).argmax(1) != some.labels).double().mean().item()
        row = SingleRow(
            checkpoint=name,
            side=pixels,
            pictures=len(some),
            error=round(error, 6),
            interval=wilson(error, len(some)),
        )
        rows.append(row)
    return rows


def table(rows: list[Row], singles: list[SingleRow]) -> str:
    """The rows in Markdown."""
    lines = []
    for grid in dict.fromkeys(row.grid for row in rows):
        some = [row for row in rows if row.grid == grid]
        chance = 1 / math.prod(grid)
        lines += [
            f"Scenes of {grid[0]} x {grid[1]} test pictures, {some[0].pictures:,} of them; chance is {chance:.2f}. "
            "In brackets: 95 % intervals.",
            "",
            "| checkpoint | question | map | share on the picture asked for | class asked for named "
            "| absent class named | AUROC |",
            "|---|---|---|---|---|---|--:|",
        ]
        for row in some:
            cells = [f"`{row.checkpoint}`", row.question, f"{row.method} {row.level}".strip(), interval_text(row.share)]
            cells += [interval_text(row.named, 100), interval_text(row.absent_named, 100)]
            cells.append("" if row.auroc is None else f"{row.auroc:.3f}")
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    lines += ["| checkpoint | side | test error on single pictures | 95 % interval |", "|---|--:|--:|---|"]
    for row in singles:
        low, high = (100 * v for v in row.interval)
        lines.append(f"| `{row.checkpoint}` | {row.side} px | {100 * row.error:.2f} % | {low:.2f} to {high:.2f} |")
    return "\n".join(lines)


def interval_text(e: Estimate | None, times: int = 1) -> str:
    """An estimate with its interval; ``times`` 100 writes per cent."""
    if e is None:
        return ""
    digits, unit = (1, " %") if times == 100 else (3, "")
    mean, low, high = (f"{times * v:.{digits}f}" for v in (e.mean, e.low, e.high))
    return f"{mean}{unit} ({low} to {high})"
