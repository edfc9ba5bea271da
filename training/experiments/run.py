"""The beginning and the end of every experiment: loads networks and data, prints the rows.

An experiment is a file here whose ``measure(nets, data, **options)`` returns a table in Markdown and its rows by name,
and a command in ``training.__main__`` that calls ``experiment``.
"""

from __future__ import annotations

import dataclasses
import json
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import torch

from model import Network
from training import data
from training.parallel import accelerator
from training.provenance import environment


def experiment(
    name: str,
    checkpoints: list[str],
    data_dir: Path,
    split_seed: int | None,
    device: str,
    as_json: bool,
    dataset: str = "",
    **options: Any,
) -> None:
    """Loads the checkpoints and their data, measures them by ``training.experiments.<name>``, and prints the answer."""
    module = import_module(f"training.experiments.{name}")
    nets, pictures = load(checkpoints, data_dir, split_seed, device, dataset)
    show(*module.measure(nets, pictures, **options), device, as_json)


def load(
    checkpoints: list[str], data_dir: Path, split_seed: int | None, device: str, dataset: str = ""
) -> tuple[dict[str, Network], data.Dataset]:
    """{checkpoint: network on the device}; and the data, ``dataset`` or else what all networks were trained on.

    Raises:
        ValueError: they were trained on different data, or for pictures of different sizes.
    """
    nets = {checkpoint: Network.from_pretrained(checkpoint) for checkpoint in checkpoints}

    def seed_of(net: Network) -> int:  # only a folder's test pictures depend on it
        return net.info.recipe.get("split_seed", 0) if net.info.dataset.startswith("folder:") else 0

    seeds = {split_seed} if split_seed is not None else {seed_of(net) for net in nets.values()}
    names = {dataset} if dataset else {trained_on(checkpoint, net) for checkpoint, net in nets.items()}
    (name, seed), *others = product(names, seeds)
    size, *sizes = {net.arguments["input_size"] for net in nets.values()}
    if others or sizes:
        raise ValueError("these networks were trained on different data, or for pictures of different sizes")
    pictures = data.load(name, data_dir, seed, size)
    there = accelerator(device).device
    return {k: net.to(there).to(memory_format=torch.channels_last) for k, net in nets.items()}, pictures


def trained_on(checkpoint: str, net: Network) -> str:
    """The data set that a network was trained on.

    Raises:
        ValueError: the checkpoint does not say.
    """
    if not net.info.dataset:
        raise ValueError(f"{checkpoint} does not say what it was trained on; evaluate and transfer take a --dataset")
    return net.info.dataset


def show(table: str, answer: dict[str, list], device: str, as_json: bool = False) -> None:
    """Prints a table and what it was measured on; ``as_json`` adds its rows as one JSON object on the last line."""
    where = environment(accelerator(device).device)
    print(f"{table}\n\nMeasured on {where['hardware']}; {where['versions']}; commit {where['commit'] or 'unknown'}.")
    if as_json:
        print(json.dumps({key: [as_plain(row) for row in rows] for key, rows in answer.items()}))


def as_plain(row: Any) -> dict:
    return row.to_json() if hasattr(row, "to_json") else dataclasses.asdict(row)
