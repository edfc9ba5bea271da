"""The networks that the page serves, loaded once and grouped into families for its switch."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from PIL import Image

from app.server import gpu
from app.server.together import Together
from model import CheckpointError, Network, list_checkpoints
from model.checkpoints import Entry
from model.compare import Comparison
from model.explain import explain, explain_pixels, side_of
from model.explanation import SIDE, Explanation
from model.machine import multiplies_bfloat16
from model.map_kinds import CAM, PROGRESSIVE, MapKind
from model.networks.attending import AttendingNetwork, attends
from model.networks.attention import COMPATIBILITIES
from model.networks.layers import fold_norms
from model.presets import crop_square, square_pixels

SWITCH = {row.name: row.label for row in COMPATIBILITIES.values() if not row.control}  # what visitors choose from
LARGEST_SCALE = 4  # a picture is read at no more than four times the network's own side: it costs sixteen times as much


@dataclass(frozen=True)
class Networks:
    """The networks of a folder of checkpoints, loaded once.

    Attributes:
        families: family: {compatibility: network}, in the switch's order. A network that does not fit into its family,
            or whose place there is taken, is a family of its own.
        beside: (data set, kind of map): the VGG-GAP and the VGG-PAN that Other explanations shows beside a network.
        others: name: network, of those that no tab shows, such as the controls.
        bf16: answers are computed in bfloat16, except scores, maps and the sum of the logit's terms.
    """

    families: Mapping[str, Mapping[str, AttendingNetwork]]
    beside: Mapping[tuple[str, MapKind], Network] = field(default_factory=dict)
    others: Mapping[str, Network] = field(default_factory=dict)
    bf16: bool = False

    @classmethod
    def load(cls, folder: str | Path, device: str = "cpu") -> Networks:
        """Loads every checkpoint below ``folder``; a GPU that multiplies bfloat16 natively answers in it.

        Raises:
            CheckpointError: a checkpoint is unreadable, or none can be shown.
        """
        families: dict[str, dict[str, AttendingNetwork]] = {}
        beside, others = {}, {}
        order = {name: rank for rank, name in enumerate(SWITCH)}
        for entry in sorted(list_checkpoints(folder), key=lambda e: (e.family, order.get(e.compatibility, len(order)))):
            net = fold_norms(load_entry(entry)).to(device).to(memory_format=torch.channels_last)
            if attends(net) and entry.compatibility in order:
                there = families.get(entry.family, {})
                fits = entry.compatibility not in there and all(alike(net, other) for other in there.values())
                family = entry.family if fits else entry.name
                families.setdefault(family, {})[entry.compatibility] = net
            elif net.map_kind in (CAM, PROGRESSIVE) and (entry.info.dataset, net.map_kind) not in beside:
                beside[entry.info.dataset, net.map_kind] = net
            else:
                others[entry.name] = net
        if not families:
            raise CheckpointError(f"{folder} holds no checkpoint with trained attention")
        return cls(families, beside, others, bf16=device.startswith("cuda") and multiplies_bfloat16(device))

    def precision(self, net: Network) -> torch.autocast:
        """The precision of answers; other tabs compute gradients outside of it, in float32."""
        return torch.autocast(net.device.type, torch.bfloat16, enabled=self.bf16)

    def warm_up(self) -> None:
        """Answers once with every network on the switch, so that the first visitor does not wait for it."""
        for name in self.places:
            self.explain(Image.new("RGB", (SIDE, SIDE)), name)

    @property
    def every(self) -> dict[str, Network]:
        """All networks that were loaded, {name: network}; those on the switch first."""
        switch: dict[str, Network] = {name: self.families[family][c] for name, (family, c) in self.places.items()}
        return {**switch, **{net.name: net for net in self.beside.values()}, **self.others}

    @property
    def places(self) -> dict[str, tuple[str, str]]:
        """The networks on the switch, {checkpoint's own name: (family, compatibility)}."""
        return {net.name: (family, c) for family, nets in self.families.items() for c, net in nets.items()}

    def compatibilities(self, checkpoint: str) -> list[str]:
        return list(self.families[checkpoint])

    def best(self, checkpoint: str) -> str:
        """The compatibility with a family's lowest measured error."""
        nets = self.families[checkpoint]
        return min(nets, key=lambda name: error(nets[name]))

    def find(self, checkpoint: str, compatibility: str = "") -> tuple[str, str]:
        """The family and compatibility of what a caller names.

        Args:
            checkpoint: a checkpoint's own name, or a family.
            compatibility: of a family; empty is the checkpoint's own, or the family's best.

        Raises:
            CheckpointError: there are no such weights, or the checkpoint is of another compatibility.
        """
        family, own = self.places.get(checkpoint, ("", ""))
        if own and compatibility in ("", own):
            return family, own
        if checkpoint in self.families:
            compatibility = compatibility or self.best(checkpoint)
            if compatibility in self.families[checkpoint]:
                return checkpoint, compatibility
        elif own:
            raise CheckpointError(
                f"{checkpoint} has the compatibility {own}: leave the compatibility out, or name the family {family}."
            )
        there = "; ".join(f"{family} with {', '.join(nets)}" for family, nets in self.families.items())
        raise CheckpointError(f"There are no weights for that checkpoint and compatibility; there are: {there}.")

    def network(self, checkpoint: str, compatibility: str = "") -> AttendingNetwork:
        """The network for ``find``'s arguments; raises CheckpointError if there are no such weights."""
        family, compatibility = self.find(checkpoint, compatibility)
        return self.families[family][compatibility]

    def explain(
        self,
        picture: Image.Image,
        checkpoint: str,
        compatibility: str = "",
        question: Image.Image | None = None,
        side: int = 0,
        draw: bool = True,
    ) -> Explanation:
        """Classifies an RGB picture and splits the answer by level.

        Pictures that come at the same time from different threads for the same network share a forward pass.

        Args:
            picture: the picture to answer for.
            checkpoint, compatibility: whose answer, as ``find`` takes them.
            question: a picture whose global feature takes the place of ``picture``'s own.
            side: of the square that the network reads, in pixels; 0 is its own.
            draw: False leaves out ``square``, which only drawings of the maps need.

        Raises:
            CheckpointError: there are no such weights, or the side is out of range.
        """
        net = self.network(checkpoint, compatibility)
        side = self.side_of(net, side)
        if question is not None:
            with self.precision(net):
                explanation = explain(picture, net, side, question)
        else:
            pixels = square_pixels(picture, side)
            kind = (*self.find(checkpoint, compatibility), side)
            explanation = self.explain_together(kind, [pixels])[0] if gpu.IS_LENT else self.together.ask(kind, pixels)
        square = crop_square(picture, SIDE) if draw else None
        return dataclasses.replace(explanation, checkpoint=checkpoint, square=square)

    @cached_property
    def together(self) -> Together[tuple[str, str, int]]:
        """Where pictures that come at the same time for the same network wait for one forward pass."""
        return Together(self.explain_together)

    def explain_together(self, kind: tuple[str, str, int], pixels: list[torch.Tensor]) -> list[Explanation]:
        """Answers squares [3, side, side] for one network, (checkpoint, compatibility, side), in one forward pass."""
        net = self.network(*kind[:2])
        with self.precision(net):
            return explain_pixels(net, torch.stack(pixels))

    @staticmethod
    def side_of(net: AttendingNetwork, side: int) -> int:
        """The side in pixels at which a picture is read: 0 is the network's own.

        Raises:
            CheckpointError: the network does not read pictures of that side.
        """
        try:
            return side_of(net, side, LARGEST_SCALE * net.input_size)
        except ValueError as e:
            raise CheckpointError(f"{e}.".capitalize()) from None

    def compare(self, picture: Image.Image, checkpoint: str, side: int = 0, draw: bool = True) -> Comparison:
        """The answers of every network of a family for the same picture.

        Args:
            picture: RGB.
            checkpoint: the family, or a checkpoint in it.
            side: of the square that the networks read, in pixels; 0 is their own.
            draw: as for ``explain``.

        Raises:
            CheckpointError: there is no such family, it has weights for one compatibility only, or the side is out of
                range.
        """
        family = self.places[checkpoint][0] if checkpoint in self.places else checkpoint
        there = self.families.get(family)
        if there is None:
            raise CheckpointError(f"There is no such checkpoint; there are: {', '.join(self.families)}.")
        if len(there) < 2:
            raise CheckpointError(
                "This checkpoint has weights for one compatibility only, so there is nothing to compare."
            )
        return Comparison({name: self.explain(picture, family, name, side=side, draw=draw) for name in there})


def load_entry(entry: Entry) -> Network:
    """A checkpoint's network; raises CheckpointError unless it names each of its classes."""
    net = Network.from_pretrained(entry.folder)
    if not net.info.class_names:
        raise CheckpointError(f"{entry.name}: config.json does not name each of its classes")
    return net


def alike(net: Network, other: Network) -> bool:
    """Whether the two can be compared: of the same classes and data, at the same levels and input size."""
    shared = ("levels", "input_size")
    same = [net.arguments[key] == other.arguments[key] for key in shared]
    return all(same) and (net.info.class_names, net.info.dataset) == (other.info.class_names, other.info.dataset)


def error(net: Network) -> float:
    """The measured error; infinite where it is not known."""
    return net.info.results.get("error", math.inf)
