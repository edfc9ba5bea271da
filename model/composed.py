"""Composed scenes: several pictures in a row or a square, and how much of a map lies on each of them.

The share of a class-specific map that lies on the picture of that class is the grid pointing game, GridPG (Böhle et
al., CVPR 2021; Rao et al., CVPR 2022).
"""

from __future__ import annotations

import torch
from torch import Tensor

Grid = tuple[int, int]  # rows and columns of a scene


def compose(pictures: Tensor, grid: Grid) -> Tensor:
    """Makes a scene of each row of pictures.

    Args:
        pictures: [B, n, 3, H, W], n = rows x columns, in reading order.
        grid: rows and columns.

    Returns:
        [B, 3, rows x H, columns x W].
    """
    rows, columns = grid
    b, _, c, h, w = pictures.shape
    cells = pictures.view(b, rows, columns, c, h, w)
    return cells.permute(0, 3, 1, 4, 2, 5).reshape(b, c, rows * h, columns * w)


def cell_shares(maps: Tensor, grid: Grid) -> Tensor:
    """The share of each map's sum that lies in each cell of the scene.

    Args:
        maps: [B, H, W], none negative; a map that is 0 everywhere counts as even.
        grid: rows and columns. A position on the border of two pictures counts for both, by area.

    Returns:
        [B, rows x columns], in reading order; each row sums to 1.

    Example:
        >>> import torch
        >>> map = torch.tensor([[[0.5, 0.0, 0.25, 0.25]]])  # one row of four positions
        >>> cell_shares(map, (1, 2))
        tensor([[0.5000, 0.5000]])
    """
    rows, columns = grid
    if maps.shape[1] % rows or maps.shape[2] % columns:
        maps = maps.repeat_interleave(rows, 1).repeat_interleave(columns, 2)
    b, h, w = maps.shape
    sums = maps.view(b, rows, h // rows, columns, w // columns).sum((2, 4)).flatten(1)
    total = sums.sum(1, keepdim=True)
    return torch.where(total > 0, sums / total.clamp(min=torch.finfo(sums.dtype).tiny), 1 / (rows * columns))
