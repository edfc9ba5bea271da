"""How fast a training step is: ours beside a textbook step, on the same network, in the same run.

    python -m training bench --width 0.25

The textbook step reads pictures through a DataLoader with worker processes and per-picture torchvision transforms, in
the default memory format and float32. Ours augments whole batches on the device, in channels_last, in the precision
that ``fit`` chooses. Both do the same augmentation and the same SGD step; ours averages the weights besides. Rounds
alternate; medians are reported. The last column is the arithmetic achieved, over the machine's own rate for a large
matrix product in the same precision, measured in the same run. With --compiled our step is also measured through
torch.compile, which ``fit`` does not use.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import statistics
import time
from collections.abc import Iterator, Sequence

import torch
from torch import nn
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset
from torch.utils.flop_counter import FlopCounterMode

from training.data import Dataset, Split
from training.parallel import accelerator
from training.provenance import environment
from training.recipes.registry import find_recipe
from training.run_folder import RunFolder
from training.settings import Settings
from training.start import build, choose_precision, optimiser


@dataclasses.dataclass(frozen=True)
class Speed:
    """Medians over rounds.

    Attributes:
        step: "ours", "ours, compiled" or "textbook".
        precision: "float32" or "bf16".
        images_per_second: pictures trained on.
        spread: lowest and highest round, images/s.
        gflops: arithmetic achieved, 1e9 floating-point operations a second.
        matmul_gflops: the machine's rate for a matrix product in that precision.
    """

    step: str
    precision: str
    images_per_second: float
    spread: tuple[float, float]
    gflops: float
    matmul_gflops: float

    @property
    def share(self) -> float:
        return self.gflops / self.matmul_gflops


class Pictures(TorchDataset):
    """Single pictures through per-picture transforms, as in textbooks."""

    def __init__(self, split: Split, mean: Sequence[float], std: Sequence[float]):
        from torchvision.transforms import v2

        self.split = split
        self.transform = v2.Compose(
            [
                v2.RandomCrop(split.images.shape[-1], padding=4, padding_mode="reflect"),
                v2.RandomHorizontalFlip(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(mean, std),
            ]
        )

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.transform(self.split.images[index]), self.split.labels[index]


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def matmul_rate(precision: str, device: torch.device, size: int = 2048, repeats: int = 5) -> float:
    """GFLOP/s of a square matrix product, the best of ``repeats``."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b = torch.randn(2, size, size, device=device, dtype=dtype)
    best = float("inf")
    for _ in range(repeats + 1):
        synchronise(device)
        began = time.perf_counter()
        a @ b
        synchronise(device)
        best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best / 1e9


def flops_per_image(settings: Settings, data: Dataset) -> float:
    """Floating-point operations of one picture's forward and backward pass (a multiply-add is two)."""
    net = build(settings, data)
    with FlopCounterMode(display=False) as counter:
        net(torch.randn(2, 3, data.input_size, data.input_size))[0].sum().backward()
    return counter.get_total_flops() / 2


def our_steps(settings: Settings, data: Dataset, device: str, compiled: bool = False) -> Iterator[None]:
    """Endless steps of ``fit`` itself, or of ``fit`` with a compiled network."""
    from training.fit import step
    from training.run import Run

    run = Run(settings, data, RunFolder("unused"), accelerator(device))
    generator, number = torch.Generator().manual_seed(0), 0
    run.net.train()
    if compiled:
        run.wrapped = torch.compile(run.wrapped)
    while True:
        for index in torch.randperm(len(run.batches.train), generator=generator).split(run.recipe.batch_size):
            if len(index) == run.recipe.batch_size:
                step(run, number % run.steps, *run.batches.draw(index, data.input_size, generator))
                number += 1
                yield


