"""The command line of training: python -m training --help."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Train, measure and publish attention networks.")


def device_of(name: str):
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as e:
        raise ValueError(f"the device {name!r} cannot be used here") from e
    return device


@app.command()
def fit(
    out: Annotated[Path, typer.Option(help="The run's folder.")],
    arch: Annotated[str, typer.Option(help="Which network, by name.")] = "vgg-att3-concat-dp",
    dataset: Annotated[str, typer.Option(help="Which data.")] = "cifar10",
    data_dir: Annotated[Path, typer.Option(help="Where the data are.")] = Path("data"),
    width: Annotated[float, typer.Option(help="Multiplies every channel count; 1 is the paper's network.")] = 1.0,
    recipe: Annotated[str, typer.Option(help="fast.")] = "fast",
    stages: Annotated[str | None, typer.Option(help="Pixels x epochs, such as 16x4,24x3,32x3.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=2)] = None,
    lr: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    weight_decay: Annotated[float | None, typer.Option()] = None,
    label_smoothing: Annotated[float | None, typer.Option(min=0, max=0.9)] = None,
    ema: Annotated[float | None, typer.Option(min=0, max=0.99999)] = None,
    dropout: Annotated[float | None, typer.Option(min=0, max=1.9, help="Multiplies the paper's rates.")] = None,
    cutout: Annotated[int | None, typer.Option(min=0)] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    holdout: Annotated[int, typer.Option(min=0, help="Hold out so many training pictures to choose settings by.")] = 0,
    limit: Annotated[int, typer.Option(min=0, help="Train on the first so many pictures only.")] = 0,
    scale_scores: Annotated[bool, typer.Option(help="dp: divide scores by sqrt(channels).")] = True,
    precision: Annotated[str, typer.Option(help="auto, float32 or bf16.")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    resume: Annotated[bool, typer.Option(help="Go on with the run in --out.")] = False,
) -> None:
    """Train a network from scratch; the averaged weights of the last epoch are the checkpoint in --out."""
    from training import data, recipes
    from training.fit import Run, Settings, choose_precision, command_line

    if recipe != "fast":
        raise ValueError(f"there is no recipe called {recipe!r}; there is fast")
    if precision not in ("auto", "float32", "bf16"):
        raise ValueError(f"precision must be auto, float32 or bf16, not {precision!r}")
    given = {
        "stages": recipes.parse_stages(stages) if stages else None,
        "batch_size": batch_size,
        "lr": lr,
        "weight_decay": weight_decay,
        "label_smoothing": label_smoothing,
        "ema": ema,
        "dropout": dropout,
        "cutout": cutout,
    }
    chosen = dataclasses.replace(recipes.FAST, **{k: v for k, v in given.items() if v is not None})
    where = device_of(device)
    settings = Settings(
        arch=arch,
        dataset=dataset,
        width=width,
        recipe=chosen,
        seed=seed,
        holdout=holdout,
        precision=choose_precision(where) if precision == "auto" else precision,
        scale_scores=scale_scores,
        limit=limit,
    )
    run = Run(settings, data.load(dataset, data_dir), out, where, command_line())
    run.start(resume)
    run.fit(show=sys.stderr.isatty())


@app.command()
def evaluate(
    checkpoint: Annotated[str, typer.Argument(help="A run, a checkpoint folder, or a Hub id.")],
    dataset: Annotated[str | None, typer.Option(help="Which data; default: those it was trained on.")] = None,
    data_dir: Annotated[Path, typer.Option(help="Where the data are.")] = Path("data"),
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")] = False,
) -> None:
    """Measure a checkpoint's error on the whole test split, per class, and its calibration."""
    import torch

    from model import Network
    from training import data
    from training.evaluate import evaluate as measure

    net = Network.from_pretrained(checkpoint).to(device_of(device), memory_format=torch.channels_last)
    measured = measure(net, data.load(dataset or net.info.dataset, data_dir))
    low, high = (100 * v for v in measured.interval)
    print(
        f"error {100 * measured.error:.2f} % (95 % interval {low:.2f} to {high:.2f}) on {measured.images:,} test pictures"
    )
    for name, error in measured.per_class.items():
        print(f"  {name:12} {100 * error:6.2f} %")
    print(f"expected calibration error {100 * measured.calibration:.2f} %")
    if as_json:
        print(json.dumps({"checkpoint": checkpoint, **measured.as_dict()}))


def main() -> None:
    """Runs the command line; a mistake of the user's ends in one sentence and exit code 2."""
    try:
        app()
    except ValueError as e:  # CheckpointError, DataError, RunError and bad arguments
        print(f"error: {e}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
