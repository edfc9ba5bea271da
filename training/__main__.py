"""The command line of training: python -m training --help."""

from __future__ import annotations

import dataclasses
import inspect
import json
import sys
from collections.abc import Callable
from contextlib import nullcontext
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from model.datasets import DATASETS
from model.home import AtHome
from training.experiments import EXPERIMENTS, Experiment
from training.recipes import Recipe

LAST_SEED = 2**31
SPLIT_SEED = "Chooses the test pictures of folder:PATH, and the fold of stl10; by default as in training."
FIRST_SPLIT = "Chooses the test pictures of folder:PATH, and the fold of stl10."
Checkpoints = Annotated[list[str], typer.Argument(help="Runs, checkpoint folders, shipped names, or Hub ids.")]
DataDir = Annotated[Path, typer.Option(help="Where the data are.")]
SplitSeed = Annotated[int | None, typer.Option(min=0, max=LAST_SEED, help=SPLIT_SEED)]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on the last line.")]
RESIZABLE = ", ".join(name for name, row in DATASETS.items() if row.resizable)
INPUT_SIZE = f"Side of the pictures in pixels, for {RESIZABLE}; 0 is the data set's own."
SCALES = {"yes": True, "no": False, "learnt": "learnt"}
app = typer.Typer(
    cls=AtHome, add_completion=False, no_args_is_help=True, help="Train, measure and publish attention networks."
)


