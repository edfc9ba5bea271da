"""VGG with trained attention: the paper's network (Jetley et al., ICLR 2018, section 4 and the author's code).

    net = AttentionVGG(num_classes=10, compatibility="dp")
    logits, attention = net(images)        # [B, 10], {"conv7": [B, 32, 32], "conv10": [B, 16, 16], "conv13": [B, 8, 8]}

Shapes in comments are those of a 32 x 32 input at width 1.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from model.attention import COMPATIBILITIES, attend, compatibility_of, spatial_softmax
from model.checkpoints import Network

LEVELS = ("conv7", "conv10", "conv13")
CHANNELS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512, 512, 512)  # conv1 to conv15
DROPOUT = {1: 0.3, 3: 0.4, 5: 0.4, 6: 0.4, 8: 0.4, 9: 0.4, 11: 0.4, 12: 0.4, 14: 0.4, 15: 0.4}
SMALLEST_INPUT = 8  # two poolings by 2 must leave conv13 a grid of at least 2 x 2; the 80 x 80 form needs 20


class Explained(NamedTuple):
    """A prediction and its exact split by level: logits = bias + the sum of the terms, to rounding."""

    logits: Tensor  # [B, K]
    attention: dict[str, Tensor]  # level: [B, H, W], each map sums to 1
    terms: dict[str, Tensor]  # level: [B, K]
    bias: Tensor  # [K]


def scaled(channels: int, width: float) -> int:
    """A channel count of the paper at another width, at least 1."""
    return max(1, round(channels * width))


class ConvBNReLU(nn.Sequential):
    """3x3 convolution (stride 1, pad 1, bias), BatchNorm (eps 1e-3), ReLU, and dropout where the paper has it."""

    def __init__(self, c_in: int, c_out: int, dropout: float = 0.0):
        conv = nn.Conv2d(c_in, c_out, kernel_size=3, padding=1)
        # std sqrt(2 / (9 n_out)), the author's
        nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(conv.bias)
        super().__init__(conv, nn.BatchNorm2d(c_out, eps=1e-3), nn.ReLU(inplace=True), nn.Dropout(dropout))


def conv_layer(number: int, width: float, dropout: float) -> ConvBNReLU:
    """The layer conv<number>, 1 to 15, with the paper's channels times ``width`` and dropout rate times ``dropout``."""
    c_in = 3 if number == 1 else scaled(CHANNELS[number - 2], width)
    return ConvBNReLU(c_in, scaled(CHANNELS[number - 1], width), DROPOUT.get(number, 0.0) * dropout)


def check_images(images: Tensor, smallest: int) -> None:
    """Raises ValueError unless ``images`` is [B, 3, H, W] with sides of at least ``smallest`` pixels."""
    if images.ndim != 4 or images.shape[1] != 3 or min(images.shape[2:]) < smallest:
        raise ValueError(
            f"images must be [batch, 3, height, width] with sides of at least {smallest} pixels, "
            f"not {list(images.shape)}"
        )


def check_input_size(input_size: int, smallest: int) -> None:
    """Raises ValueError unless ``input_size`` is a whole number of at least ``smallest`` pixels."""
    if not isinstance(input_size, int) or input_size < smallest:
        raise ValueError(f"input_size must be a whole number of at least {smallest} pixels, not {input_size!r}")


class Trunk(nn.Module):
    """conv1 to conv13, shared by every network of the family; returns the local features of the three levels.

    Args:
        width: multiplies every channel count.
        dropout: multiplies every dropout rate.
        input_size: 80 (CUB in the paper) makes the pool after conv7 5 x 5, so that all after it is as at 32.

    Raises:
        ValueError: ``input_size``, or the side of an image given, is too small.
    """

    def __init__(self, width: float, dropout: float, input_size: int):
        super().__init__()
        check_input_size(input_size, SMALLEST_INPUT)
        for i in range(1, 14):
            self.add_module(f"conv{i}", conv_layer(i, width, dropout))
        pool = 5 if input_size == 80 else 2
        self.smallest_input = SMALLEST_INPUT * pool // 2
        self.pool7 = nn.MaxPool2d(pool, ceil_mode=True)
        self.pool10 = nn.MaxPool2d(2, ceil_mode=True)

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


