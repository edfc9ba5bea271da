"""What every network with trained attention shares: maps, attended vectors, heads, and the exact split of the logits.

    local_features, g = net.features(images)              # of the trunk and the global branch
    attention = net.attention_maps(local_features, g)     # {level: [B, H, W]}
    terms = net.level_terms(local_features, attention)    # {level: [B, K]}

The logits are the sum of the terms and the bias.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import ClassVar, NamedTuple, TypeGuard

import torch
from torch import Tensor, nn

from model.map_kinds import ATTENTION
from model.network import Network
from model.networks.attention import COMPATIBILITIES, Equation, attend, compatibility_of, spatial_softmax
from model.networks.layers import norm_relu_dropout


class LevelSplit(NamedTuple):
    """An answer and its exact split by level: logits = bias + the sum of the terms, to rounding."""

    logits: Tensor  # [B, K]
    attention: dict[str, Tensor]  # level: [B, H, W], each map sums to 1
    terms: dict[str, Tensor]  # level: [B, K]
    bias: Tensor  # [K]


class LevelTrunk(nn.Module):
    """From images to the local features of every available level, {level: [B, C, H, W]}.

    Attributes:
        channels: {level: C}.
        smallest_input: the smallest side of an image that it takes, in pixels.
    """

    channels: dict[str, int]
    smallest_input: int


class QuestionBranch(nn.Module):
    """From the last available level's features to g, [B, C]; its last layer is ``fc1``."""

    fc1: nn.Linear