def with_recipe_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds an option for each field of a recipe to a command that takes them as ``**changes``."""
    signature = inspect.signature(command, eval_str=True)
    fixed = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    types = get_type_hints(Recipe)
    for field in dataclasses.fields(Recipe):
        if facts := field.metadata:
            kind = str if facts["read"] else types[field.name]
            option = typer.Option(None, help=facts["help"], min=facts["low"], max=facts["high"])
            by_name = inspect.Parameter.KEYWORD_ONLY
            fixed.append(inspect.Parameter(field.name, by_name, default=option, annotation=kind | None))
    function: Any = command  # a plain function, which takes any attribute
    function.__signature__ = signature.replace(parameters=fixed)
    return command


@app.command()
@with_recipe_options
def fit(
    out: Annotated[Path, typer.Option(help="The run's folder.")],
    arch: Annotated[str, typer.Option(help="Its name; python -m model list prints all.")] = "vgg-att3-concat-dp",
    dataset: Annotated[str, typer.Option(help=f"{', '.join(DATASETS)}:PATH.")] = "cifar10",
    data_dir: DataDir = Path("data"),
    recipe: Annotated[
        str, typer.Option(help="fast or paper. Each option from --stages on changes one of its settings.")
    ] = "fast",
    width: Annotated[float, typer.Option(help="Multiplies every channel count; 1 is the paper's network.")] = 1.0,
    scale_scores: Annotated[
        str | None,
        typer.Option(help="Whether dp divides scores by sqrt(channels): yes, no, learnt. Default: yes; for paper no."),
    ] = None,
    start: Annotated[
        str, typer.Option(help="A checkpoint to start from. Its classifier is kept if the classes are the same.")
    ] = "",
    seed: Annotated[int, typer.Option(min=0, max=LAST_SEED, help="Decides everything that is random.")] = 0,
    input_size: Annotated[int, typer.Option(min=0, help=INPUT_SIZE)] = 0,
    split_seed: Annotated[
        int,
        typer.Option(
            min=0, max=LAST_SEED, help="Chooses held-out pictures, a folder's test pictures, and the fold of stl10."
        ),
    ] = 0,
    holdout: Annotated[
        int, typer.Option(min=0, help="Number of training pictures to set aside, to choose settings by.")
    ] = 0,
    limit: Annotated[int, typer.Option(min=0, help="Number of training pictures, drawn at random; 0 is all.")] = 0,
    precision: Annotated[str, typer.Option(help="auto, float32 or bf16.")] = "auto",
    device: Device = "auto",
    save_every: Annotated[
        int,
        typer.Option(
            min=0,
            help="Number of steps between saved states; 0 saves at the end of each epoch only.",
        ),
    ] = 0,
    resume: Annotated[bool, typer.Option(help="Go on with the run in --out.")] = False,
    **changes: Any,
) -> None:
    """Train a network. The checkpoint in --out is that of the last epoch.

    SIGTERM, Ctrl-C or a closed terminal saves the run for --resume, and fit exits with 128 + the signal's number.
    """
    from model.card import front_matter
    from training import data
    from training.fit import fit as train
    from training.parallel import accelerator
    from training.provenance import command_line
    from training.recipes import registry
    from training.run import Run
    from training.run_folder import RunFolder
    from training.settings import Settings
    from training.start import choose_precision
    from training.stopping import Stopped

    if precision not in ("auto", "float32", "bf16"):
        raise ValueError(f"precision must be auto, float32 or bf16, not {precision!r}")
    if scale_scores not in (None, *SCALES):
        raise ValueError(f"scale-scores must be {', '.join(SCALES)}, not {scale_scores!r}")
    full_recipe = registry.find_recipe(recipe, dataset, arch).with_changes(changes)
    place, folder = accelerator(device), RunFolder(out)
    # The precision that the run began with: auto may mean another one on this machine.
    goes_on = resume and folder.has_state and precision == "auto"
    old_precision = folder.read_settings().get("precision") if goes_on else None
    settings = Settings(
        arch=arch,
        dataset=dataset,
        recipe=full_recipe,
        width=width,
        seed=seed,
        input_size=input_size,
        split_seed=split_seed,
        holdout=holdout,
        precision=old_precision or (choose_precision(place.device) if precision == "auto" else precision),
        scale_scores=SCALES[scale_scores or ("no" if full_recipe.name == "paper" and arch.endswith("-dp") else "yes")],
        start=start,
        limit=limit,
    )
    with place.local_main_process_first():  # one process on each machine fetches the data
        pictures = data.load(dataset, data_dir, split_seed, input_size or None)
    place.print(pictures.overview, flush=True)
    # A card that the Hub would refuse is refused now, and not after the training.
    front_matter(folder.path.resolve().name, {"architecture": arch, "dataset": pictures.name, "results": {"error": 0}})
    run = Run(settings, pictures, folder, place, command_line(), from_state=resume and folder.has_state)
    if run.last_side != pictures.input_size and place.is_main_process:
        side = f"the last epochs are at {run.last_side} pixels a side, the result is measured at {pictures.input_size}"
        print(f"note: {side}", file=sys.stderr, flush=True)
    with folder.open(settings, resume) if place.is_main_process else nullcontext():
        if resume:
            run.state.resume(folder, place)
        run.stop.listen()
        try:
            train(run, show=sys.stderr.isatty(), save_every=save_every)
        except Stopped as e:
            place.print(f"stopped in epoch {run.state.epoch + 1}; --resume goes on from here", flush=True)
            raise typer.Exit(e.status) from None


@app.command()
def evaluate(
    checkpoint: Annotated[str, typer.Argument(help="A run, a checkpoint folder, a shipped name, or a Hub id.")],
    dataset: Annotated[str, typer.Option(help="The data set; default: the one it was trained on.")] = "",
    data_dir: DataDir = Path("data"),
    split_seed: SplitSeed = None,
    side: Annotated[
        list[int],
        typer.Option(
            min=1, max=1024, help="Also read the pictures at this side in pixels; may be given several times."
        ),
    ] = [],  # noqa: B006
    confusion: Annotated[Path | None, typer.Option(help="Draw the confusion matrix into this PNG file.")] = None,
    save: Annotated[bool, typer.Option("--save", help="Keep the result in the checkpoint's config and card.")] = False,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Measure a checkpoint's error on all test pictures, in total and by class, and its calibration."""
    from training import evaluate as measuring
    from training.experiments import run

    nets, data = run.load([checkpoint], data_dir, split_seed, device, dataset)
    if save:
        run.check_own(nets, data, split_seed)  # now, and not after it was measured
    measurement = measuring.evaluate(nets[checkpoint], data, side)
    low, high = (100 * v for v in measurement.interval)
    interval = f"95 % interval {low:.2f} to {high:.2f}"
    print(f"error {100 * measurement.error:.2f} % ({interval}) on {measurement.images:,} test pictures")
    for name, error in measurement.per_class.items():
        print(f"  {name:12} {100 * error:6.2f} %")
    sure = f"mean confidence {100 * measurement.confidence:.2f} %, {100 * (1 - measurement.error):.2f} % right"
    print(f"expected calibration error {100 * measurement.calibration:.2f} % ({sure})")
    for at, error in measurement.sides.items():
        print(f"error {100 * error:.2f} % at {at} px")
    for title, other in measurement.more.items():
        low, high = (100 * v for v in other.interval)
        interval = f"95 % interval {low:.2f} to {high:.2f}"
        print(f"error {100 * other.error:.2f} % ({interval}) on {other.images:,} test pictures of {title}")
    if save:
        measuring.save(checkpoint, nets[checkpoint], measurement)
    if confusion:
        measuring.draw_confusion(measurement, confusion)
    if as_json:
        print(json.dumps({"checkpoint": checkpoint, **measurement.as_dict()}))


