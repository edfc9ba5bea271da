"""The table of all networks, docs/architectures.md: python -m model table > docs/architectures.md."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from model.machine import processor
from model.network import Network
from model.networks.attending import AttendingNetwork
from model.networks.zoo import build

INTRODUCTION = """\
# Architectures

Printed by `python -m model table`. `model.build(name, num_classes=10, width=1.0)` builds the network of every name; it
returns `(logits, maps)`. Sizes are those of one 32 x 32 picture and ten classes. l is a position's local feature, of C
channels, and g the global feature: see [README](../README.md#how-attention-is-computed).

| name | what it is |
|---|---|
| `vgg` | the paper's baseline: 13 convolutions, five pools, two linear layers |
| `vgg-gap` | the attention networks' trunk, averaged over positions; the map is CAM of the winning class |
| `vgg-pan` | progressive attention: a sigmoid gate at conv10, a softmax at conv13 |
| `vgg-global` | ours, a control: the trunk's global feature g, classified by itself |
| `vgg-att1`, `-att2`, `-att3` | the paper's: attention at conv13; conv10 and conv13; conv7, conv10 and conv13 |
| `resnet164`, `resnet164-att2` | pre-activation bottlenecks; attention at the outputs of stages 2 and 3 |

Then a name gives the head. `concat` has one linear layer over all attended vectors; `indep` has one for each level, and
adds their logits. Last comes the compatibility, the score of a position:

- `dp`: <l, g> / sqrt(C). `scale_scores` can leave out the division, as published, or learn a factor.
- `pc`: <u, l + g>.
- `additive`, ours: <u, tanh(W l + V g + b)>, where W and V lead to C / 4 channels.
- `uniform`, a control: the same for every position.

To add a compatibility, write a module in [attention.py](../model/networks/attention.py) that makes scores [B, H, W] of
local features [B, C, H, W] and g [B, C]. Add a row to `ROWS` below it: its name, its label on the page, its
formula, and whether it uses g. Then every name above can be built with it, and the page's switch offers it.

- Under `pc` and `uniform` the global branch cannot change the answer: its parameters are counted, since the paper's
  network has them, but the forward pass skips it. `python -m model export SRC DEST --prune` writes the checkpoint
  without it, with exactly the same outputs.
- `vgg-pan` is made of the parts in the author's code, which uses the sigmoid gate for CUB alone. The global branch of
  conv10 pools by 4 first. In our reading, the pool after conv10 follows the gate.
- `resnet164`: the stride of a stage is in its first 1 x 1 convolution, and the first block's shortcut starts after the
  shared BN-ReLU, both as in the author's code. Attention reads the stages' raw outputs.
- BatchNorm on vectors (heads, projections of g, the two linear layers of `vgg`) has an eps of 1e-3, the same as
  BatchNorm on maps. The author's has 1e-5. The shipped checkpoints were trained with 1e-3.
- At 80 x 80 (`input_size=80`, CUB-200 in the paper) the pool after conv7 is 5 x 5, as in the author's att2 and
  progressive attention, so that all maps behind it keep the sizes below. Two things differ from the author's code
  there. In att3 the map of conv7 is 80 x 80; the author brings it to 32 x 32. And the author's `vgg` pools by 2 after
  conv7, by 2 after conv12, and by 3 at the end. Other sizes work from 8 pixels a side (20 for the 80 x 80 form).
"""


@dataclass(frozen=True)
class Row:
    """One network of the table. Times are in seconds, one a round."""

    name: str
    parameters: int
    multiply_adds: int  # of one forward pass for one picture; convolutions and matrix products
    maps: str
    forward: list[float]
    trunk: list[float]  # features() alone: the trunk and, where the maps depend on it, the global branch; else empty


def multiply_adds(net: Network, size: int = 32) -> int:
    """Multiply-adds of convolutions and matrix products in one forward pass for one picture, counted by torch."""
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        net.eval()(torch.empty(1, 3, size, size, device=net.device))
    return counter.get_total_flops() // 2


def seconds(run: Callable[[Tensor], object], images: Tensor) -> float:
    """Processor time of one call, which other programs disturb less than the time by the clock."""
    start = time.process_time()
    run(images)
    return time.process_time() - start


@torch.inference_mode()
def measure(names: list[str], rounds: int, batch: int, width: float) -> list[Row]:
    """Builds the networks and times them on the CPU, in float32 and channels_last.

    Each round times every network once, and its trunk alone, so that a slow moment of the machine slows all.
    """
    images = torch.randn(batch, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    nets = {name: build(name, width=width).eval().to(memory_format=torch.channels_last) for name in names}
    rows = {}
    for name, net in nets.items():
        _, maps = net(images)  # also warms up
        sizes = ", ".join(f"{k} {v.shape[1]} x {v.shape[2]}" for k, v in maps.items()) or "none"
        with torch.device("meta"):
            operations = multiply_adds(build(name, width=width))
        rows[name] = Row(name, sum(p.numel() for p in net.parameters()), operations, sizes, [], [])
    for i in range(rounds):
        for name, net in nets.items():
            calls = [(net, rows[name].forward)]
            if isinstance(net, AttendingNetwork):
                calls.append((net.features, rows[name].trunk))
            for call, times in calls if i % 2 else reversed(calls):
                times.append(seconds(call, images))
    return [*rows.values()]


def ratio(times: list[float], to: list[float], digits: int) -> str:
    """One time over another, round by round: the median, and the lowest to the highest."""
    ratios = [a / b for a, b in zip(times, to, strict=True)]
    middle, low, high = (f"{f(ratios):.{digits}f}" for f in (statistics.median, min, max))
    return f"{middle} ({low} to {high})"


def machine() -> str:
    """Processor, versions and load, in one line."""
    load = Path("/proc/loadavg")
    busy = f"; load average {load.read_text().split()[0]} at the end" if load.exists() else ""
    return f"{processor()}; Python {platform.python_version()}, torch {torch.__version__}{busy}"


def document(names: list[str], rounds: int, batch: int, width: float) -> str:
    """The Markdown of docs/architectures.md.

    Args:
        names: which networks; times are relative to ``vgg``, which is always measured.
        rounds: how often each is timed.
        batch: images a forward pass.
        width: of all networks; 1 is the paper's.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        rows = measure([*dict.fromkeys(["vgg", *names])], rounds, batch, width)
    finally:
        torch.set_num_threads(threads)
    vgg, pictures = rows[0], f"{batch} picture{'s' * (batch > 1)} a pass"
    milliseconds = 1000 * statistics.median(vgg.forward) / batch
    lines = [
        INTRODUCTION,
        f"Width {width:g}. Forward time: processor time on one thread, float32, {pictures}, relative to `vgg` in the "
        f"same round ({milliseconds:.1f} ms a picture); median, lowest and highest of {rounds} interleaved rounds. The "
        "last column is what attention costs: the whole forward pass "
        "over `features()` alone, which is the trunk and, under dp and additive, the global branch.",
        "",
        f"Measured on {machine()}.",
        "",
        "| name | parameters | multiply-adds (M) | maps | time / vgg | time / own trunk |",
        "|---|--:|--:|---|--:|--:|",
    ]
    for row in rows:
        if row.name in names:
            own = ratio(row.forward, row.trunk, 3) if row.trunk else ""
            lines.append(
                f"| `{row.name}` | {row.parameters:,} | {row.multiply_adds / 1e6:,.1f} | {row.maps} "
                f"| {ratio(row.forward, vgg.forward, 2)} | {own} |"
            )
    return "\n".join(lines) + "\n"
