"""The command line of the networks: python -m model --help."""

from __future__ import annotations

import dataclasses
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from model.home import AtHome

app = typer.Typer(
    cls=AtHome, add_completion=False, no_args_is_help=True, help="List, describe and export the networks."
)


class Precision(str, Enum):
    """How floating-point weights are stored."""

    float32 = "float32"
    float16 = "float16"
    bfloat16 = "bfloat16"


@app.command("list")
def names() -> None:
    """Print the name of every network, one a line."""
    from model.networks.zoo import list_names

    print("\n".join(list_names()))


@app.command()
def export(
    source: Annotated[str, typer.Argument(help="A checkpoint folder, the name of a shipped one, or a Hub id.")],
    destination: Annotated[Path, typer.Argument(help="The new checkpoint's folder.")],
    prune: Annotated[bool, typer.Option("--prune", help="pc, uniform: leave the global branch out.")] = False,
    dtype: Annotated[Precision, typer.Option(help="The precision to store weights in.")] = Precision.float32,
) -> None:
    """Write a checkpoint again: pruned, or in half precision."""
    import torch

    from model import AttendingNetwork, CheckpointError, Network

    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise CheckpointError(f"{destination} is not an empty folder; name a new one")
    net = Network.from_pretrained(source)
    before = sum(p.numel() for p in net.parameters())
    if prune:
        if not isinstance(net, AttendingNetwork):
            raise CheckpointError(f"{source} is a {type(net).__name__}, which has nothing to prune")
        net = net.pruned()
    stored = getattr(torch, dtype.value)
    if not all(v.to(stored).isfinite().all() for v in net.state_dict().values() if v.is_floating_point()):
        raise CheckpointError(f"{source} has weights that {dtype.value} cannot hold; bfloat16 has float32's range")
    if stored != torch.float32 and net.info.results:
        net.info = dataclasses.replace(net.info, results={**net.info.results, "rounded_to": dtype.value})
    net.save_pretrained(destination, dtype=stored)
    after = sum(p.numel() for p in net.parameters())
    print(f"{destination}: {after:,} parameters of {before:,}, in {dtype.value}")


@app.command()
def table(
    match: Annotated[str, typer.Option(help="Only the networks whose name contains this.")] = "",
    rounds: Annotated[int, typer.Option(min=1, help="How often each network is timed, in turn.")] = 5,
    batch: Annotated[int, typer.Option(min=1, help="Images a forward pass.")] = 4,
    width: Annotated[float, typer.Option(help="Multiplies every channel count; 1 is the paper's network.")] = 1.0,
) -> None:
    """Print docs/architectures.md: parameters, multiply-adds, maps and forward time of every network."""
    from model.networks.zoo import list_names
    from model.table import document

    chosen = [name for name in list_names() if match in name]
    if not chosen:
        raise ValueError(f"no network's name contains {match!r}")
    print(document(chosen, rounds, batch, width), end="")


def main() -> None:
    """Runs the command line; a mistake of the user's ends in one sentence and exit code 2."""
    try:
        app()
    except ValueError as e:  # CheckpointError and bad arguments
        print(f"error: {e}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
