"""What a checkpoint is on disk: a folder (or Hub repository) of config.json, model.safetensors and README.md.

config.json holds all that a program needs beside the weights: the constructor's arguments, class names, mean, std,
input size, how it was trained and the measured error.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
BUNDLED = Path(__file__).resolve().parent.parent / "assets" / "checkpoints"


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message is one sentence for the person who named it."""


@dataclass(frozen=True)
class Info:
    """What a program must know beside the weights.

    Attributes:
        class_names: one name for each logit, in order.
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


def shipped_folder(name: str) -> Path | None:
    """The folder of the checkpoint that ships under this name; None where there is none.

    Raises:
        OSError: no folder can have such a name.
    """
    return BUNDLED / name if (BUNDLED / name).is_dir() else None


def three_numbers(value: object) -> TypeGuard[list[float]]:
    return isinstance(value, list) and len(value) == 3 and all(map(moderate, value))


def moderate(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and abs(value) < 1e6  # which NaN is not


def fraction(value: object) -> TypeGuard[float]:
    return moderate(value) and 0 <= value <= 1


def is_ask_row(value: object) -> bool:
    """Whether it is one kind of question put to one kind of scene, as ``training ask --save`` writes it."""
    if not isinstance(value, dict) or not isinstance(value.get("shares"), dict):
        return False
    grid, pictures = value.get("grid"), value.get("pictures")
    counts = [*grid, pictures] if isinstance(grid, list) and len(grid) == 2 else [0]
    rates = [value.get(key) for key in ("named", "absent_named", "auroc")]
    return (
        all(isinstance(count, int) and count > 0 for count in counts)
        and isinstance(value.get("question"), str)
        and all(map(fraction, value["shares"].values()))
        and all(rate is None or fraction(rate) for rate in rates)
    )


def is_ask_table(value: object) -> bool:
    """Whether it is a list of ``is_ask_row``s of the same levels."""
    return isinstance(value, list) and all(map(is_ask_row, value)) and len({tuple(row["shares"]) for row in value}) < 2


def test_result(value: object) -> bool:
    """Whether it is an error and the number of pictures it was measured on."""
    return isinstance(value, dict) and fraction(value.get("error")) and isinstance(value.get("test_images"), int)


RESULTS: dict[str, Callable[[object], bool]] = {  # what of ``Info.results`` the page and the cards show
    **dict.fromkeys(("error", "held_out_error", "calibration"), fraction),
    **dict.fromkeys(("test_images", "held_out_images", "sides_images"), lambda v: isinstance(v, int)),
    "interval": lambda v: isinstance(v, list) and len(v) == 2 and all(map(fraction, v)),
    # error on single pictures by the side in pixels at which they were read
    "sides": lambda v: isinstance(v, dict) and all(k.isdecimal() and fraction(error) for k, error in v.items()),
    "ask": is_ask_table,
    # how settings were chosen, where the test pictures were looked at before
    "selection": lambda v: isinstance(v, str),
    # {what people call another test set: what was measured on it}
    "more_tests": lambda v: isinstance(v, dict) and all(map(test_result, v.values())),
}
FITS: dict[str, Callable[[object], bool]] = {  # what config.json may hold of Info
    "class_names": lambda v: isinstance(v, list) and all(isinstance(name, str) for name in v) and len({*v}) == len(v),
    "mean": three_numbers,
    "std": lambda v: three_numbers(v) and min(v) > 0,
    "dataset": lambda v: isinstance(v, str),
    "recipe": lambda v: isinstance(v, dict),
    "results": lambda v: isinstance(v, dict) and all(fits(v[key]) for key, fits in RESULTS.items() if key in v),
}


def read_config(folder: Path) -> dict:
    """config.json as a dictionary, checked for the keys that loading needs and for the values that ``Info`` takes."""
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
        raise CheckpointError(f"{name}: {CONFIG} has unexpected values under {', '.join(wrong)}")
    return config


def info_of(config: dict) -> Info:
    """The ``Info`` part of a config.json."""
    values = {f.name: config[f.name] for f in dataclasses.fields(Info) if f.name in config}
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    return Info(**fields)
