"""Saving, loading and listing networks: a folder (or Hub repository) of config.json, model.safetensors and README.md.

config.json holds all that a program needs beside the weights: the constructor's arguments, class names, mean, std,
input size, how it was trained and the measured error. Loading is strict: a file that does not fit is refused.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
BUNDLED = Path(__file__).resolve().parent.parent / "assets" / "checkpoints"
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message is one sentence for the person who named it."""


@dataclass(frozen=True)
class Info:
    """What a program must know beside the weights.

    Attributes:
        class_names: one name a logit, in order.
        mean, std: per channel, of pixels scaled to 0..1.
        dataset: the data set's short name, such as "cifar10".
        recipe: how it was trained: settings, command, environment, hours.
        results: what was measured, such as {"error": 0.0871, "test_images": 10000}; errors are fractions.
    """

    class_names: tuple[str, ...] = ()
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    dataset: str = ""
    recipe: Mapping = field(default_factory=dict)
    results: Mapping = field(default_factory=dict)


def three_numbers(value: object) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(map(moderate, value))


def moderate(value: object) -> bool:
    return isinstance(value, (int, float)) and abs(value) < 1e6  # which NaN is not


def fraction(value: object) -> bool:
    return moderate(value) and 0 <= value <= 1


MEASURED: dict[str, Callable[[object], bool]] = {  # what of ``Info.results`` the page and the cards show
    **dict.fromkeys(("error", "held_out_error", "calibration"), fraction),
    **dict.fromkeys(("test_images", "held_out_images"), lambda v: isinstance(v, int)),
    "interval": lambda v: isinstance(v, list) and len(v) == 2 and all(map(fraction, v)),
}
FITS: dict[str, Callable[[object], bool]] = {  # what config.json may hold of Info
    "class_names": lambda v: isinstance(v, list) and all(isinstance(name, str) for name in v) and len({*v}) == len(v),
    "mean": three_numbers,
    "std": lambda v: three_numbers(v) and min(v) > 0,
    "dataset": lambda v: isinstance(v, str),
    "recipe": lambda v: isinstance(v, dict),
    "results": lambda v: isinstance(v, dict) and all(fits(v[key]) for key, fits in MEASURED.items() if key in v),
}


class Network(nn.Module):
    """A network that remembers its constructor's arguments, and saves and loads through one strict format.

    Among the arguments are always ``num_classes``, ``width`` and ``input_size``.
    """

    def __init__(self, **arguments):
        super().__init__()
        if arguments["num_classes"] < 1:
            raise ValueError(f"num_classes must be at least 1, not {arguments['num_classes']}")
        if not 0 < arguments["width"] <= 8:
            raise ValueError(f"width must be above 0 and at most 8, not {arguments['width']}")
        self.arguments = arguments
        self.info = Info()

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
        from model.card import card

        if info is not None:
            self.info = info
        config = self.config
        state = {
            k: (v.to(dtype) if dtype and v.is_floating_point() else v).detach().cpu().contiguous()
            for k, v in self.state_dict().items()
        }
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / WEIGHTS, to_safetensors(state, metadata={"format": "pt"}))
            write_atomically(folder / CARD, card(folder.resolve().name, config).encode())
            write_atomically(folder / CONFIG, (json.dumps(config, indent=1) + "\n").encode())
        except OSError as e:
            raise CheckpointError(f"{folder} cannot be written: {e.strerror or e}") from e

    @classmethod
    def from_pretrained(cls, where: str | Path, revision: str | None = None) -> Network:
        """Loads a checkpoint, on the CPU, in float32, in evaluation mode.

        Args:
            where: a folder; the name of a checkpoint shipped in assets/checkpoints; or a Hub id, "user/repo".
            revision: a branch, tag or commit, for a Hub id.

        Raises:
            CheckpointError: nothing is there, or what is there is truncated, foreign or of another class.
        """
        folder = locate(where, revision)
        config = read_config(folder)
        known = {c.__name__: c for c in all_subclasses(Network) - {Network}}
        kind = known.get(config["architecture"])
        if kind is None or not issubclass(kind, cls):
            raise CheckpointError(f"{where} holds the network {config['architecture']!r}, not {cls.__name__}")
        try:
            with torch.device("meta"):  # nothing is allocated before the weights are known to fit
                net = kind(**config["arguments"])
        except (AttributeError, RuntimeError, TypeError, ValueError) as e:
            why = str(e).partition("\n")[0]
            raise CheckpointError(f"{where}: the arguments in {CONFIG} do not fit {kind.__name__}: {why}") from e
        load_strictly(net, folder / WEIGHTS, where)
        net.info = info_of(config)
        if net.info.class_names and len(net.info.class_names) != net.arguments["num_classes"]:
            raise CheckpointError(f"{where}: {CONFIG} does not name each of its classes")
        return net.eval()


