"""The command line of the networks: python -m model --help."""

from __future__ import annotations

import dataclasses
import os
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from model.home import AtHome

app = typer.Typer(
    cls=AtHome,
    add_completion=False,
    no_args_is_help=True,
    help="Explain pictures; list, describe and export the networks.",
)
PROCESS = (("RANK", 0), ("WORLD_SIZE", 1), ("LOCAL_RANK", 0))  # as torchrun and accelerate launch tell each process


class Precision(str, Enum):
    """How floating-point weights are stored."""

    float32 = "float32"
    float16 = "float16"
    bfloat16 = "bfloat16"


@app.command("list")
def names() -> None:
    """Print the name of every network, one on each line."""
    from model.networks.zoo import list_names

    print("\n".join(list_names()))


@app.command()
def export(
    source: Annotated[str, typer.Argument(help="A checkpoint folder, the name of a shipped one, or a Hub id.")],
    destination: Annotated[Path, typer.Argument(help="The new checkpoint's folder, or the ONNX file.")],
    prune: Annotated[
        bool, typer.Option("--prune", help="Leave out the global branch of pc or uniform, which changes no answer.")
    ] = False,
    dtype: Annotated[Precision, typer.Option(help="The precision to store weights in.")] = Precision.float32,
    onnx: Annotated[bool, typer.Option("--onnx", help="Write one ONNX file instead, in float32.")] = False,
) -> None:
    """Write a checkpoint in another form: pruned, in half precision, or as an ONNX file."""
    import torch

    from model import AttendingNetwork, CheckpointError, Network

    if onnx and dtype != Precision.float32:
        raise ValueError("an ONNX file holds float32: leave --dtype out")
    if onnx and destination.exists():
        raise CheckpointError(f"{destination} exists; name a new file")
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise CheckpointError(f"{destination} is not an empty folder; name a new one")
    net = Network.from_pretrained(source)
    before = sum(p.numel() for p in net.parameters())
    if prune:
        if not isinstance(net, AttendingNetwork):
            raise CheckpointError(f"{source} is a {type(net).__name__}, which has nothing to prune")
        net = net.without_global_branch()
    if onnx:
        from model.onnx_file import write_onnx

        write_onnx(net, destination)
        print(f"{destination}: {destination.stat().st_size / 1e6:.1f} MB")
        return
    torch_dtype = getattr(torch, dtype.value)
    if not all(v.to(torch_dtype).isfinite().all() for v in net.state_dict().values() if v.is_floating_point()):
        raise CheckpointError(f"{source} has weights that {dtype.value} cannot hold; bfloat16 has float32's range")
    if torch_dtype != torch.float32 and net.info.results:
        net.info = dataclasses.replace(net.info, results={**net.info.results, "rounded_to": dtype.value})
    net.save_pretrained(destination, dtype=torch_dtype)
    after = sum(p.numel() for p in net.parameters())
    print(f"{destination}: {after:,} parameters of {before:,}, in {dtype.value}")


@app.command()
def explain(
    sources: Annotated[list[Path], typer.Argument(help="Pictures, and folders of pictures at any depth.")],
    checkpoint: Annotated[str, typer.Option(help="A checkpoint folder, the name of a shipped one, or a Hub id.")],
    out: Annotated[Path, typer.Option(help="The folder to write into.")],
    side: Annotated[int, typer.Option(min=0, help="Side in pixels that the network reads; 0 is its own.")] = 0,
    batch: Annotated[int, typer.Option(min=1, help="Pictures in a forward pass.")] = 64,
    pictures: Annotated[bool, typer.Option("--pictures", help="Also draw each map over its picture.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an earlier run stopped.")] = False,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 ...; by default cuda where there is one.")] = "",
) -> None:
    """Explain pictures: a JSON line for each, maps in .npz files.

    torchrun or accelerate launch splits the files among processes and machines.
    """
    import torch
    from tqdm import tqdm

    from model import Network
    from model.explain_files import explain_files, list_pictures
    from model.machine import device_fault, limit_threads

    limit_threads()
    rank, world, local = (int(os.environ.get(name, default)) for name, default in PROCESS)
    files = list_pictures(sources, out)
    if not files:
        raise ValueError(f"there are no pictures in {', '.join(map(str, sources))}")
    device = device or (f"cuda:{local}" if torch.cuda.is_available() else "cpu")
    if fault := device_fault(device):
        raise ValueError(f"the device {device} cannot be used: {fault}")
    net = Network.from_pretrained(checkpoint).to(device)
    of_all = f"process {rank + 1} of {world}: " if world > 1 else ""
    off = True if rank else None  # None: where there is no terminal
    with tqdm(total=len(files) // world, desc=of_all or None, unit=" pictures", disable=off) as bar:
        summary = explain_files(net, files, out, side, batch, pictures, resume, rank, world, bar.update)
    before = f", {summary.skips:,} files were done before" if summary.skips else ""
    print(f"{of_all}{summary.answers:,} pictures explained{before}, {len(summary.bad):,} bad files; see {out}")
    for file, why in summary.bad.items():
        print(f"{file} is {why}", file=sys.stderr)


@app.command()
def bench(
    checkpoint: Annotated[str, typer.Option(help="The network to measure.")] = "vgg-att3-dp-cifar10-s",
    count: Annotated[int, typer.Option(min=64, help="Number of pictures: PNG files of 32 x 32 pixels.")] = 1024,
    rounds: Annotated[int, typer.Option(min=1, help="How often each of the two is timed, in turn.")] = 5,
) -> None:
    """Compare the speed of `explain` with decoding the files and then running the bare network."""
    from model.bench import measure

    print(measure(checkpoint, count, rounds))


@app.command()
def table(
    match: Annotated[str, typer.Option(help="Only the networks whose name contains this.")] = "",
    rounds: Annotated[int, typer.Option(min=1, help="How often each network is timed, in turn.")] = 5,
    batch: Annotated[int, typer.Option(min=1, help="Images in a forward pass.")] = 4,
    width: Annotated[float, typer.Option(help="Multiplies every channel count; 1 is the paper's network.")] = 1.0,
) -> None:
    """Print docs/architectures.md: parameters, multiply-adds, maps and forward time of every network."""
    from model.networks.zoo import list_names
    from model.table import document

    names = [name for name in list_names() if match in name]
    if not names:
        raise ValueError(f"no network's name contains {match!r}")
    print(document(names, rounds, batch, width), end="")


def main() -> None:
    """Runs the command line; a user's mistake ends in one sentence and exit code 2."""
    try:
        app()
    except (ValueError, OSError) as e:  # CheckpointError, bad arguments, a folder that cannot be written
        message = f"{e.filename or 'the output'}: {e.strerror}" if isinstance(e, OSError) and e.strerror else e
        print(f"error: {message}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
