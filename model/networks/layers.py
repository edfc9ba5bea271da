"""Layers that several networks are built from, and what their inputs must be."""

from __future__ import annotations

import math
from typing import TypeVar

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

N = TypeVar("N", bound=nn.Module)
VECTOR_EPS = 1e-3  # of BatchNorm on vectors; the author's is 1e-5, but every shipped checkpoint was trained with this
LARGEST_INPUT = 1024  # pixels; the page resizes uploads to this side, so a wrong config.json must not ask for more


def scale_channels(channels: int, width: float) -> int:
    """A channel count of the paper at another width, at least 1."""
    return max(1, round(channels * width))


def draw_weights(weight: Tensor, std: float) -> None:
    """Draws initial weights from a normal distribution; weights on the meta device, which holds no numbers, stay.

    There, ``normal_`` would import all of ``torch.compile``, which takes seconds.
    """
    if not weight.is_meta:
        nn.init.normal_(weight, std=std)


class ConvBNReLU(nn.Sequential):
    """3x3 convolution (stride 1, pad 1, bias), BatchNorm (eps 1e-3), ReLU, dropout."""

    def __init__(self, c_in: int, c_out: int, dropout: float = 0.0):
        conv = nn.Conv2d(c_in, c_out, kernel_size=3, padding=1)
        draw_weights(conv.weight, math.sqrt(2 / (9 * c_out)))  # the author's
        nn.init.zeros_(conv.get_parameter("bias"))
        super().__init__(conv, nn.BatchNorm2d(c_out, eps=1e-3), nn.ReLU(inplace=True), nn.Dropout(dropout))


def fold_norms(net: N) -> N:
    """Folds the BatchNorm after each convolution into its weights, in place, for a network that only answers.

    The answers are the same, to rounding, in less time.

    Raises:
        ValueError: the network is in training mode.
    """
    if net.training:
        raise ValueError("the network is in training mode; call net.eval() first")
    for layer in net.modules():
        if isinstance(layer, ConvBNReLU):
            conv, norm = layer[0], layer[1]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                layer[0], layer[1] = fuse_conv_bn_eval(conv, norm), nn.Identity()
    return net


def norm_relu_dropout(channels: int, rate: float) -> nn.Sequential:
    """BatchNorm, ReLU and Dropout, on vectors [B, C]."""
    return nn.Sequential(nn.BatchNorm1d(channels, eps=VECTOR_EPS), nn.ReLU(inplace=True), nn.Dropout(rate))


def check_images(images: Tensor, smallest: int) -> None:
    """Raises ValueError unless ``images`` is floating-point [B, 3, H, W], its sides of at least ``smallest`` pixels."""
    if not images.is_floating_point():
        raise ValueError(f"images must be normalised floating-point numbers, not {images.dtype}")
    if images.ndim != 4 or images.shape[1] != 3 or min(images.shape[2:]) < smallest:
        raise ValueError(
            f"images must be [batch, 3, height, width] with sides of at least {smallest} pixels, "
            f"not {list(images.shape)}"
        )


def check_input_size(input_size: int, smallest: int) -> None:
    """Raises ValueError unless ``input_size`` is a whole number of pixels from ``smallest`` to ``LARGEST_INPUT``."""
    if not isinstance(input_size, int) or not smallest <= input_size <= LARGEST_INPUT:
        raise ValueError(
            f"input_size must be a whole number of pixels from {smallest} to {LARGEST_INPUT}, not {input_size!r}"
        )
