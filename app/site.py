"""What every tab of the page needs: the networks, and where the examples and the data sets are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.examples import FOLDER
from app.networks import LARGEST_SCALE, SWITCH, Networks, error
from app.sampling import FOLDER as DATA
from model import Network
from model.datasets import DATASETS, dataset_title
from model.networks.attending import AttendingNetwork

SIZES = {0.25: "small", 1.0: "the paper's size"}  # by width
MUCH_WORSE = 1.5  # times the error at the network's own side; a side with more errors is not offered


@dataclass(frozen=True)
class Site:
    """The networks that are served, the folder of examples, and the folder of data sets, which may be missing."""

    networks: Networks
    examples: Path = FOLDER
    data: Path = DATA

    @property
    def first_checkpoint(self) -> str:
        """The best of all: see ``best``."""
        return self.best(self.networks.families)

    def best(self, checkpoints: Iterable[str]) -> str:
        """The small one (-s in its name) with the lowest error; if none is small, the one with the lowest of all.

        If errors agree to a tenth of a per cent, it is one that answers questions.
        """

        def rank(family: str) -> tuple:
            least = self.least_error(family)
            questions = any(map(keeps_questions, self.networks.families[family].values()))
            return "s" not in family.split("-"), round(least, 3), not questions, least

        return min(checkpoints, key=rank)

    def checkpoint_with(self, compatibility: str) -> str:
        """The first checkpoint if it has the compatibility, else the best of those that have it."""
        first, families = self.first_checkpoint, self.networks.families
        choices = [family for family, nets in families.items() if compatibility in nets]
        return first if first in choices or not choices else self.best(choices)

    def least_error(self, checkpoint: str) -> float:
        return min(map(error, self.networks.families[checkpoint].values()))

    def first_compatibility(self, checkpoint: str) -> str:
        """The compatibility with the checkpoint's lowest error."""
        return self.networks.best(checkpoint)

    @property
    def first_asking(self) -> tuple[str, str]:
        """Checkpoint and compatibility to ask with: the best of those that keep a question for each class, if any."""
        every = {(family, name): net for family, nets in self.networks.families.items() for name, net in nets.items()}
        asking = {pair: net for pair, net in every.items() if keeps_questions(net)}
        moving = {pair: net for pair, net in every.items() if net.uses_global}
        there = asking or moving or every
        family = self.best({family for family, _ in there})
        return next(pair for pair in there if pair[0] == family)  # dp where there is one: the paper's

    def answers_questions(self, checkpoint: str, compatibility: str) -> bool:
        """Whether a network can be asked for a class by its name."""
        return keeps_questions(self.networks.network(checkpoint, self.nearest(checkpoint, compatibility)))

    def checkpoint_choices(self) -> list[tuple[str, str]]:
        """(what visitors read, family) of every checkpoint: data, then size, if sizes differ; sorted in this order."""
        families = self.networks.families
        sizes = len({net.arguments["width"] for nets in families.values() for net in nets.values()}) > 1
        labels = {family: describe(nets.values(), sizes) for family, nets in sorted(families.items(), key=place)}
        alike = {label for label in labels.values() if list(labels.values()).count(label) > 1}
        return [(f"{label} · {family}" if label in alike else label, family) for family, label in labels.items()]

    def compatibility_choices(self, checkpoint: str | None = None) -> list[tuple[str, str]]:
        """(what visitors read, name) of a checkpoint's compatibilities; by default of those of all checkpoints."""
        nets: Mapping = self.networks.families.get(checkpoint, {})
        there = nets or {c for family in self.networks.families.values() for c in family}
        return [(label, name) for name, label in SWITCH.items() if name in there]

    def nearest(self, checkpoint: str, compatibility: str) -> str:
        """The compatibility, if the checkpoint has it, else its best; the switch then shows the same."""
        there = self.networks.compatibilities(checkpoint)
        return compatibility if compatibility in there else self.first_compatibility(checkpoint)

    def sides(self, checkpoint: str, compatibility: str = "") -> list[int]:
        """The sides in pixels at which a network was measured and reads well enough to be offered; ascending.

        Without a compatibility, those that all networks of the checkpoint share.
        """
        nets = self.networks.families[checkpoint]
        nets = [nets[self.nearest(checkpoint, compatibility)]] if compatibility else list(nets.values())
        side_sets = [sides_read_well(net) for net in nets]
        readable = range(nets[0].trunk.smallest_input, LARGEST_SCALE * nets[0].input_size + 1)
        return sorted(side for side in set.intersection(*side_sets) if side in readable)

    def side(self, checkpoint: str, compatibility: str, side: int | None) -> int:
        """The side that was chosen; 0, the network's own, where the network was not measured at it."""
        own = next(iter(self.networks.families[checkpoint].values())).input_size
        return side if side != own and side in self.sides(checkpoint, compatibility) else 0


def place(item: tuple[str, Mapping[str, AttendingNetwork]]) -> tuple:
    """What the picker sorts a family by: its data, its width, whether it answers questions, its least error."""
    family, nets = item
    net, order = next(iter(nets.values())), list(DATASETS)
    data = order.index(net.info.dataset) if net.info.dataset in order else len(order)
    questions, least = any(map(keeps_questions, nets.values())), min(map(error, nets.values()))
    return data, dataset_title(net.info.dataset), net.arguments["width"], questions, least, family


def describe(nets: Iterable[AttendingNetwork], with_size: bool) -> str:
    """A family in plain words instead of its name: its data, its size, its errors, whether it answers questions."""
    nets = list(nets)
    info, width = nets[0].info, nets[0].arguments["width"]
    title, kinds = dataset_title(info.dataset), len(info.class_names)
    data = DATASETS.get(info.dataset)
    parts = [data.shows.format(kinds).capitalize() if data else f"{title}, {kinds} kinds"]
    if with_size:
        parts.append(SIZES.get(width, f"width {width:g}"))
    if errors := sorted({f"{100 * error(net):.1f}" for net in nets if error(net) < math.inf}, key=float):
        parts.append(f"test error {' to '.join(dict.fromkeys([errors[0], errors[-1]]))} %")
    if any(map(keeps_questions, nets)):
        parts.append("answers questions")
    return " · ".join([*parts, *([title] if data else [])])


def sides_read_well(net: Network) -> set[int]:
    """The measured sides at which the error is at most ``MUCH_WORSE`` times that at the network's own."""
    errors = {int(side): error for side, error in net.info.results.get("sides", {}).items()}
    own = errors.get(net.input_size, 1.0)
    return {side for side, error in errors.items() if error <= MUCH_WORSE * own}


def keeps_questions(net: AttendingNetwork) -> bool:
    """Whether it can be asked for a class by its name."""
    return net.uses_global and net.class_questions is not None
