"""The beginning and the end of every experiment: loads networks and data, prints the rows."""

from __future__ import annotations

import dataclasses
import json
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import torch

from model import Network
from model.checkpoints import own_folder
from model.datasets import is_split_by_seed
from training import data
from training.experiments import EXPERIMENTS
from training.parallel import accelerator
from training.provenance import environment


def experiment(
    name: str,
    checkpoints: list[str],
    data_dir: Path,
    device: str,
    as_json: bool,
    split_seed: int | None = None,
    **options: Any,
) -> None:
    """Loads the checkpoints and their data, measures them by ``training.experiments.<name>``, and prints the answer."""
    module, row = import_module(f"training.experiments.{name}"), EXPERIMENTS[name]
    if row.own_pictures:
        nets, pictures = load_networks(checkpoints, device), data_dir
    elif row.dataset:
        other, splits = options.pop("dataset"), options.pop("splits")
        nets, pictures = load_splits(checkpoints, data_dir, split_seed or 0, splits, device, other)
    else:
        nets, pictures = load(checkpoints, data_dir, split_seed, device)
        if options.get("save"):
            check_own(nets, pictures, split_seed)
    show(*module.measure(nets, pictures, **options), device, as_json)


def load_networks(checkpoints: list[str], device: str) -> dict[str, Network]:
    """{checkpoint: network on the device}."""
    there = accelerator(device).device
    return {
        checkpoint: Network.from_pretrained(checkpoint).to(there).to(memory_format=torch.channels_last)
        for checkpoint in checkpoints
    }


def load(
    checkpoints: list[str], data_dir: Path, split_seed: int | None, device: str, dataset: str = ""
) -> tuple[dict[str, Network], data.Dataset]:
    """{checkpoint: network on the device}; and the data, ``dataset`` or else what all networks were trained on.

    Raises:
        ValueError: they were trained on different data, or for pictures of different sizes.
    """
    nets = load_networks(checkpoints, device)

    seeds = {split_seed} if split_seed is not None else {seed_of(net) for net in nets.values()}
    names = {dataset} if dataset else {training_data(checkpoint, net) for checkpoint, net in nets.items()}
    (name, seed), *others = product(names, seeds)
    size, *sizes = {net.arguments["input_size"] for net in nets.values()}
    if others or sizes:
        raise ValueError("these networks were trained on different data, or for pictures of different sizes")
    return nets, data.load(name, data_dir, seed, size)


def seed_of(net: Network) -> int:
    """What chose the test pictures of the data that a network was trained on; 0 where nothing is chosen."""
    return net.info.recipe.get("split_seed", 0) if is_split_by_seed(net.info.dataset) else 0


def check_own(nets: dict[str, Network], pictures: data.Dataset, split_seed: int | None) -> None:
    """Raises ValueError unless results can be kept: of each network's own test pictures, in a folder here."""
    for checkpoint, net in nets.items():
        own_folder(checkpoint)
        seed = split_seed if split_seed is not None and is_split_by_seed(pictures.name) else seed_of(net)
        if (pictures.name, seed) != (net.info.dataset, seed_of(net)):
            raise ValueError(f"--save keeps what is measured on {checkpoint}'s own test pictures, and these are others")


def load_splits(
    checkpoints: list[str], data_dir: Path, split_seed: int, count: int, device: str, dataset: str
) -> tuple[dict[str, Network], list[data.Dataset]]:
    """{checkpoint: network on the device}; and ``count`` splits of ``dataset``, from the split of ``split_seed`` on.

    Raises:
        ValueError: the networks are for pictures of different sizes; or the data set has one split only.
    """
    nets, first = load(checkpoints, data_dir, split_seed, device, dataset)
    seeds = range(split_seed + 1, split_seed + count)
    splits = [first, *(data.load(dataset, data_dir, seed, first.input_size) for seed in seeds)]
    if len({split.fingerprint for split in splits}) < count:
        raise ValueError(f"{dataset} has one split of its own; --splits is for stl10 and folders without a test split")
    return nets, splits


def training_data(checkpoint: str, net: Network) -> str:
    """The data set that a network was trained on.

    Raises:
        ValueError: the checkpoint does not say.
    """
    if not net.info.dataset:
        raise ValueError(f"{checkpoint} does not say what it was trained on; evaluate and transfer take a --dataset")
    return net.info.dataset


def show(table: str, answer: dict[str, list], device: str, as_json: bool) -> None:
    """Prints a table and what it was measured on; ``as_json`` adds its rows as one JSON object on the last line."""
    where = environment(accelerator(device).device)
    print(f"{table}\n\nMeasured on {where['hardware']}; {where['versions']}; commit {where['commit'] or 'unknown'}.")
    if as_json:
        print(json.dumps({key: [as_plain(row) for row in rows] for key, rows in answer.items()}))


def as_plain(row: Any) -> dict:
    return row.to_json() if hasattr(row, "to_json") else dataclasses.asdict(row)
