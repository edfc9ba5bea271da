"""VGG with trained attention: the paper's network (Jetley et al., ICLR 2018, section 4 and the author's code).

    net = AttentionVGG(num_classes=10, compatibility="dp")
    logits, attention = net(images)        # [B, 10], {"conv7": [B, 32, 32], "conv10": [B, 16, 16], "conv13": [B, 8, 8]}

Shapes in comments are those of a 32 x 32 input at width 1.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from model.network import Stage
from model.networks.attending import AttendingNetwork, LevelTrunk, QuestionBranch
from model.networks.layers import ConvBNReLU, check_images, check_input_size, scale_channels

LEVELS = ("conv7", "conv10", "conv13")
CHANNELS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512, 512, 512)  # conv1 to conv15
DROPOUT = {1: 0.3, 3: 0.4, 5: 0.4, 6: 0.4, 8: 0.4, 9: 0.4, 11: 0.4, 12: 0.4, 14: 0.4, 15: 0.4}
SMALLEST_INPUT = 8  # two poolings by 2 must leave conv13 a grid of at least 2 x 2; the 80 x 80 form needs 20


def conv_layer(number: int, width: float, dropout: float) -> ConvBNReLU:
    """The layer conv<number>, 1 to 15, with the paper's channels times ``width`` and dropout rate times ``dropout``."""
    c_in = 3 if number == 1 else scale_channels(CHANNELS[number - 2], width)
    return ConvBNReLU(c_in, scale_channels(CHANNELS[number - 1], width), DROPOUT.get(number, 0.0) * dropout)


def smallest_of(input_size: int) -> int:
    """The smallest side, in pixels, that a network of the family made for ``input_size`` takes.

    Raises:
        ValueError: ``input_size`` itself is too small, or not a whole number.
    """
    check_input_size(input_size, SMALLEST_INPUT)
    return SMALLEST_INPUT * pool_after_conv7(input_size) // 2


def pool_after_conv7(input_size: int) -> int:
    """The side of the pool after conv7: 5 at 80 pixels (CUB in the paper), which makes later grids as at 32; else 2."""
    return 5 if input_size == 80 else 2


class Trunk(LevelTrunk):
    """conv1 to conv13, shared by every network of the family; returns the local features of the three levels.

    Args:
        width: multiplies every channel count.
        dropout: multiplies every dropout rate.
        input_size: 80 (CUB in the paper) makes the pool after conv7 5 x 5, so that later grids are as at 32.

    Raises:
        ValueError: ``input_size``, or the side of an image, is too small.
    """

    def __init__(self, width: float, dropout: float, input_size: int):
        super().__init__()
        self.smallest_input = smallest_of(input_size)
        for i in range(1, 14):
            self.add_module(f"conv{i}", conv_layer(i, width, dropout))
        self.pool7 = nn.MaxPool2d(pool_after_conv7(input_size), ceil_mode=True)
        self.pool10 = nn.MaxPool2d(2, ceil_mode=True)
        self.channels = {level: scale_channels(CHANNELS[int(level[4:]) - 1], width) for level in LEVELS}

    def layers(self, x: Tensor, first: int, last: int) -> Tensor:
        for i in range(first, last + 1):
            x = self.get_submodule(f"conv{i}")(x)
        return x

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        check_images(images, self.smallest_input)
        conv7 = self.layers(images, 1, 7)  # [B, 256, 32, 32]
        conv10 = self.layers(self.pool7(conv7), 8, 10)  # [B, 512, 16, 16]
        conv13 = self.layers(self.pool10(conv10), 11, 13)  # [B, 512, 8, 8]
        return {"conv7": conv7, "conv10": conv10, "conv13": conv13}


class GlobalBranch(QuestionBranch):
    """conv14, conv15 and FC-1: from conv13's features [B, 512, 8, 8] to the global feature g [B, 512], without ReLU.

    Args:
        width, dropout: as in ``Trunk``.
        first_pool: side of the pool that it begins with.
    """

    def __init__(self, width: float, dropout: float, first_pool: int = 2):
        super().__init__()
        self.pool13 = nn.MaxPool2d(first_pool, ceil_mode=True)
        self.conv14 = conv_layer(14, width, dropout)
        self.pool14 = nn.MaxPool2d(2, ceil_mode=True)
        self.conv15 = conv_layer(15, width, dropout)
        self.pool15 = nn.AdaptiveMaxPool2d(1)  # at 32 x 32 exactly the paper's 2 x 2 pool
        self.dropout = nn.Dropout(0.5 * dropout)
        channels = scale_channels(CHANNELS[-1], width)
        self.fc1 = nn.Linear(channels, channels)

    def forward(self, conv13: Tensor) -> Tensor:
        x = self.conv14(self.pool13(conv13))  # [B, 512, 4, 4]
        x = self.conv15(self.pool14(x))  # [B, 512, 2, 2]
        return self.fc1(self.dropout(self.pool15(x).flatten(1)))


class AttentionVGG(AttendingNetwork):
    """VGG-att{1,2,3}: the class is read from attended local features alone.

    Args:
        num_classes: K.
        levels: where to attend, any of ``LEVELS`` in depth order; att3 is all, the default; att1 is ("conv13",).
        compatibility: "dp", "pc", "additive" (ours) or "uniform" (control).
        head: "concat", one linear layer on the joined vectors; or "indep", one for each level, their logits summed.
            (The author sums log-probabilities for att2-indep: the same distribution, as the softmax cancels the rest.)
            BatchNorm on vectors, here and before conv7's projection, has eps 1e-3; the author's has 1e-5.
        width: multiplies every channel count; 1 is the paper's network.
        dropout: multiplies the paper's dropout rates (.3, .4, .5); 0 switches dropout off.
        input_size: side of the square input in pixels; 80 pools by 5 after conv7, as the author's att2 does on CUB
            (the author's att3 attends there to a conv7 brought to 32 x 32; here its map is 80 x 80).
        scale_scores: dp only, see ``attention.DotProduct``.
        global_branch: False leaves conv14, conv15 and FC-1 out: exact under pc and uniform, whose maps ignore g.
        class_questions: keep one g for each class, [K, C], as a buffer; see ``with_class_questions``.

    Raises:
        ValueError: an argument is out of range.
    """

    available = dict(zip(LEVELS, ("early layer", "middle layer", "late layer"), strict=True))
    summary = "Fifteen 3 × 3 convolutions, each with batch normalisation and ReLU."
    head_dropout = 0.5

    @property
    def stages(self) -> list[Stage]:
        side, pools, rows = self.input_size, (pool_after_conv7(self.input_size), 2, 2, 2, None), []
        for first, last, pool in zip((1, 8, 11, 14, 15), (7, 10, 13, 14, 15), pools, strict=True):
            if first > 13 and not self.global_branch:
                break
            layers = f"conv{first}" + (f" to conv{last}" if last > first else "")
            channels = ", ".join(
                str(scale_channels(CHANNELS[i - 1], self.arguments["width"])) for i in range(first, last + 1)
            )
            note = f"conv{last} gives local features; " if f"conv{last}" in self.levels else ""
            then = "pool" if pool else "pool; linear: the global feature g"
            rows.append(Stage(layers, channels, side, note + then))
            side = math.ceil(side / (pool or 2))
        return rows

    def make_trunk(self, width: float, dropout: float, input_size: int) -> Trunk:
        return Trunk(width, dropout, input_size)

    def make_global_branch(self, width: float, dropout: float) -> GlobalBranch:
        return GlobalBranch(width, dropout)
