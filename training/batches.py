"""The batch of one step: augmented training pictures, and under ``ask`` the scenes composed of others."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from model import Network
from model.composed import Grid, compose
from model.networks.attending import attends
from model.presets import normalise
from training.augment import cutout, random_crop, random_flip, random_part, resize
from training.data import Dataset, Split
from training.objectives import GRIDS, ByClass, cell_side
from training.recipes import Recipe


@dataclass(frozen=True)
class Batches:
    """Draws a step's batch, this process's slice of it.

    Everything random is drawn for the global batch, so that it is the same however many processes share it.

    Attributes:
        recipe: how to train.
        data: its mean, std and input size are used.
        train: the training pictures, on the device.
        labels: their labels, on the CPU, where everything random is drawn.
        part: this process's slice of a global batch.
        unit: the smallest side that the network takes, in pixels.
        by_class: scenes are drawn from it; None if the objective has no scenes.
    """

    recipe: Recipe
    data: Dataset
    train: Split
    labels: Tensor
    part: slice
    unit: int
    by_class: ByClass | None

    @classmethod
    def of(cls, recipe: Recipe, data: Dataset, train: Split, net: Network, process: int, processes: int) -> Batches:
        labels = train.labels.cpu()
        by_class = ByClass(labels, len(data.class_names), train.shown) if recipe.objective == "ask" else None
        unit = net.trunk.smallest_input if by_class and attends(net) else 1
        return cls(recipe, data, train, labels, slice(process, None, processes), unit, by_class)

    def pixels(self, at_32: int) -> int:
        """A length that the recipe gives for 32 x 32 pictures, in pixels of this data set's pictures."""
        return round(at_32 * self.data.input_size / 32)

    def side(self, epoch: int) -> int:
        """Side of the pictures of an epoch, in pixels."""
        return self.pixels(self.recipe.side(epoch)) or self.data.input_size

    def draw(self, index: Tensor, side: int, generator: torch.Generator, number: int = 0) -> tuple:
        """The batch of a step: the objective's arguments, which begin with pictures and labels.

        Args:
            index: int64 [B], numbers of training pictures, on the CPU.
            side: of the pictures, in pixels.
            generator: draws everything random.
            number: the step's number, which decides the scenes' grid and a mixed side.
        """
        mixed, labels = self.recipe.mixed, self.labels[index]
        single = self.pixels(mixed[number % len(mixed)]) if mixed else side
        images = resize(self.augment(index, generator)[self.part], single)
        images = images.contiguous(memory_format=torch.channels_last)
        own = self.own_part(labels)
        if self.by_class is None:
            return images, own
        grid = GRIDS[number % len(GRIDS)]
        choice = self.by_class.draw(index, labels, math.prod(grid), self.recipe.absent, generator)
        cells = self.augment(choice.pictures.flatten(), generator).unflatten(0, choice.pictures.shape)[self.part]
        scenes = self.compose(cells, grid, side)
        return images, own, scenes, self.own_part(choice.classes), self.own_part(choice.cell), grid

    def own_part(self, numbers: Tensor) -> Tensor:
        """This process's part of a batch's numbers, on the device."""
        return numbers[self.part].to(self.train.images.device, non_blocking=True)

    def compose(self, cells: Tensor, grid: Grid, side: int) -> Tensor:
        """Scenes [B, 3, H, W] of pictures [B, n, 3, S, S]."""
        small = resize(cells.flatten(0, 1), cell_side(side, grid, self.unit)).unflatten(0, cells.shape[:2])
        return compose(small, grid).contiguous(memory_format=torch.channels_last)

    def augment(self, index: Tensor, generator: torch.Generator) -> Tensor:
        """Training pictures by number, augmented and normalised: [B, 3, S, S]."""
        r = self.recipe
        images = self.train.images
        x = normalise(images[index.to(images.device, non_blocking=True)], self.data.mean, self.data.std)
        x = random_part(x, r.area, generator)
        x = random_crop(x, self.pixels(r.crop), generator)
        x = random_flip(x, generator) if r.flip else x
        return cutout(x, self.pixels(r.cutout), generator)
