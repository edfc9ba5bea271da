"""Augmentation of a whole batch at once, on the device where the data lie."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def random_flip(images: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Mirrors each picture of [B, 3, H, W] left to right with probability one half."""
    flip = torch.rand(len(images), generator=generator).to(images.device, non_blocking=True) < 0.5
    return torch.where(flip.view(-1, 1, 1, 1), images.flip(3), images)


def random_crop(images: Tensor, pad: int, generator: torch.Generator | None = None) -> Tensor:
    """Moves each picture of float [B, 3, H, W] by up to ``pad`` pixels each way; a reflection fills the border.

    Raises:
        ValueError: the pictures are not larger than ``pad``, so there is not enough to reflect.
    """
    if pad == 0:
        return images
    b, _, h, w = images.shape
    if pad >= min(h, w):
        raise ValueError(f"pictures of {h} x {w} pixels cannot be moved by {pad}")
    top, left = torch.randint(0, 2 * pad + 1, (2, b, 1), generator=generator).to(images.device, non_blocking=True)
    padded = F.pad(images, (pad,) * 4, mode="reflect").permute(0, 2, 3, 1)
    rows = top + torch.arange(h, device=images.device)  # [B, H]
    columns = left + torch.arange(w, device=images.device)  # [B, W]
    picture = torch.arange(b, device=images.device).view(-1, 1, 1)
    return padded[picture, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def random_part(images: Tensor, least: float, generator: torch.Generator | None = None) -> Tensor:
    """A random square part of each square picture of float [B, 3, S, S], enlarged to the whole (Szegedy et al. 2015).

    Its area is at least ``least`` of the picture's, and every area and place is equally likely.
    """
    if least == 1:
        return images
    area, x, y = torch.rand(3, len(images), generator=generator)
    side = (least + (1 - least) * area).sqrt()
    free = 1 - side  # the part's centre lies from -free to free, in half pictures
    zero = torch.zeros_like(side)
    rows = [torch.stack([side, zero, free * (2 * x - 1)], 1), torch.stack([zero, side, free * (2 * y - 1)], 1)]
    where = F.affine_grid(torch.stack(rows, 1).to(images.device, non_blocking=True), list(images.shape), False)
    return F.grid_sample(images, where, padding_mode="reflection", align_corners=False)


def cutout(images: Tensor, size: int, generator: torch.Generator | None = None) -> Tensor:
    """Sets one square of ``size`` pixels of each normalised picture to 0, the mean colour (DeVries, Taylor 2017)."""
    if size == 0:
        return images
    b, _, h, w = images.shape
    y = torch.randint(0, h, (b, 1, 1), generator=generator).to(images.device, non_blocking=True)
    x = torch.randint(0, w, (b, 1, 1), generator=generator).to(images.device, non_blocking=True)
    row = torch.arange(h, device=images.device).view(1, h, 1) - y + size // 2
    column = torch.arange(w, device=images.device).view(1, 1, w) - x + size // 2
    inside = (row >= 0) & (row < size) & (column >= 0) & (column < size)
    return images.masked_fill(inside[:, None], 0.0)


def resize(images: Tensor, size: int) -> Tensor:
    """float [B, 3, H, W] to ``size`` x ``size``, antialiased; unchanged if it has that size."""
    if images.shape[-1] == size:
        return images
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True, align_corners=False)
