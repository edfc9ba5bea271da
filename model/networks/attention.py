"""Trained attention (Jetley et al., ICLR 2018, section 3): scores, maps and the attended vector.

    l   local_features   [B, C, H, W]   one layer's output, before its pool
    g   global_feature   [B, C]         what the whole network has seen
    c   compatibility    [B, H, W]      one score for each position
    a   attention        [B, H, W]      softmax of c over all positions; sums to 1
    g_a attended         [B, C]         sum over positions of a * l

Scores and maps are float32 even under autocast.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.networks.layers import draw_weights

ROUNDING = 1e-5  # x uniform: how far float32 may be from an even map


def wide(x: Tensor) -> Tensor:
    """``x`` in float32, or float64 if it is float64: scores of half precision overflow and lose their order."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def no_autocast(x: Tensor) -> AbstractContextManager:
    """Switches autocast off on the device of ``x``."""
    kind = x.device.type
    return torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext()


def inner(local_features: Tensor, vector: Tensor) -> Tensor:
    """The inner product <l_i, v> at each position i, in float32: [B, C, H, W] and [B, C] to [B, H, W]."""
    b, _, h, w = local_features.shape
    with no_autocast(local_features):
        row = wide(vector)[:, None]  # [B, 1, C]: a row times a matrix is 10 times as fast as the reverse
        return (row @ wide(local_features).flatten(2)).view(b, h, w)


class DotProduct(nn.Module):
    """dp: c_i = <l_i, g>, the paper's equation for the dot product.

    Args:
        channels: C of the local features.
        scale_scores: True divides by sqrt(C), so that the first softmax does not collapse onto a few points. The linear
            layer before the score (FC-1, or conv7's projection) can absorb the constant, so the network can learn the
            same functions as the paper's. "learnt" starts there and learns a factor for each level. False is the
            paper's formula.
    """

    def __init__(self, channels: int, scale_scores: bool | str = True):
        super().__init__()
        self.scale = 1 / math.sqrt(channels) if scale_scores else 1.0
        self.log_scale = nn.Parameter(torch.tensor(math.log(self.scale))) if scale_scores == "learnt" else None

    def forward(self, local_features: Tensor, global_feature: Tensor) -> Tensor:
        scale = self.scale if self.log_scale is None else self.log_scale.exp()
        return inner(local_features, wide(global_feature) * scale)