def experiment_command(name: str, row: Experiment) -> Callable[..., None]:
    """The command of an experiment: its own options, and those that all experiments have."""

    def command(**options: Any) -> None:
        from training.experiments.run import experiment

        experiment(name, **options)

    options: dict[str, Any] = {"checkpoints": (Checkpoints, inspect.Parameter.empty), **row.options}
    if row.dataset:
        options["dataset"] = (str, typer.Option(row.dataset, help="The other data, by name or folder:PATH."))
        options["split_seed"] = (int, typer.Option(0, min=0, max=LAST_SEED, help=FIRST_SPLIT))
        options["splits"] = (int, typer.Option(1, min=1, help="Number of splits, to average over; stl10 has ten."))
    elif not row.own_pictures:
        options["split_seed"] = (SplitSeed, None)
    options["data_dir"] = (DataDir, Path("data"))
    options |= {"device": (Device, "auto"), "as_json": (AsJson, False)}
    by_name = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(name, by_name, default=default, annotation=kind) for name, (kind, default) in options.items()
    ]
    function: Any = command  # a plain function, which takes any attribute
    function.__signature__ = inspect.Signature(parameters)
    return command


for name, row in EXPERIMENTS.items():
    app.command(name, help=row.help)(experiment_command(name, row))


@app.command()
def push(
    run: Annotated[Path, typer.Argument(help="A run or checkpoint folder.")],
    repo: Annotated[str, typer.Argument(help="Where to, as user/repo.")],
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
    overwrite_readme: Annotated[
        bool, typer.Option("--overwrite-readme", help="Replace a card that is already there.")
    ] = False,
) -> None:
    """Publish a checkpoint on the Hugging Face Hub, in one commit."""
    from training.push import push as publish

    print(publish(run, repo, private, overwrite_readme))


@app.command()
def bench(
    arch: Annotated[str, typer.Option(help="Which network.")] = "vgg-att3-concat-dp",
    width: Annotated[float, typer.Option(help="Multiplies every channel count.")] = 0.25,
    data_dir: Annotated[Path, typer.Option(help="Where CIFAR-10 is.")] = Path("data"),
    steps: Annotated[int, typer.Option(min=1, help="Steps in a round.")] = 8,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of each step, in turn.")] = 5,
    workers: Annotated[int, typer.Option(min=0, help="Processes of the textbook loader.")] = 2,
    compiled: Annotated[bool, typer.Option("--compiled", help="Also time ours under torch.compile.")] = False,
    device: Device = "auto",
) -> None:
    """Time our training step beside a textbook step, on the same network in the same run."""
    from training import bench as benchmark
    from training import data

    rows, where = benchmark.bench(arch, width, data.load("cifar10", data_dir), device, steps, rounds, workers, compiled)
    what = f"{arch} at width {width:g}, batch 128, {rounds} rounds of {steps} steps"
    print(benchmark.table(rows, f"{what}; {where['hardware']}, {where['versions']}"))


@app.command()
def report() -> None:
    """Write the tables of README.md and docs/results.md again, from the shipped checkpoints."""
    from training.report import report as write

    for file in write():
        print(file.name)


def main() -> None:
    """Runs the command line; a mistake of the user's ends in one sentence and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a class name may have letters that a terminal lacks
    try:
        app()
    except ValueError as e:  # CheckpointError, DataError, RunError, PushError and bad arguments
        print(f"error: {e}", file=sys.stderr)
        sys.exit(2)
    except (MemoryError, RuntimeError) as e:
        from accelerate.utils.memory import should_reduce_batch_size as of_memory

        if not isinstance(e, MemoryError) and not of_memory(e):
            raise
        print("error: there is not enough memory: use smaller batches, pictures or widths", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
