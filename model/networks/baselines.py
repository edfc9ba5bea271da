"""The networks that attention is compared with: the paper's baselines, and a control on the same trunk.

    VGG         the paper's baseline: five pools, two linear layers; no map
    VGGGlobal   ours: the attention networks' trunk and global branch, g itself classified; no map
    VGGGAP      the trunk, averaged over positions; its map is CAM (Zhou et al. 2016)
    VGGPAN      progressive attention (Seo et al. 2016): a sigmoid gate at conv10, then a softmax at conv13

Shapes in comments are those of a 32 x 32 input at width 1.
"""

from __future__ import annotations

from torch import Tensor, nn

from model.map_kinds import CAM, PROGRESSIVE
from model.network import Network
from model.networks.attention import Parametrised, attend, inner, sigmoid_gate, spatial_softmax
from model.networks.layers import check_images, norm_relu_dropout, scale_channels
from model.networks.vgg import CHANNELS, GlobalBranch, Trunk, conv_layer, pool_after_conv7, smallest_of


class VGG(Network):
    """The paper's VGG: pools after conv2, 4, 7, 10 and 13, then Dropout, Linear, BN, ReLU, Dropout, Linear.

    Args:
        num_classes: K.
        width: multiplies every channel count; 1 is the paper's network.
        dropout: multiplies the paper's dropout rates; 0 switches dropout off.
        input_size: side of the square input in pixels; 80 pools by 5 after conv7, as the attention networks do (the
            author's VGG pools by 2 there, after conv12 too, and by 3 after conv13).

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, num_classes: int = 10, width: float = 1.0, dropout: float = 1.0, input_size: int = 32):
        super().__init__(num_classes=num_classes, width=width, dropout=dropout, input_size=input_size)
        self.smallest_input = smallest_of(input_size)
        pools = {2: 2, 4: 2, 7: pool_after_conv7(input_size), 10: 2}  # the layer before: the side of the pool
        layers = []
        for i in range(1, 14):
            layers.append((f"conv{i}", conv_layer(i, width, dropout)))
            if i in pools:
                layers.append((f"pool{i}", nn.MaxPool2d(pools[i], ceil_mode=True)))
        layers.append(("pool13", nn.AdaptiveMaxPool2d(1)))  # at 32 x 32 exactly the paper's 2 x 2 pool
        self.trunk = nn.Sequential()
        for name, layer in layers:
            self.trunk.add_module(name, layer)
        channels = scale_channels(CHANNELS[12], width)
        self.dropout = nn.Dropout(0.5 * dropout)
        self.fc1 = nn.Linear(channels, channels)
        self.norm = norm_relu_dropout(channels, 0.5 * dropout)
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Logits [B, K] of ``images`` [B, 3, H, W], and no maps."""
        return self.classifier(self.embed(images)), {}

    def embed(self, images: Tensor) -> Tensor:
        check_images(images, self.smallest_input)
        x = self.trunk(images).flatten(1)  # [B, 512]
        return self.norm(self.fc1(self.dropout(x)))


