"""What a training step minimises; ``fit --objective`` chooses one by name.

    class   the network classifies each picture, under the picture's own global feature g
    ask     it also reads scenes composed of training pictures; there the g of another picture asks for its class

Under ``ask`` each picture of the batch asks one scene. Most scenes show its class, which is then the target. A share
``absent`` of the scenes does not; then the target is the classes that the scene shows, with equal weight. A third loss
teaches the maps themselves: minus the logarithm of the map's share on the picture that was asked for. It needs no
drawn masks, because the composition says where that picture is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from model import Network
from model.composed import Grid, cell_shares
from model.networks.attending import AttendingNetwork, attends
from model.networks.attention import wide
from training.recipes import Recipe

GRIDS: tuple[Grid, ...] = ((1, 2), (2, 1), (2, 2))  # rows and columns of the scenes, in turn
LEAST_CLASSES = 5  # four in a scene, and one that it does not show
Sums = dict[str, tuple[Tensor, "int | Tensor"]]  # name: sum and count over this process's pictures
FOUR = 0.75  # a picture's side in a scene of four, over that in a scene of two: all scenes then cost nearly the same


@dataclass(frozen=True)
class SceneChoice:
    """Which training pictures make a batch of scenes, and what is asked.

    Attributes:
        pictures: int64 [B, n], numbers of training pictures, in reading order.
        classes: int64 [B, n], what they show.
        cell: int64 [B], the cell that is asked for; -1 where the asking picture's class is not in the scene.
    """

    pictures: Tensor
    classes: Tensor
    cell: Tensor


class ByClass:
    """The training pictures of each class, to draw from, on the CPU.

    Args:
        labels: int64 [N].
        num_classes: K; each class has at least one picture.
        shown: int64, numbers of pictures; one that is there twice is drawn twice as often. None: each is there once.
    """

    def __init__(self, labels: Tensor, num_classes: int, shown: Tensor | None = None):
        shown = torch.arange(len(labels)) if shown is None else shown
        self.order = shown[labels[shown].argsort(stable=True)]
        self.counts = torch.bincount(labels[shown], minlength=num_classes)
        self.first = self.counts.cumsum(0) - self.counts

    def draw(
        self, asking: Tensor, labels: Tensor, cells: int, absent: float, generator: torch.Generator
    ) -> SceneChoice:
        """Scenes of pictures of different classes, one for each asking picture.

        Args:
            asking: int64 [B], numbers of the training pictures that ask; none is in its own scene, unless its class
                has no other picture.
            labels: int64 [B], their classes.
            cells: pictures in a scene, fewer than there are classes.
            absent: share of the scenes that do not show the asking picture's class, rounded to whole scenes.
            generator: on the CPU.
        """
        b, classes = len(labels), len(self.counts)
        rank = torch.rand(b, classes, generator=generator)
        is_absent = torch.arange(b) < round(absent * b)
        is_absent = is_absent[torch.randperm(b, generator=generator)]
        rank[torch.arange(b), labels] = torch.where(is_absent, 2.0, -1.0)  # last of all, or first
        places = torch.rand(b, cells, generator=generator).argsort(1)  # the chosen class's cell is where 0 stands
        present = rank.argsort(1)[:, :cells].gather(1, places)
        cell = torch.where(is_absent, -1, (places == 0).int().argmax(1))
        chance = torch.rand(b, cells, generator=generator, dtype=torch.float64)
        number = (chance * self.counts[present]).long()
        picture = self.order[self.first[present] + number]
        other = self.order[self.first[present] + (number + 1) % self.counts[present]]
        return SceneChoice(torch.where(picture == asking[:, None], other, picture), present, cell)


class Objective(nn.Module):
    """From one batch to the loss; holds the network, so that one forward call covers a whole step.

    ``forward`` returns the loss and {name: (sum, count)} of all ``metrics``, over this process's pictures.
    """

    metrics: ClassVar[tuple[str, ...]] = ("loss", "error")

    def __init__(self, net: Network, recipe: Recipe, num_classes: int):
        super().__init__()
        self.net, self.smoothing = net, recipe.label_smoothing

    def classify(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Sums]:
        loss = cross_entropy(wide(logits), labels, label_smoothing=self.smoothing)
        wrong = (logits.detach().argmax(1) != labels).sum()
        return loss, {"loss": (loss.detach() * len(labels), len(labels)), "error": (wrong, len(labels))}


class ClassObjective(Objective):
    """Classifies each picture under its own g."""

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Sums]:
        return self.classify(self.net(images)[0], labels)


class AskObjective(Objective):
    """Classifies each picture under its own g, and each scene under the g of the picture that asks.

    Args:
        net: with trained attention.
        recipe: ``single`` weighs the first loss; ``locate`` weighs the third at each level, from the last one back.
        num_classes: at least ``LEAST_CLASSES``.

    Raises:
        ValueError: the network or the number of classes does not suit.
    """

    metrics = (*Objective.metrics, "asked_error", "asked_share")

    def __init__(self, net: Network, recipe: Recipe, num_classes: int):
        if not attends(net):
            raise ValueError("--objective ask is for networks with trained attention at one or more levels")
        if num_classes < LEAST_CLASSES:
            raise ValueError(
                f"--objective ask needs at least {LEAST_CLASSES} classes (four in a scene, one more to ask for), "
                f"not {num_classes}"
            )
        super().__init__(net, recipe, num_classes)
        self.net: AttendingNetwork = net
        self.single, self.locate = recipe.single, recipe.locate

    def forward(
        self, images: Tensor, labels: Tensor, scenes: Tensor, classes: Tensor, cell: Tensor, grid: Grid
    ) -> tuple[Tensor, Sums]:
        """The loss of one batch.

        Args:
            images: normalised pictures [B, 3, H, W], which are classified, and ask the scenes.
            labels: int64 [B].
            scenes: [B, 3, rows x H', columns x W'].
            classes, cell: as in ``SceneChoice``.
            grid: rows and columns of the scenes.
        """
        local_features, g = self.net.features(images)
        loss, sums = self.classify(self.net.explain_features(local_features, g).logits, labels)
        answer = self.net.explain_features(self.net.local_features(scenes), g)
        logits = wide(answer.logits)
        present = (cell >= 0).to(logits.dtype)
        target = torch.zeros_like(logits)
        target.scatter_(1, classes, ((1 - present) / classes.shape[1])[:, None].expand_as(classes).contiguous())
        target[torch.arange(len(labels), device=target.device), labels] += present
        scene_loss = cross_entropy(logits, target, label_smoothing=self.smoothing)
        total = self.single * loss + scene_loss
        place = cell.clamp(min=0)[:, None]
        shares = [cell_shares(a, grid).gather(1, place)[:, 0] for a in answer.attention.values()]  # [B] each
        for weight, share in zip(self.locate, reversed(shares), strict=False):
            total = total - weight * (share.clamp(min=1e-6).log() * present).mean()
        count = present.sum()
        errors = ((logits.detach().argmax(1) != labels) * present).sum()
        sums |= {"asked_error": (errors, count), "asked_share": ((shares[-1].detach() * present).sum(), count)}
        return total, sums | {"loss": (total.detach() * len(labels), len(labels))}


OBJECTIVES: dict[str, type[Objective]] = {"class": ClassObjective, "ask": AskObjective}


def build_objective(net: Network, recipe: Recipe, num_classes: int) -> Objective:
    """The recipe's objective, around the network.

    Raises:
        ValueError: there is no such objective, or it does not suit the network or the number of classes.
    """
    if recipe.objective not in OBJECTIVES:
        raise ValueError(f"the objective must be {' or '.join(OBJECTIVES)}, not {recipe.objective!r}")
    return OBJECTIVES[recipe.objective](net, recipe, num_classes)


def cell_side(side: int, grid: Grid, unit: int) -> int:
    """The side, in pixels, of a scene's pictures where single pictures have ``side``.

    It is a multiple of ``unit``, the smallest side that the network takes, so that the positions of every level can be
    shared out among the cells.
    """
    return side if math.prod(grid) == 2 else max(unit, unit * round(FOUR * side / unit))
