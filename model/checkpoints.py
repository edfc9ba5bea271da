"""Saving, loading and listing checkpoints. Loading is strict: a file that does not fit is refused in one sentence.

For the files themselves see ``model.format``.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn

from model.atomic import write_atomically
from model.format import BUNDLED, CARD, CONFIG, WEIGHTS, CheckpointError, Info, info_of, read_config, shipped_folder
from model.hub import fetch

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True)
class Entry:
    """One checkpoint of a registry, read from its config.json alone.

    ``family`` is the name without its part for the compatibility; if nothing is left, it is the name of the folder
    around. The page's switch chooses within a family.
    """

    name: str
    folder: Path
    family: str
    compatibility: str | None
    info: Info


def list_checkpoints(folder: str | Path = BUNDLED) -> list[Entry]:
    """The checkpoints in the subfolders of ``folder``, sorted by name.

    Raises:
        CheckpointError: one of them has a config.json that is not a checkpoint's.
    """
    entries = []
    for config in sorted(Path(folder).glob(f"*/{CONFIG}")):
        content = read_config(config.parent)
        name, compatibility = config.parent.name, content["arguments"].get("compatibility")
        others = [part for part in name.split("-") if part != compatibility]
        family = "-".join(others) or Path(folder).resolve().name
        entries.append(Entry(name, config.parent, family, compatibility, info_of(content)))
    return entries


def locate(where: str | Path, revision: str | None = None) -> tuple[Path, str]:
    """The local folder of a checkpoint, and its name: the folder's own, or the Hub id.

    ``where`` is a path, else the name of a shipped checkpoint, else a Hub id (see ``hub.fetch``).

    Raises:
        CheckpointError: there is no such folder or it is closed to this program, or the Hub has no such repository or
            cannot be reached.
    """
    try:
        folder = Path(os.path.expanduser(where))
        if folder.is_dir():
            return folder, folder.resolve().name
        if folder := shipped_folder(str(where)):
            return folder, folder.name
    except OSError as e:
        raise CheckpointError(f"{where} cannot be opened: {e.strerror or e}") from e
    if not HUB_ID.fullmatch(str(where)):
        raise CheckpointError(f"there is no checkpoint folder {where}")
    return fetch(str(where), revision), str(where)


def own_folder(where: str | Path) -> Path:
    """The folder of a checkpoint on this machine, to write into.

    Raises:
        CheckpointError: there is none, or it is the Hub's, of which only the client's copy is here.
    """
    folder, name = locate(where)
    if "/" in name:
        raise CheckpointError(f"{where} is on the Hub: results are kept in folders only")
    return folder


def save(
    net: nn.Module, config: dict, folder: str | Path, card: Callable[[str], str], dtype: torch.dtype | None = None
) -> None:
    """Writes config.json, model.safetensors and README.md, each atomically, the config last.

    Args:
        net: whose weights to store.
        config: what config.json is to hold.
        folder: made if it does not exist.
        card: gives README.md for the folder's name, once the folder is there.
        dtype: stores floating-point weights in this precision.

    Raises:
        CheckpointError: the folder cannot be written.
    """
    state = {
        k: (v.to(dtype) if dtype and v.is_floating_point() else v).detach().cpu().contiguous()
        for k, v in net.state_dict().items()
    }
    folder = Path(folder).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / WEIGHTS, to_safetensors(state, metadata={"format": "pt"}))
    except OSError as e:
        raise CheckpointError(f"{folder} cannot be written: {e.strerror or e}") from e
    save_card_and_config(config, folder, card)


def save_card_and_config(config: dict, folder: str | Path, card: Callable[[str], str]) -> None:
    """Replaces config.json and README.md of a checkpoint, each atomically; the weights stay as they are.

    Args:
        config: what config.json is to hold.
        folder: the checkpoint's.
        card: gives README.md for the folder's name.

    Raises:
        CheckpointError: the folder cannot be written.
    """
    folder = Path(folder)
    try:
        write_atomically(folder / CARD, card(folder.resolve().name).encode(errors="replace"))
        write_atomically(folder / CONFIG, (json.dumps(config, indent=1) + "\n").encode())
    except OSError as e:
        raise CheckpointError(f"{folder} cannot be written: {e.strerror or e}") from e


def load(kind: type[N], config: dict, folder: Path, where: str | Path) -> tuple[N, Info]:
    """A network with its weights, and what is known of it.

    Args:
        kind: the class that ``config`` names.
        config: the content of the folder's config.json.
        folder: where the weights lie.
        where: what the caller calls the checkpoint, for errors.

    Raises:
        CheckpointError: the arguments or the weights do not fit, or the weights are damaged.
    """
    try:
        with torch.device("meta"):  # nothing is allocated before the weights are known to fit
            net = kind(**config["arguments"])
    except (AttributeError, RuntimeError, TypeError, ValueError) as e:
        why = str(e).partition("\n")[0]
        raise CheckpointError(f"{where}: the arguments in {CONFIG} do not fit {kind.__name__}: {why}") from e
    load_strictly(net, folder / WEIGHTS, where)
    return net, info_of(config)


def load_strictly(net: nn.Module, file: Path, where: str | Path) -> None:
    """Gives ``net`` the tensors of a safetensors file, in its own precision: all of them, no others, finite numbers."""
    try:
        with safe_open(file, framework="pt") as f:
            state: dict[str, Tensor] = {k: f.get_tensor(k) for k in f.keys()}  # noqa: SIM118 - not a dictionary
    except FileNotFoundError:
        raise CheckpointError(f"{where} has no {WEIGHTS}") from None
    except (SafetensorError, OSError) as e:
        raise CheckpointError(f"{where}: {WEIGHTS} is truncated or not a safetensors file") from e
    own = net.state_dict()
    missing, foreign = own.keys() - state.keys(), state.keys() - own.keys()
    other = [k for k in own.keys() & state.keys() if form(own[k]) != form(state[k])]
    if missing or foreign or other:
        example = min([*missing, *foreign, *other])
        raise CheckpointError(
            f"{where}: {WEIGHTS} does not fit the network in {CONFIG} ({len(missing)} tensors missing, "
            f"{len(foreign)} foreign, {len(other)} of another shape or kind; for one, {example})"
        )
    state = {k: v.to(own[k].dtype) for k, v in state.items()}
    if bad := [k for k, v in state.items() if not v.isfinite().all()]:
        raise CheckpointError(f"{where}: {WEIGHTS} holds numbers that are not finite (for one, in {min(bad)})")
    net.load_state_dict(state, assign=True)


def form(tensor: Tensor) -> tuple[torch.Size, bool, bool]:
    """A tensor's shape, and whether it is floating-point and whether complex, in any precision."""
    return tensor.shape, tensor.is_floating_point(), tensor.is_complex()
