"""The kinds of maps. Each network says which kind it returns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MapKind:
    """A kind of map.

    Attributes:
        name: as tables call it.
        title: how a network with such maps attends, for a reader.
        contract: what ``forward`` returns beside the logits, for the card; empty where there are no maps.
        variable: what the card's example calls it.
        of_class: whether a map shows one class; attention shows none in particular.
    """

    name: str
    title: str
    contract: str = ""
    variable: str = "_"
    of_class: bool = False


ATTENTION = MapKind(
    name="attention",
    title="trained attention",
    contract="attention: {level: [B, H, W]}, each map sums to 1",
    variable="attention",
)
PROGRESSIVE = MapKind(
    name="attention",
    title="progressive: a sigmoid gate, then a softmax",
    contract="conv10: the gate, [B, H, W] of 0 to 1; conv13: [B, H, W], each map sums to 1",
    variable="attention",
)
CAM = MapKind(
    name="CAM",
    title="no attention",
    contract="conv13: the class activation map of each answer, [B, H, W]",
    variable="maps",
    of_class=True,
)
NO_MAPS = MapKind(name="", title="no attention")