class Parametrised(nn.Module):
    """pc: c_i = <u, l_i + g>, u learnt separately for each level.

    <u, g> is the same at every position, so the softmax cancels it: g cannot move the map. ``global_feature`` may
    therefore be None; the attention is then the same, to rounding.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.u = nn.Conv2d(channels, 1, kernel_size=1)
        # The author draws u with std sqrt(2), which puts all weight on a few points. 1/sqrt(C) starts near uniform.
        draw_weights(self.u.weight, 1 / math.sqrt(channels))
        nn.init.zeros_(self.u.get_parameter("bias"))

    def forward(self, local_features: Tensor, global_feature: Tensor | None) -> Tensor:
        with no_autocast(local_features):
            weight, bias = wide(self.u.weight), wide(self.u.get_parameter("bias"))
            c = nn.functional.conv2d(wide(local_features), weight, bias).squeeze(1)
            if global_feature is None:
                return c
            return c + (wide(global_feature) @ weight.view(-1)).view(-1, 1, 1)


class Additive(nn.Module):
    """additive (ours, after Bahdanau et al. 2015): c_i = <u, tanh(W l_i + V g + b)>; the tanh lets g move the map.

    W and V bring l and g, which lie in different spaces, into a common one. It has C / 4 channels: with C channels
    W and V would cost 4 % of the network's multiply-adds.
    """

    def __init__(self, channels: int):
        super().__init__()
        width = math.ceil(channels / 4)
        self.w = nn.Conv2d(channels, width, kernel_size=1)
        self.v = nn.Linear(channels, width, bias=False)
        self.u = nn.Conv2d(width, 1, kernel_size=1, bias=False)  # the softmax would cancel a bias
        draw_weights(self.u.weight, 1 / math.sqrt(width))

    def forward(self, local_features: Tensor, global_feature: Tensor) -> Tensor:
        h = torch.tanh(self.w(local_features) + self.v(global_feature)[:, :, None, None])  # [B, C / 4, H, W]
        with no_autocast(local_features):
            return nn.functional.conv2d(wide(h), wide(self.u.weight)).squeeze(1)


class Uniform(nn.Module):
    """uniform (control): every position weighs 1 / HW, so the attended vector is a plain average."""

    def forward(self, local_features: Tensor, global_feature: Tensor | None) -> Tensor:
        b, _, h, w = local_features.shape
        return local_features.new_zeros(b, h, w)


@dataclass(frozen=True)
class Equation:
    """How a score is computed: the formula and its source. _i marks what differs between positions."""

    text: str
    source: str


@dataclass(frozen=True)
class Compatibility:
    """A way to score positions.

    Attributes:
        name: as in a network's name.
        build: makes the module from C and ``scale_scores``; it takes local features [B, C, H, W] and g [B, C].
        label: what visitors read.
        uses_global: g can move a map.
        equations: by the value of the constructor's argument ``setting``, where there is a choice.
        control: it is for comparison, and not on the page's switch.
    """

    name: str
    build: Callable[[int, bool | str], nn.Module]
    label: str
    uses_global: bool
    equations: Mapping[bool | str | None, Equation]
    setting: str = ""
    control: bool = False

    def equation(self, arguments: Mapping) -> Equation:
        """The formula of a network that was built with these arguments."""
        return self.equations[arguments.get(self.setting)]


ROWS = (  # in the order of the page's switch
    Compatibility(
        name="dp",
        build=DotProduct,
        label="Dot product (dp)",
        uses_global=True,
        setting="scale_scores",
        equations={
            True: Equation("c_i = ⟨l_i, g⟩ / √d", "the paper's, divided by √d, of d channels"),
            False: Equation("c_i = ⟨l_i, g⟩", "as in the paper, not scaled"),
            "learnt": Equation("c_i = τ ⟨l_i, g⟩", "the paper's, times a factor τ learnt separately for each layer"),
        },
    ),
    Compatibility(
        name="pc",
        build=lambda channels, _: Parametrised(channels),
        label="Parametrised (pc)",
        uses_global=False,
        setting="global_branch",
        equations={
            True: Equation("c_i = ⟨u, l_i + g⟩", "as in the paper"),
            False: Equation("c_i = ⟨u, l_i⟩", "the paper's, without ⟨u, g⟩"),
        },
    ),
    Compatibility(
        name="additive",
        build=lambda channels, _: Additive(channels),
        label="Additive (ours)",
        uses_global=True,
        equations={None: Equation("c_i = ⟨u, tanh(W l_i + V g + b)⟩", "ours, after Bahdanau et al.")},
    ),
    Compatibility(
        name="uniform",
        build=lambda *_: Uniform(),
        label="Uniform (control)",
        uses_global=False,
        equations={None: Equation("c_i = 0", "a control that weighs all positions alike")},
        control=True,
    ),
)
COMPATIBILITIES = {row.name: row for row in ROWS}


def compatibility_of(kind: str, channels: int, scale_scores: bool | str = True) -> nn.Module:
    """Builds a compatibility module by its name.

    Args:
        kind: one of ``COMPATIBILITIES``.
        channels: C of the local features.
        scale_scores: see ``DotProduct``; the others ignore it.

    Raises:
        ValueError: ``kind`` is not known.
    """
    if kind not in COMPATIBILITIES:
        raise ValueError(f"compatibility must be one of {', '.join(COMPATIBILITIES)}, not {kind!r}")
    return COMPATIBILITIES[kind].build(channels, scale_scores)


def spatial_softmax(c: Tensor) -> Tensor:
    """Softmax over all positions, in float32 or better: scores [B, H, W] to [B, H, W], each sums to 1.

    So that the map stays finite, infinite scores count as the format's largest number, and NaN as 0.
    """
    return wide(c).flatten(1).nan_to_num().softmax(1).view(c.shape)


def sigmoid_gate(c: Tensor) -> Tensor:
    """Sigmoid of each score on its own, in float32 or better: [B, H, W], each 0 to 1."""
    return wide(c).nan_to_num().sigmoid()


def attend(local_features: Tensor, attention: Tensor) -> Tensor:
    """The attended vector g_a = sum_i a_i l_i: [B, C, H, W] and [B, H, W] to [B, C]."""
    row = attention.to(local_features.dtype).flatten(1)[:, None]  # [B, 1, HW]
    return (row @ local_features.flatten(2).transpose(1, 2))[:, 0]


def correlation(maps: Tensor, others: Tensor) -> Tensor:
    """Pearson's r over all positions of maps [B, H, W] and others, pair by pair: [B]; NaN where one of two is even."""
    centred, even = [], torch.zeros(len(maps), dtype=torch.bool, device=maps.device)
    for m in (maps.flatten(1).double(), others.flatten(1).double()):
        mean = m.mean(1, keepdim=True)
        centred.append(m - mean)
        even |= centred[-1].square().mean(1).sqrt() <= ROUNDING * mean[:, 0].abs()
    a, b = (nn.functional.normalize(m, dim=1, eps=0) for m in centred)
    return torch.where(even, torch.nan, (a * b).sum(1).clamp(-1, 1))
