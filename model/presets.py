"""From pictures to a network's input, the same for evaluation, experiments and the page."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from model.network import Network


def crop_square(image: Image.Image, size: int) -> Image.Image:
    """The centred square of an RGB picture, resized to ``size`` x ``size`` with antialiasing: what a network sees."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    if image.size == (size, size):
        return image
    return image.resize((size, size), Image.Resampling.BICUBIC, box=box)


def to_pixels(image: Image.Image) -> Tensor:
    """An RGB picture as uint8 [3, H, W]."""
    return torch.from_numpy(np.array(image, dtype=np.uint8)).permute(2, 0, 1)


def square_pixels(picture: Image.Image, side: int) -> Tensor:
    """The centred square of an RGB picture at ``side`` pixels, uint8 [3, side, side]."""
    return to_pixels(crop_square(picture, side))


def normalise(pixels: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Pixels 0 to 255, [B, 3, H, W], to float32 of that shape, channels_last: scaled to 0..1, minus mean, over std."""
    x = pixels.float().contiguous(memory_format=torch.channels_last)
    scale = (torch.tensor(v).mul(255).view(1, 3, 1, 1) for v in (mean, std))
    mean_, std_ = (v.to(x.device, non_blocking=True) for v in scale)  # a GPU goes on with its work meanwhile
    return x.sub(mean_).div_(std_)


def check_pictures(pictures: Tensor) -> None:
    """Raises ValueError unless ``pictures`` is [B, 3, H, W], uint8 (0 to 255) or floating from 0 to 1."""
    if pictures.ndim != 4 or pictures.shape[1] != 3:
        raise ValueError(f"pictures must be [batch, 3, height, width], not {list(pictures.shape)}")
    if pictures.dtype == torch.uint8:
        return
    if not pictures.is_floating_point() or not ((pictures >= 0) & (pictures <= 1)).all():
        raise ValueError("pictures must be uint8, or floating from 0 to 1")


def unit_pixels(pictures: Tensor) -> Tensor:
    """A float32 copy of pictures, from 0 to 1; raises ValueError as ``check_pictures`` does."""
    check_pictures(pictures)
    if pictures.dtype == torch.uint8:
        return pictures.float() / 255
    return pictures.detach().to(torch.float32, copy=True)


def network_input(net: Network, pictures: Tensor) -> Tensor:
    """Pictures as ``net`` takes them: float32, on its device, normalised by its own mean and std; gradients pass.

    Commands and tabs all use this, so that networks get the same numbers everywhere.

    Raises:
        ValueError: see ``check_pictures``.
    """
    check_pictures(pictures)
    pixels = pictures if pictures.dtype == torch.uint8 else pictures * 255
    return normalise(pixels.to(net.device), net.info.mean, net.info.std)