class VGGGlobal(Network):
    """vgg-global (ours, a control): the attention networks' g, through BN-ReLU-Dropout, classified by itself.

    Arguments and errors as ``VGG``.
    """

    def __init__(self, num_classes: int = 10, width: float = 1.0, dropout: float = 1.0, input_size: int = 32):
        super().__init__(num_classes=num_classes, width=width, dropout=dropout, input_size=input_size)
        self.trunk = Trunk(width, dropout, input_size)
        self.global_branch = GlobalBranch(width, dropout)
        channels = self.global_branch.fc1.out_features
        self.norm = norm_relu_dropout(channels, 0.5 * dropout)
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Logits [B, K] of ``images`` [B, 3, H, W], and no maps."""
        return self.classifier(self.embed(images)), {}

    def embed(self, images: Tensor) -> Tensor:
        return self.norm(self.global_branch(self.trunk(images)["conv13"]))


class VGGGAP(Network):
    """VGG-GAP: conv13's features averaged over all positions, then one linear layer.

    Arguments and errors as ``VGG``.
    """

    map_kind = CAM

    def __init__(self, num_classes: int = 10, width: float = 1.0, dropout: float = 1.0, input_size: int = 32):
        super().__init__(num_classes=num_classes, width=width, dropout=dropout, input_size=input_size)
        self.trunk = Trunk(width, dropout, input_size)
        self.classifier = nn.Linear(scale_channels(CHANNELS[12], width), num_classes)

    def features_and_logits(self, images: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        conv13 = self.trunk(images)["conv13"]  # [B, 512, 8, 8]
        return {"conv13": conv13}, self.classifier(conv13.mean((2, 3)))

    def cam(self, conv13: Tensor, classes: Tensor) -> Tensor:
        """Class activation maps: the weights of each image's class times the features at each position.

        Args:
            conv13: the features, [B, 512, 8, 8].
            classes: [B], the class of each image.

        Returns:
            [B, 8, 8]. The mean over positions is the class's logit minus its bias. Values may be negative.
        """
        return inner(conv13, self.classifier.weight[classes])

    def embed(self, images: Tensor) -> Tensor:
        return self.trunk(images)["conv13"].mean((2, 3))

    def forward(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Logits [B, K] of ``images`` [B, 3, H, W], and {"conv13": CAM of the winning class}."""
        features, logits = self.features_and_logits(images)
        return logits, {"conv13": self.cam(features["conv13"], logits.argmax(1))}


class VGGPAN(Network):
    """VGG-PAN: conv10's features are gated by a sigmoid and passed on; conv13's are summed under a softmax.

    Each level has its own global branch and its own pc score with a bias. conv10's branch pools by 4 first, so that it
    ends at one position as conv13's does. These parts are the author's, whose code uses the gate for CUB alone. In our
    reading, the pool after conv10 follows the gate. A sigmoid, unlike a softmax, does not cancel <u, g>, so conv10's
    branch opens and shuts the whole gate. conv13's <u, g> cancels, so its branch is never run and gets no gradient. It
    is kept for the parameter count.

    Arguments and errors as ``VGG``.
    """

    map_kind = PROGRESSIVE

    def __init__(self, num_classes: int = 10, width: float = 1.0, dropout: float = 1.0, input_size: int = 32):
        super().__init__(num_classes=num_classes, width=width, dropout=dropout, input_size=input_size)
        self.trunk = Trunk(width, dropout, input_size)
        channels = scale_channels(CHANNELS[12], width)
        self.score = nn.ModuleDict({level: Parametrised(channels) for level in ("conv10", "conv13")})
        first_pools = {"conv10": 4, "conv13": 2}
        self.global_branch = nn.ModuleDict({k: GlobalBranch(width, dropout, pool) for k, pool in first_pools.items()})
        self.norm = norm_relu_dropout(channels, 0.5 * dropout)
        self.classifier = nn.Linear(channels, num_classes)

    def vector_and_maps(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """What the classifier reads, [B, 512], and both maps."""
        check_images(images, self.trunk.smallest_input)
        conv7 = self.trunk.layers(images, 1, 7)  # [B, 256, 32, 32]
        conv10 = self.trunk.layers(self.trunk.pool7(conv7), 8, 10)  # [B, 512, 16, 16]
        gate = sigmoid_gate(self.score["conv10"](conv10, self.global_branch["conv10"](conv10)))
        features = conv10 * gate.to(conv10.dtype)[:, None]
        conv13 = self.trunk.layers(self.trunk.pool10(features), 11, 13)  # [B, 512, 8, 8]
        attention = spatial_softmax(self.score["conv13"](conv13, None))  # the softmax would cancel <u, g>
        return self.norm(attend(conv13, attention)), {"conv10": gate, "conv13": attention}

    def embed(self, images: Tensor) -> Tensor:
        return self.vector_and_maps(images)[0]

    def forward(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Logits [B, K] of ``images`` [B, 3, H, W], and {"conv10": the gate, "conv13": the softmax map}."""
        vector, maps = self.vector_and_maps(images)
        return self.classifier(vector), maps
