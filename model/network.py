"""The base class of every network: what it was built with, what is known of it, and what ``forward`` returns."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from torch import Tensor, nn

from model.checkpoints import load, locate, save
from model.format import CheckpointError, Info, read_config


class Network(nn.Module):
    """A network that remembers its constructor's arguments, and saves and loads through one strict format.

    ``net(images)`` takes normalised pictures [B, 3, H, W] and returns the logits [B, K] and the maps, {level:
    [B, H', W']}; a network without maps returns an empty dictionary.

    Attributes:
        arguments: of the constructor; always among them are ``num_classes``, ``width`` and ``input_size``.
        info: what a program must know beside the weights.
        name: of the checkpoint that it was loaded from, or the Hub id; empty until then.
        input_size: side of its own input in pixels.
    """

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
        save(self, self.config, folder, dtype)

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
        kind = {c.__name__: c for c in all_subclasses(cls) - {Network}}.get(config["architecture"])
        if kind is None:
            raise CheckpointError(f"{where} holds the network {config['architecture']!r}, not {cls.__name__}")
        net, net.info = load(kind, config, folder, where)
        net.name = name
        return net.eval()


def all_subclasses(cls: type) -> set[type]:
    return {cls, *(s for c in cls.__subclasses__() for s in all_subclasses(c))}