class GlobalBranch(nn.Module):
    """conv14, conv15 and FC-1: from conv13's features [B, 512, 8, 8] to the global feature g [B, 512], without ReLU."""

    def __init__(self, width: float, dropout: float):
        super().__init__()
        self.pool13 = nn.MaxPool2d(2, ceil_mode=True)
        self.conv14 = conv_layer(14, width, dropout)
        self.pool14 = nn.MaxPool2d(2, ceil_mode=True)
        self.conv15 = conv_layer(15, width, dropout)
        self.pool15 = nn.AdaptiveMaxPool2d(
            1
        )  # at 32 x 32 exactly the paper's 2 x 2 pool; also serves other input sizes
        self.dropout = nn.Dropout(0.5 * dropout)
        channels = scaled(CHANNELS[-1], width)
        self.fc1 = nn.Linear(channels, channels)

    def forward(self, conv13: Tensor) -> Tensor:
        x = self.conv14(self.pool13(conv13))  # [B, 512, 4, 4]
        x = self.conv15(self.pool14(x))  # [B, 512, 2, 2]
        return self.fc1(self.dropout(self.pool15(x).flatten(1)))


class AttentionVGG(Network):
    """VGG-att{1,2,3}: the class is read from attended local features alone.

    Args:
        num_classes: K.
        levels: where to attend, any of ``LEVELS`` in depth order; att3 is all, att1 is ("conv13",).
        compatibility: "dp", "pc", "additive" (ours) or "uniform" (control).
        head: "concat", one linear layer on the joined vectors; or "indep", a linear layer a level, logits summed.
            (The author sums log-probabilities for att2-indep: the same distribution, as the softmax cancels the rest.)
        width: multiplies every channel count; 1 is the paper's network.
        dropout: multiplies the paper's dropout rates (.3, .4, .5); 0 switches dropout off.
        input_size: side of the square input in pixels; 80 pools by 5 after conv7, as the paper does on CUB.
        scale_scores: dp only, see ``attention.DotProduct``.
        global_branch: False leaves conv14, conv15 and FC-1 out: exact under pc and uniform, whose maps ignore g.

    Raises:
        ValueError: an argument outside of what is said above.
    """

    def __init__(
        self,
        num_classes: int = 10,
        levels: tuple[str, ...] = LEVELS,
        compatibility: str = "dp",
        head: str = "concat",
        width: float = 1.0,
        dropout: float = 1.0,
        input_size: int = 32,
        scale_scores: bool = True,
        global_branch: bool = True,
    ):
        levels = tuple(levels)
        if not levels or levels != tuple(level for level in LEVELS if level in levels):
            raise ValueError(
                f"levels must be some of {', '.join(LEVELS)}, in that order, not {', '.join(levels) or 'none'}"
            )
        if compatibility not in COMPATIBILITIES:
            raise ValueError(f"compatibility must be one of {', '.join(COMPATIBILITIES)}, not {compatibility!r}")
        if head not in ("concat", "indep"):
            raise ValueError(f"head must be 'concat' or 'indep', not {head!r}")
        if not global_branch and compatibility in ("dp", "additive"):
            raise ValueError(f"{compatibility} needs the global branch; only pc and uniform can do without it")
        super().__init__(
            num_classes=num_classes,
            levels=levels,
            compatibility=compatibility,
            head=head,
            width=width,
            dropout=dropout,
            input_size=input_size,
            scale_scores=scale_scores,
            global_branch=global_branch,
        )
        self.levels, self.compatibility, self.input_size = levels, compatibility, input_size
        self.uses_global = compatibility in ("dp", "additive")
        channels = {level: scaled(CHANNELS[int(level[4:]) - 1], width) for level in levels}
        self.trunk = Trunk(width, dropout, input_size)
        self.score = nn.ModuleDict({k: compatibility_of(compatibility, c, scale_scores) for k, c in channels.items()})
        self.norm = nn.ModuleDict(
            {
                k: nn.Sequential(nn.BatchNorm1d(c, eps=1e-3), nn.ReLU(inplace=True), nn.Dropout(0.5 * dropout))
                for k, c in channels.items()
            }
        )
        if head == "concat":
            self.classifier = nn.Linear(sum(channels.values()), num_classes)
        else:
            self.classifier = nn.ModuleDict({k: nn.Linear(c, num_classes) for k, c in channels.items()})
        self.project = nn.ModuleDict()  # g to a level of other width
        self.global_branch = GlobalBranch(width, dropout) if global_branch else None
        if global_branch:
            g_channels = self.global_branch.fc1.out_features
            for k, c in channels.items():
                if c != g_channels:
                    self.project[k] = nn.Sequential(
                        nn.BatchNorm1d(g_channels, eps=1e-3),
                        nn.ReLU(),
                        nn.Dropout(0.5 * dropout),
                        nn.Linear(g_channels, c),
                    )

    def features(self, images: Tensor) -> tuple[dict[str, Tensor], Tensor | None]:
        """Local features of each level and the global feature g [B, 512]; g is None where nothing depends on it.

        Raises:
            ValueError: ``images`` is not [B, 3, H, W] with sides of at least ``trunk.smallest_input`` pixels.
        """
        local_features = self.trunk(images)
        g = self.global_branch(local_features["conv13"]) if self.uses_global else None
        return {level: local_features[level] for level in self.levels}, g

    def attention_maps(self, local_features: dict[str, Tensor], global_feature: Tensor | None) -> dict[str, Tensor]:
        """The map of each level, {level: [B, H, W]}, for any global feature: another image's, say (a query).

        Under pc and uniform the map is the same for every global feature, None included.
        """
        if not self.uses_global:
            global_feature = None  # the softmax would cancel <u, g>, and a large one would round the rest away
        maps = {}
        for level, l in local_features.items():
            g = global_feature
            if g is not None and level in self.project:
                g = self.project[level](g)
            maps[level] = spatial_softmax(self.score[level](l, g))
        return maps

    def level_terms(self, local_features: dict[str, Tensor], attention: dict[str, Tensor]) -> dict[str, Tensor]:
        """What each level adds to each logit, {level: [B, K]}, without the bias."""
        h = {k: self.norm[k](attend(l, attention[k])) for k, l in local_features.items()}
        if isinstance(self.classifier, nn.ModuleDict):
            return {k: nn.functional.linear(h[k], self.classifier[k].weight) for k in h}
        parts = self.classifier.weight.split([h[k].shape[1] for k in h], dim=1)
        return {k: nn.functional.linear(h[k], w) for k, w in zip(h, parts, strict=True)}

    @property
    def bias(self) -> Tensor:
        """The part of the logits [K] that no level accounts for."""
        if isinstance(self.classifier, nn.ModuleDict):
            return sum(layer.bias for layer in self.classifier.values())
        return self.classifier.bias

    def explain_logits(self, images: Tensor, query: Tensor | None = None) -> Explained:
        """Classifies ``images`` [B, 3, H, W] and splits every logit by level, exactly.

        Args:
            images: normalised pictures.
            query: global features [B, 512] to attend with in place of the images' own (dp and additive).
        """
        local_features, g = self.features(images)
        attention = self.attention_maps(local_features, g if query is None else query)
        terms = self.level_terms(local_features, attention)
        return Explained(self.bias + sum(terms.values()), attention, terms, self.bias)

    def forward(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        explained = self.explain_logits(images)
        return explained.logits, explained.attention
