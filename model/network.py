"""The base class of every network: what it was built with, what is known of it, and what ``forward`` returns."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from model.card import card
from model.checkpoints import load, locate, save, save_card_and_config
from model.format import CheckpointError, Info, read_config
from model.map_kinds import NO_MAPS, MapKind
from model.networks.attention import Equation

N = TypeVar("N")


class Stage(NamedTuple):
    """Consecutive layers of a network, as the page lists them."""

    layers: str
    channels: str
    side: int  # of its output's grid, at the network's own input size
    then: str


class Network(nn.Module):
    """A network that remembers its constructor's arguments, and saves and loads through one strict format.

    ``net(images)`` takes normalised pictures [B, 3, H, W] and returns the logits [B, K] and the maps, {level:
    [B, H', W']}; a network without maps returns an empty dictionary.

    Attributes:
        arguments: of the constructor; always among them are ``num_classes``, ``width`` and ``input_size``.
        info: class names, normalisation, training and results; see ``Info``.
        name: of the checkpoint that it was loaded from, or the Hub id; empty until then.
        input_size: side of its own input in pixels.
    """

    map_kind: ClassVar[MapKind] = NO_MAPS
    summary: ClassVar[str] = ""  # what it is made of, in a sentence for a reader

    def __init__(self, **arguments):
        super().__init__()
        if arguments["num_classes"] < 1:
            raise ValueError(f"num_classes must be at least 1, not {arguments['num_classes']}")
        if not 0 < arguments["width"] <= 8:
            raise ValueError(f"width must be above 0 and at most 8, not {arguments['width']}")
        self.arguments, self.input_size = arguments, arguments["input_size"]
        self.info, self.name = Info(), ""

    @property
    def device(self) -> torch.device:
        """Where its parameters lie."""
        return next(self.parameters()).device

    @property
    def config(self) -> dict:
        """What config.json holds."""
        return {
            "architecture": type(self).__name__,
            "arguments": self.arguments,
            "input_size": self.arguments["input_size"],
            **dataclasses.asdict(self.info),
        }

    @property
    def equation(self) -> Equation | None:
        """How it scores positions; None where it has no compatibility."""
        return None

    @property
    def is_control(self) -> bool:
        """Whether its maps say nothing about the picture: it is there for comparison."""
        return False

    @property
    def stages(self) -> list[Stage]:
        """Its layers, in rows."""
        return []

    def features_and_logits(self, images: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Each level's features, {level: [B, C, h, w]}, and the logits [B, K] computed from these same tensors.

        Raises:
            ValueError: the network has no levels.
        """
        raise ValueError(f"{type(self).__name__} has no levels that Grad-CAM could use")

    def embed(self, images: Tensor) -> Tensor:
        """What the classifier reads of ``images`` [B, 3, H, W]: [B, D], the attended vectors where there are any."""
        raise NotImplementedError

    def save_pretrained(self, folder: str | Path, info: Info | None = None, dtype: torch.dtype | None = None) -> None:
        """Writes config.json, model.safetensors and README.md, each atomically, the config last.

        Args:
            folder: made if it does not exist.
            info: replaces ``self.info`` when given.
            dtype: stores floating-point weights in this precision (torch.float16 halves the file).

        Raises:
            CheckpointError: the folder cannot be written.
        """
        if info is not None:
            self.info = info
        save(self, self.config, folder, self.card, dtype)

    def add_results(self, folder: str | Path, results: Mapping) -> None:
        """Adds what was measured to the config and the card of its checkpoint; the weights stay as they are.

        Args:
            folder: the checkpoint's.
            results: see ``Info.results``. Errors at other sides that were measured before stay, if they were measured
                on as many pictures.

        Raises:
            CheckpointError: the folder cannot be written.
        """
        before = self.info.results
        if "sides" in results and before.get("sides_images") == results["sides_images"]:
            sides = {**before.get("sides", {}), **results["sides"]}
            results = {**results, "sides": {side: sides[side] for side in sorted(sides, key=int)}}
        self.info = dataclasses.replace(self.info, results={**before, **results})
        save_card_and_config(self.config, folder, self.card)

    def card(self, name: str, pictures: Mapping[str, str] | None = None) -> str:
        """The README.md of its checkpoint, see ``model.card``.

        Args:
            name: the checkpoint's name, or its Hub id.
            pictures: what to show, {file beside the card: what it is}.
        """
        return card(name, self.config, self.map_kind, self.equation, pictures)

    @classmethod
    def from_pretrained(cls, where: str | Path, revision: str | None = None) -> Network:
        """Loads a checkpoint, on the CPU, in float32, in evaluation mode.

        Args:
            where: a folder; the name of a checkpoint shipped in assets/checkpoints; or a Hub id, "user/repo".
            revision: a branch, tag or commit, for a Hub id.

        Raises:
            CheckpointError: nothing is there, or what is there is truncated, foreign or of another class.
        """
        folder, name = locate(where, revision)
        config = read_config(folder)
        kind = kind_of(config, cls)
        if kind is None:
            raise CheckpointError(f"{where} holds the network {config['architecture']!r}, not {cls.__name__}")
        net, net.info = load(kind, config, folder, where)
        if net.info.class_names and len(net.info.class_names) != net.arguments["num_classes"]:
            raise CheckpointError(f"{where}: config.json does not name each of its classes")
        net.name = name
        return net.eval()


def kind_of(config: Mapping, among: type[Network] = Network) -> type[Network] | None:
    """The class that a config.json names, where it is ``among`` or derived from it."""
    return {c.__name__: c for c in all_subclasses(among) - {Network}}.get(config["architecture"])


def all_subclasses(cls: type[N]) -> set[type[N]]:
    return {cls, *(s for c in cls.__subclasses__() for s in all_subclasses(c))}
