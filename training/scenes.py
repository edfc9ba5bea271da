"""Scenes composed of a split's pictures, a question to each, and a network's answers.

Settings are chosen by those of held-out pictures; ``training ask`` measures those of test pictures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model import AttendingNetwork, LevelSplit
from model.composed import Grid, cell_shares, compose
from model.presets import network_input
from training.data import Split
from training.objectives import ByClass, SceneChoice

GRIDS: tuple[Grid, ...] = ((1, 2), (2, 2), (3, 3))
PICTURE, CLASS, OWN = "picture", "class", "own"
BATCH = 50


@dataclass(frozen=True)
class Scenes:
    """Composed scenes with a question each.

    Attributes:
        pixels: uint8 [N, 3, H, W].
        grid: rows and columns.
        questions: uint8 [N, 3, S, S], the pictures that ask.
        labels: int64 [N], their classes.
        cell: int64 [N], the cell that shows it; -1 where none does.
    """

    pixels: Tensor
    grid: Grid
    questions: Tensor
    labels: Tensor
    cell: Tensor

    def first(self, count: int) -> Scenes:
        """The first ``count`` of them, at most all."""
        parts = (self.questions[:count], self.labels[:count], self.cell[:count])
        return Scenes(self.pixels[:count], self.grid, *parts)


def draw_scenes(split: Split, grid: Grid, count: int, absent: float = 0.0, seed: int = 0) -> Scenes:
    """``count`` scenes of a split's classes, always the same ones for the same arguments.

    Raises:
        ValueError: there are too few classes: the pictures of a scene have different ones, and a question whose class
            is absent needs one more.
    """
    cells = math.prod(grid)
    classes, ranks = split.labels.unique(return_inverse=True)  # a test split may lack a class
    if len(classes) < (least := cells + (absent > 0)):
        raise ValueError(f"scenes of {cells} different classes need at least {least} classes; there are {len(classes)}")
    generator = torch.Generator().manual_seed(seed)
    asking = torch.randint(len(split), (count,), generator=generator)
    labels = split.labels[asking]
    choice: SceneChoice = ByClass(ranks, len(classes)).draw(asking, ranks[asking], cells, absent, generator)
    pixels = compose(split.images[choice.pictures.flatten()].unflatten(0, choice.pictures.shape), grid)
    return Scenes(pixels, grid, split.images[asking], labels, choice.cell)


@dataclass(frozen=True)
class Answers:
    """A network's answers to one kind of question.

    Attributes:
        shares: {level: [N, cells]}, the share of the map in each cell.
        logits: [N, K].
    """

    shares: dict[str, Tensor]
    logits: Tensor


@torch.no_grad()
def ask_scenes(
    net: AttendingNetwork, scenes: Scenes, questions: Sequence[str], by_class: Tensor | None = None
) -> dict[str, Answers]:
    """A network's answers to each scene, which it reads once for all kinds of question; on the CPU.

    Args:
        net: in evaluation mode.
        scenes: N of them.
        questions: some of "picture", "class" and "own".
        by_class: [K, C], the mean g of each class, for "class".

    Returns:
        {question: its answers}.

    Raises:
        ValueError: ``by_class`` is missing, and maps depend on it.
    """
    answers: dict[str, list[LevelSplit]] = {question: [] for question in questions}
    parts = (scenes.pixels, scenes.questions, scenes.labels)
    for pixels, asking, labels in zip(*(part.split(BATCH) for part in parts), strict=True):
        local_features, own = net.features(network_input(net, pixels))
        for question in questions:
            g = own
            if question == PICTURE and own is not None:
                g = net.features(network_input(net, asking))[1]
            elif question == CLASS and own is not None:
                if by_class is None:
                    raise ValueError("a question by class needs the mean g of each class")
                g = by_class[labels].to(own)
            answers[question].append(net.explain_features(local_features, g))
    return {question: join(batches, scenes.grid) for question, batches in answers.items()}


def join(parts: list[LevelSplit], grid: Grid) -> Answers:
    """Answers to batches as one."""
    shares = {k: torch.cat([cell_shares(part.attention[k].cpu(), grid) for part in parts]) for k in parts[0].attention}
    return Answers(shares, torch.cat([part.logits.float().cpu() for part in parts]))


def share_asked(shares: Tensor, cell: Tensor) -> Tensor:
    """The share of each map in the cell that was asked for: [N, cells] and [N] to [N]."""
    return shares.gather(1, cell[:, None])[:, 0]


def measure_held_out_scenes(net: AttendingNetwork, held_out: Split, by_class: Tensor | None) -> dict[str, float]:
    """What the settings of ``--objective ask`` are chosen by: 300 scenes of each kind, asked by class name.

    Args:
        net: in evaluation mode.
        held_out: pictures that it did not train on.
        by_class: [K, C], the mean g of each class; None where no map depends on g.
    """
    results = {}
    for grid in GRIDS[:2]:
        scenes, absent = (draw_scenes(held_out, grid, 300, share) for share in (0.0, 1.0))
        answers, absent_answers = (ask_scenes(net, some, [CLASS], by_class)[CLASS] for some in (scenes, absent))
        name = f"held_out_{grid[0]}x{grid[1]}"
        for level, cells in answers.shares.items():
            results[f"{name}_{level}"] = round(share_asked(cells, scenes.cell).mean().item(), 4)
        for what, some, part in (("named", scenes, answers), ("absent_named", absent, absent_answers)):
            results[f"{name}_{what}"] = round((part.logits.argmax(1) == some.labels).double().mean().item(), 4)
    return results