def textbook_steps(settings: Settings, data: Dataset, device: torch.device, workers: int) -> Iterator[None]:
    """Endless steps as textbooks write them."""
    net = build(settings, data).to(device).train()
    descent, recipe = optimiser(net, settings.recipe), settings.recipe
    loader = DataLoader(
        Pictures(data.train, data.mean, data.std),
        batch_size=recipe.batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=device.type == "cuda",
    )
    while True:
        for x, y in loader:
            loss = nn.functional.cross_entropy(
                net(x.to(device))[0], y.to(device), label_smoothing=recipe.label_smoothing
            )
            descent.zero_grad()
            loss.backward()
            descent.step()
            yield


def bench(
    arch: str,
    width: float,
    data: Dataset,
    device: str = "auto",
    steps: int = 8,
    rounds: int = 5,
    workers: int = 2,
    compiled: bool = False,
) -> tuple[list[Speed], dict[str, str]]:
    """Measures both steps, alternately.

    Args:
        arch, width: which network.
        data: its training pictures are used.
        device: "auto", "cpu" or "cuda".
        steps: steps a round.
        rounds: rounds of each; medians are kept.
        workers: the textbook loader's processes.
        compiled: measure ours through torch.compile too, which needs a C++ compiler on a CPU.

    Returns:
        The rows: ours in the chosen precision, ours in float32 if that differs, both of them compiled if asked for, and
        the textbook step. Then the environment.

    Raises:
        ValueError: no network has that name, or there is no compiler where one is needed.
    """
    place = accelerator(device).device
    compiler = os.environ.get("CXX", "g++")
    if compiled and place.type == "cpu" and not shutil.which(compiler):
        raise ValueError(f"torch.compile needs a C++ compiler on a CPU, and there is no {compiler} here")
    precision_here = choose_precision(place)
    recipe = dataclasses.replace(find_recipe("fast", data.name, arch), stages=((0, 1),))
    settings = Settings(arch=arch, dataset=data.name, recipe=recipe, width=width, precision="float32")
    runs = {
        (step, p): our_steps(dataclasses.replace(settings, precision=p), data, device, compiled=step != "ours")
        for step in ("ours", "ours, compiled")[: 1 + compiled]
        for p in dict.fromkeys((precision_here, "float32"))
    }
    runs["textbook", "float32"] = textbook_steps(settings, data, place, workers)
    for run in runs.values():
        next(run), next(run)  # warm up
    speeds = {kind: [] for kind in runs}
    for _ in range(rounds):
        for kind, run in runs.items():
            synchronise(place)
            began = time.perf_counter()
            for _ in range(steps):
                next(run)
            synchronise(place)
            speeds[kind].append(steps * recipe.batch_size / (time.perf_counter() - began))
    flops, rates = flops_per_image(settings, data), {p: matmul_rate(p, place) for p in {p for _, p in runs}}
    rows = []
    for (step, precision), samples in speeds.items():
        median = statistics.median(samples)
        spread = (round(min(samples), 1), round(max(samples), 1))
        gflops = round(median * flops / 1e9, 1)
        rows.append(Speed(step, precision, round(median, 1), spread, gflops, round(rates[precision], 1)))
    return rows, environment(place)


def table(rows: list[Speed], title: str) -> str:
    """The measurements as a Markdown table, ratios and what they are made of."""
    textbook = next(row for row in rows if row.step == "textbook").images_per_second
    lines = [title, "", "| step | precision | images/s | spread | x textbook | GFLOP/s | share of matrix product |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for row in rows:
        low, high = row.spread
        lines.append(
            f"| {row.step} | {row.precision} | {row.images_per_second:.1f} | {low:.1f} to {high:.1f} | "
            f"{row.images_per_second / textbook:.2f} | {row.gflops:.1f} | {100 * row.share:.0f} % |"
        )
    rates = {row.precision: row.matmul_gflops for row in rows}
    speeds = ", ".join(f"{rate:.1f} GFLOP/s in {precision}" for precision, rate in rates.items())
    return "\n".join([*lines, "", f"Matrix product: {speeds}."])