@dataclass(frozen=True)
class Entry:
    """One checkpoint of a registry, read from its config.json alone.

    ``family`` is the name without the compatibility, a part between dashes; where nothing else is in it, the folder's
    around. dp, pc, ... of one family answer to the same switch.
    """

    name: str
    folder: Path
    family: str
    compatibility: str | None
    info: Info


def list_checkpoints(folder: str | Path = BUNDLED) -> list[Entry]:
    """The checkpoints in the subfolders of ``folder``, sorted by name.

    Raises:
        CheckpointError: a config.json among them is not of a checkpoint.
    """
    entries = []
    for config in sorted(Path(folder).glob(f"*/{CONFIG}")):
        content = read_config(config.parent)
        name, compatibility = config.parent.name, content["arguments"].get("compatibility")
        others = [part for part in name.split("-") if part != compatibility]
        family = "-".join(others) or Path(folder).resolve().name
        entries.append(Entry(name, config.parent, family, compatibility, info_of(content)))
    return entries


def locate(where: str | Path, revision: str | None = None) -> Path:
    """The local folder of a checkpoint: a path, else the name of a shipped one, else a Hub id (see ``hub.fetch``).

    Raises:
        CheckpointError: there is no such folder or it is closed to this program, or the Hub has no such repository or
            cannot be reached.
    """
    try:
        if Path(where).is_dir():
            return Path(where)
        if (BUNDLED / str(where)).is_dir():
            return BUNDLED / str(where)
    except OSError as e:
        raise CheckpointError(f"{where} cannot be opened: {e.strerror or e}") from e
    if not HUB_ID.fullmatch(str(where)):
        raise CheckpointError(f"there is no checkpoint folder {where}")
    from model.hub import fetch

    return fetch(str(where), revision)


def read_config(folder: Path) -> dict:
    """config.json as a dictionary, checked for the keys that loading needs, and for what those of ``Info`` may be."""
    name = folder.resolve().name
    try:
        config = json.loads((folder / CONFIG).read_text("utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{name} is not a checkpoint: it has no {CONFIG}") from None
    except (OSError, RecursionError, ValueError) as e:
        raise CheckpointError(f"{name}: {CONFIG} cannot be read as JSON") from e
    if not (
        isinstance(config, dict)
        and isinstance(config.get("arguments"), dict)
        and isinstance(config.get("architecture"), str)
        and not isinstance(config["arguments"].get("compatibility"), (list, dict))
    ):
        raise CheckpointError(f"{name}: {CONFIG} does not describe one of our networks")
    if wrong := [key for key, fits in FITS.items() if key in config and not fits(config[key])]:
        raise CheckpointError(f"{name}: {CONFIG} has something else than expected under {', '.join(wrong)}")
    return config


def info_of(config: dict) -> Info:
    """The ``Info`` part of a config.json."""
    fields = {f.name: config[f.name] for f in dataclasses.fields(Info) if f.name in config}
    return Info(**{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()})


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
    if broken := [k for k, v in state.items() if not v.isfinite().all()]:
        raise CheckpointError(f"{where}: {WEIGHTS} holds numbers that are not finite (for one, in {min(broken)})")
    net.load_state_dict(state, assign=True)


def form(tensor: Tensor) -> tuple[torch.Size, bool, bool]:
    """Its shape, and what its numbers are, whatever the precision: floating-point, complex, or neither."""
    return tensor.shape, tensor.is_floating_point(), tensor.is_complex()


def all_subclasses(cls: type) -> set[type]:
    return {cls, *(s for c in cls.__subclasses__() for s in all_subclasses(c))}


def sweep(folder: Path, names: tuple[str, ...]) -> None:
    """Removes what a killed ``write_atomically`` left of files of these names; nobody may be writing them."""
    for file in folder.glob(".*"):
        name, _, drawn = file.name[1:].rpartition(".")
        if name in names and len(drawn) == 8:
            file.unlink(missing_ok=True)


def write_atomically(file: Path, content: bytes) -> None:
    """Writes ``content`` beside ``file``, flushes it, then renames: a reader sees the old file or the new one."""
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as f:
        try:
            f.write(content)
            f.flush()
            os.fsync(f.fileno())
            os.chmod(f.name, 0o644)
            os.replace(f.name, file)
        except BaseException:
            os.unlink(f.name)
            raise