class AttendingNetwork(Network):
    """The base of AttentionVGG and ResNet164Attention. The class is read from attended local features alone.

    A subclass names the available levels and makes the trunk and the global branch. For the arguments see
    ``AttentionVGG``.
    """

    map_kind = ATTENTION
    available: ClassVar[Mapping[str, str]]  # level: its title, in depth order; the global branch starts from the last
    head_dropout: ClassVar[float]
    global_branch: QuestionBranch | None
    class_questions: Tensor | None

    def __init__(
        self,
        num_classes: int = 10,
        levels: tuple[str, ...] | None = None,
        compatibility: str = "dp",
        head: str = "concat",
        width: float = 1.0,
        dropout: float = 1.0,
        input_size: int = 32,
        scale_scores: bool | str = True,
        global_branch: bool = True,
        class_questions: bool = False,
    ):
        levels = tuple(self.available) if levels is None else tuple(levels)
        if not levels or levels != tuple(level for level in self.available if level in levels):
            raise ValueError(
                f"levels must be some of {', '.join(self.available)}, in that order, not {', '.join(levels) or 'none'}"
            )
        if compatibility not in COMPATIBILITIES:
            raise ValueError(f"compatibility must be one of {', '.join(COMPATIBILITIES)}, not {compatibility!r}")
        if head not in ("concat", "indep"):
            raise ValueError(f"head must be 'concat' or 'indep', not {head!r}")
        if scale_scores not in (True, False) and (scale_scores, compatibility) != ("learnt", "dp"):
            raise ValueError(f"scale_scores must be True, False or, under dp, 'learnt', not {scale_scores!r}")
        uses_global = COMPATIBILITIES[compatibility].uses_global
        if not global_branch and uses_global:
            raise ValueError(f"{compatibility} needs the global branch; only pc and uniform can do without it")
        if class_questions and not uses_global:
            raise ValueError(f"{compatibility} has no class questions: under it no map depends on g")
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
            class_questions=class_questions,
        )
        self.levels, self.compatibility = levels, compatibility
        self.uses_global = uses_global
        self.trunk = self.make_trunk(width, dropout, input_size)
        channels = {level: self.trunk.channels[level] for level in levels}
        self.add_heads(channels, self.head_dropout * dropout)
        branch = self.make_global_branch(width, dropout) if global_branch else None
        self.add_global_branch(branch, channels, 0.5 * dropout)
        self.register_buffer("class_questions", torch.zeros(num_classes, self.g_channels) if class_questions else None)

    def make_trunk(self, width: float, dropout: float, input_size: int) -> LevelTrunk:
        """Makes the trunk."""
        raise NotImplementedError

    def make_global_branch(self, width: float, dropout: float) -> QuestionBranch:
        """Makes the global branch."""
        raise NotImplementedError

    def add_heads(self, channels: dict[str, int], dropout: float) -> None:
        """Adds, for each level's channel count, its compatibility, its BN-ReLU-Dropout and the classifier."""
        num_classes, scale_scores = self.arguments["num_classes"], self.arguments["scale_scores"]
        self.score = nn.ModuleDict(
            {k: compatibility_of(self.compatibility, c, scale_scores) for k, c in channels.items()}
        )
        self.norm = nn.ModuleDict({k: norm_relu_dropout(c, dropout) for k, c in channels.items()})
        if self.arguments["head"] == "concat":
            self.classifier = nn.Linear(sum(channels.values()), num_classes)
        else:
            self.classifier = nn.ModuleDict({k: nn.Linear(c, num_classes) for k, c in channels.items()})

    def add_global_branch(self, branch: QuestionBranch | None, channels: dict[str, int], dropout: float) -> None:
        """Adds the global branch, and a BN-ReLU-Dropout-Linear from g to each level of another width."""
        self.project = nn.ModuleDict()
        self.global_branch = branch
        if branch is None:
            return
        for k, c in channels.items():
            if c != self.g_channels:
                self.project[k] = norm_relu_dropout(self.g_channels, dropout).append(nn.Linear(self.g_channels, c))

    @property
    def g_channels(self) -> int:
        """C of the global feature g; 0 without a global branch."""
        return self.global_branch.fc1.out_features if self.global_branch else 0

    @property
    def equation(self) -> Equation:
        return COMPATIBILITIES[self.compatibility].equation(self.arguments)

    @property
    def is_control(self) -> bool:
        return COMPATIBILITIES[self.compatibility].control

    def features_and_logits(self, images: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        local_features, g = self.features(images)
        return local_features, self.explain_features(local_features, g).logits

    def without_global_branch(self) -> AttendingNetwork:
        """A copy without the global branch, whose outputs are exactly equal.

        Raises:
            ValueError: the compatibility needs the branch (dp, additive).
        """
        if self.uses_global:
            raise ValueError(f"{self.compatibility} needs the global branch; only pc and uniform can do without it")
        net = copy.deepcopy(self)
        net.arguments = {**net.arguments, "global_branch": False}
        net.global_branch, net.project = None, nn.ModuleDict()
        return net

    def with_class_questions(self, questions: Tensor) -> AttendingNetwork:
        """A copy that keeps one question for each class, the mean g of its training pictures: [K, C of g].

        Raises:
            ValueError: no map depends on g under this compatibility, or the shape does not fit.
        """
        shape = [self.arguments["num_classes"], self.g_channels] if self.uses_global else None
        if shape != list(questions.shape):
            raise ValueError(f"class questions of shape {list(questions.shape)} do not fit; this network takes {shape}")
        net = copy.deepcopy(self)
        net.arguments = {**net.arguments, "class_questions": True}
        net.class_questions = questions.detach().clone().to(self.device)
        return net

    def local_features(self, images: Tensor) -> dict[str, Tensor]:
        """The local features of each level, {level: [B, C, H, W]}. Images may have any shape, as scenes do."""
        local_features = self.trunk(images)
        return {level: local_features[level] for level in self.levels}

    def features(self, images: Tensor) -> tuple[dict[str, Tensor], Tensor | None]:
        """The local features of each level, {level: [B, C, H, W]}, and g [B, C], or None where no map depends on it.

        Raises:
            ValueError: ``images`` is not floating-point [B, 3, H, W], or too small for the trunk.
        """
        local_features = self.trunk(images)
        branch = self.global_branch if self.uses_global else None
        g = branch(local_features[[*self.available][-1]]) if branch else None
        return {level: local_features[level] for level in self.levels}, g

    def attention_maps(self, local_features: dict[str, Tensor], global_feature: Tensor | None) -> dict[str, Tensor]:
        """The map of each level, {level: [B, H, W]}, under any global feature: the image's own, or a question's.

        Under pc and uniform the map is the same for every global feature, None included.
        """
        if not self.uses_global:
            global_feature = None  # the softmax cancels <u, g>, but a large one would cost precision
        maps = {}
        for level, l in local_features.items():
            g = global_feature
            if g is not None and level in self.project:
                g = self.project[level](g)
            maps[level] = spatial_softmax(self.score[level](l, g))
        return maps

    def level_vectors(self, local_features: dict[str, Tensor], attention: dict[str, Tensor]) -> dict[str, Tensor]:
        """What the classifier reads of each level: the attended vector after BN, ReLU and dropout, {level: [B, C]}."""
        return {k: self.norm[k](attend(l, attention[k])) for k, l in local_features.items()}

    def level_terms(self, local_features: dict[str, Tensor], attention: dict[str, Tensor]) -> dict[str, Tensor]:
        """What each level adds to each logit, {level: [B, K]}, without the bias."""
        h = self.level_vectors(local_features, attention)
        if isinstance(self.classifier, nn.ModuleDict):
            return {k: nn.functional.linear(h[k], self.classifier.get_parameter(f"{k}.weight")) for k in h}
        parts = self.classifier.weight.split([h[k].shape[1] for k in h], dim=1)
        return {k: nn.functional.linear(h[k], w) for k, w in zip(h, parts, strict=True)}

    def embed(self, images: Tensor) -> Tensor:
        local_features, g = self.features(images)
        return torch.cat([*self.level_vectors(local_features, self.attention_maps(local_features, g)).values()], dim=1)

    @property
    def bias(self) -> Tensor:
        """The part of the logits [K] that no level accounts for."""
        if isinstance(self.classifier, nn.ModuleDict):
            return torch.stack([self.classifier.get_parameter(f"{k}.bias") for k in self.levels]).sum(0)
        return self.classifier.bias

    def explain_logits(self, images: Tensor, question: Tensor | None = None) -> LevelSplit:
        """Classifies ``images`` [B, 3, H, W] and splits every logit by level, exactly.

        Args:
            images: normalised pictures.
            question: global features [B, C] in place of the images' own (dp and additive).

        Raises:
            ValueError: ``images`` is not floating-point [B, 3, H, W], or too small; ``question`` is not of g's shape.
        """
        local_features, g = self.features(images)
        if question is not None and g is not None and question.shape != g.shape:
            raise ValueError(f"question must be {list(g.shape)}, as the images' own g, not {list(question.shape)}")
        return self.explain_features(local_features, g if question is None else question)

    def explain_features(self, local_features: dict[str, Tensor], global_feature: Tensor | None) -> LevelSplit:
        """As ``explain_logits``, from the features that ``features`` returns, and any global feature."""
        attention = self.attention_maps(local_features, global_feature)
        terms = self.level_terms(local_features, attention)
        return LevelSplit(self.bias + sum(terms.values()), attention, terms, self.bias)

    def forward(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Logits [B, K] of normalised ``images`` [B, 3, H, W], and the map of each level, {level: [B, H', W']}.

        Raises:
            ValueError: ``images`` is not floating-point [B, 3, H, W], or too small for the trunk.
        """
        explanation = self.explain_logits(images)
        return explanation.logits, explanation.attention


def attends(net: Network) -> TypeGuard[AttendingNetwork]:
    """Whether a network has trained attention: maps, terms and questions."""
    return isinstance(net, AttendingNetwork)
