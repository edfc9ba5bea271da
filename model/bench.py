"""How fast `explain` goes through files, compared with decoding them and running the bare network, in one run."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from model.explain_files import explain_files
from model.machine import processor, threads_in_use
from model.network import Network
from model.pictures import read_picture
from model.presets import network_input, square_pixels

BATCH = 64


def bare(net: Network, files: list[Path]) -> None:
    """Decodes the files, then classifies them, in batches; nothing is kept."""
    for i in range(0, len(files), BATCH):
        pixels = torch.stack([square_pixels(read_picture(file), net.input_size) for file in files[i : i + BATCH]])
        with torch.inference_mode():
            net(network_input(net, pixels))[0].argmax(1).tolist()


def measure(checkpoint: str, count: int, rounds: int) -> str:
    """Times both ways in turn and says how they compare.

    Args:
        checkpoint: see ``Network.from_pretrained``.
        count: pictures, of random pixels.
        rounds: how often.

    Returns:
        A sentence with rates and their ratio: the median, and the lowest to the highest.
    """
    net, times = Network.from_pretrained(checkpoint), {bare: [], explain_files: []}
    with tempfile.TemporaryDirectory() as folder:
        files, random = [Path(folder) / f"{i:06d}.png" for i in range(count)], np.random.default_rng(0)
        for file in files:
            Image.fromarray(random.integers(0, 256, (32, 32, 3), np.uint8)).save(file)
        bare(net, files[:BATCH])  # warms up
        for i in range(rounds):
            for way in (bare, explain_files) if i % 2 else (explain_files, bare):
                began = time.perf_counter()
                way(net, files) if way is bare else way(net, files, Path(folder) / f"out{i}")
                times[way].append(time.perf_counter() - began)
    ratios = [a / b for a, b in zip(times[bare], times[explain_files], strict=True)]
    rate, plain = (count / statistics.median(times[way]) for way in (explain_files, bare))
    spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return (
        f"explain: {rate:,.0f} pictures/s; decoding and the bare network: {plain:,.0f}; ratio {spread}; "
        f"{rounds} rounds of {count:,} pictures, {net.name}, {threads_in_use()} of {processor()}, "
        f"torch {torch.__version__}"
    )
