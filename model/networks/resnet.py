"""ResNet-164 (pre-activation bottlenecks, He et al. 2016) and ResNet-164-att2, which attends to its last two stages.

    net = ResNet164Attention(num_classes=10, compatibility="pc")
    logits, attention = net(images)        # [B, 10], {"stage2": [B, 16, 16], "stage3": [B, 8, 8]}

Shapes in comments are those of a 32 x 32 input at width 1.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from model.network import Network, Stage
from model.networks.attending import AttendingNetwork, LevelTrunk, QuestionBranch
from model.networks.layers import ConvBNReLU, check_images, check_input_size, draw_weights, scale_channels

LEVELS = ("stage2", "stage3")
SMALLEST_INPUT = 8  # two strides of 2 must leave stage 3 a grid of at least 2 x 2
BLOCKS = 18  # a stage; 3 stages x 18 blocks x 3 convolutions, the first convolution and the classifier: 164 layers


def norm_relu(channels: int) -> nn.Sequential:
    """BatchNorm and ReLU, on maps."""
    return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True))


def convolution(c_in: int, c_out: int, side: int, stride: int = 1) -> nn.Conv2d:
    """A convolution without bias, He-initialised."""
    conv = nn.Conv2d(c_in, c_out, side, stride, padding=side // 2, bias=False)
    draw_weights(conv.weight, math.sqrt(2 / (side * side * c_out)))
    return conv


class Bottleneck(nn.Module):
    """BN-ReLU-1x1, BN-ReLU-3x3, BN-ReLU-1x1, added to the input: [B, c_in, H, W] to [B, 4 * channels, H', W'].

    Where the shape changes, the input passes the first BN-ReLU and a 1x1 convolution before it is added.
    """

    def __init__(self, c_in: int, channels: int, stride: int):
        super().__init__()
        c_out = 4 * channels
        self.norm = norm_relu(c_in)
        self.residual = nn.Sequential(
            convolution(c_in, channels, 1, stride),  # the author's place for the stride
            norm_relu(channels),
            convolution(channels, channels, 3),
            norm_relu(channels),
            convolution(channels, c_out, 1),
        )
        self.shortcut = convolution(c_in, c_out, 1, stride) if stride != 1 or c_in != c_out else None

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        return self.residual(h) + (x if self.shortcut is None else self.shortcut(h))


def stage(c_in: int, channels: int, stride: int) -> nn.Sequential:
    """18 blocks: [B, c_in, H, W] to [B, 4 * channels, H / stride, W / stride]."""
    others = (Bottleneck(4 * channels, channels, 1) for _ in range(BLOCKS - 1))
    return nn.Sequential(Bottleneck(c_in, channels, stride), *others)


class ResNetTrunk(LevelTrunk):
    """The first convolution and three stages of 18 blocks; returns the outputs of stages 2 and 3.

    Raises:
        ValueError: ``input_size``, or the side of an image, is too small.
    """

    def __init__(self, width: float, input_size: int):
        super().__init__()
        check_input_size(input_size, SMALLEST_INPUT)
        self.smallest_input = SMALLEST_INPUT
        c = scale_channels(16, width)
        self.conv1 = convolution(3, c, 3)
        self.stage1 = stage(c, c, 1)
        self.stage2 = stage(4 * c, 2 * c, 2)
        self.stage3 = stage(8 * c, 4 * c, 2)
        self.channels = {"stage2": 8 * c, "stage3": 16 * c}

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        check_images(images, SMALLEST_INPUT)
        stage1 = self.stage1(self.conv1(images))  # [B, 64, 32, 32]
        stage2 = self.stage2(stage1)  # [B, 128, 16, 16]
        return {"stage2": stage2, "stage3": self.stage3(stage2)}  # stage 3: [B, 256, 8, 8]


class ResNet164(Network):
    """ResNet-164: BN, ReLU, the average over all positions, one linear layer.

    Args:
        num_classes: K.
        width: multiplies every channel count.
        dropout: ignored, as ResNet-164 has none; all networks take it.
        input_size: side of the square input in pixels.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, num_classes: int = 10, width: float = 1.0, dropout: float = 1.0, input_size: int = 32):
        super().__init__(num_classes=num_classes, width=width, dropout=dropout, input_size=input_size)
        self.trunk = ResNetTrunk(width, input_size)
        channels = self.trunk.channels["stage3"]
        self.norm = norm_relu(channels)
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Logits [B, K] of ``images`` [B, 3, H, W], and no maps."""
        return self.classifier(self.embed(images)), {}

    def embed(self, images: Tensor) -> Tensor:
        return self.norm(self.trunk(images)["stage3"]).mean((2, 3))


class ResNetGlobalBranch(QuestionBranch):
    """From stage 3's output [B, 256, 8, 8] to the global feature g [B, 256], without ReLU."""

    def __init__(self, channels: int, dropout: float):
        super().__init__()
        self.norm = norm_relu(channels)
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.conv = ConvBNReLU(channels, channels, 0.4 * dropout)
        self.last_pool = nn.AdaptiveMaxPool2d(1)  # at 32 x 32 exactly the author's 4 x 4 pool
        self.dropout = nn.Dropout(0.5 * dropout)
        self.fc1 = nn.Linear(channels, channels)

    def forward(self, stage3: Tensor) -> Tensor:
        x = self.conv(self.pool(self.norm(stage3)))  # [B, 256, 4, 4]
        return self.fc1(self.dropout(self.last_pool(x).flatten(1)))


class ResNet164Attention(AttendingNetwork):
    """ResNet-164-att2: the class is read from attended outputs of stages 2 and 3.

    Args:
        num_classes: K.
        levels: where to attend, any of ``LEVELS`` in depth order; att2 is both, the default.
        compatibility, head, scale_scores, global_branch: as in ``AttentionVGG``.
        width: multiplies every channel count.
        dropout: multiplies the author's dropout rates (.3 in the head, .4, .5); 0 switches dropout off.
        input_size: side of the square input in pixels.

    Raises:
        ValueError: an argument is out of range.
    """

    available = dict(zip(LEVELS, ("middle layer", "late layer"), strict=True))
    summary = "A convolution and three stages of 18 pre-activation bottlenecks: 164 layers."
    head_dropout = 0.3

    @property
    def stages(self) -> list[Stage]:
        width, side = self.arguments["width"], self.input_size
        rows = [Stage("the first convolution", str(scale_channels(16, width)), side, "")]
        for number, grid in ((1, side), (2, math.ceil(side / 2)), (3, math.ceil(side / 4))):
            note = "gives local features" if f"stage{number}" in self.levels else ""
            rows.append(Stage(f"stage {number}", str(4 * scale_channels(16, width) * 2 ** (number - 1)), grid, note))
        if self.global_branch:
            last = str(self.trunk.channels["stage3"])
            rows.append(Stage("a 3 × 3 convolution", last, math.ceil(side / 8), "pool; linear: the global feature g"))
        return rows

    def make_trunk(self, width: float, dropout: float, input_size: int) -> ResNetTrunk:
        return ResNetTrunk(width, input_size)

    def make_global_branch(self, width: float, dropout: float) -> ResNetGlobalBranch:
        return ResNetGlobalBranch(self.trunk.channels["stage3"], dropout)
