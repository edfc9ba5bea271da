"""The machine: its processor, how many cores it grants, whether a device works."""

from __future__ import annotations

import os
import platform
import warnings
from contextlib import nullcontext
from pathlib import Path

import torch
from torch.nn import functional as F

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")


def cpuinfo() -> str:
    """/proc/cpuinfo, whole; "" where there is none."""
    file = Path("/proc/cpuinfo")
    return file.read_text() if file.exists() else ""


def processor() -> str:
    """The processor's name."""
    names = [line.split(":", 1)[1].strip() for line in cpuinfo().splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def multiplies_bfloat16(device: str | torch.device) -> bool:
    """Whether the hardware multiplies bfloat16 natively: CUDA since Ampere, CPUs with AVX512-BF16 or AMX.

    Older cards emulate it: torch says that they support it, and they are slower than in float32.
    """
    device = torch.device(device)
    if device.type == "cuda":
        with nullcontext() if device.index is None else torch.cuda.device(device):
            return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and any(flag in cpuinfo() for flag in ("avx512_bf16", "amx_bf16"))


def find_gpu() -> tuple[bool, str]:
    """Whether torch finds a GPU; and, where a driver is there but fails, why it finds none, in one line."""
    with warnings.catch_warnings(record=True) as complaints:  # of several lines, with folders of the machine
        warnings.simplefilter("always")
        found = torch.cuda.is_available()
    reason = first_line(complaints[0].message).partition(" (Triggered")[0] if complaints and not found else ""
    return found, reason.rstrip(". ")


def device_fault(device: str) -> str:
    """Why ``device`` cannot compute here, in one line; "" where it can.

    A card that is too old for this torch is found, but has no kernels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of an old card in several lines; the fault says it in one
            x = torch.ones(1, 8, 8, 8, device=device)
        F.conv2d(x, torch.ones(8, 8, 3, 3, device=device)).sum().item()
    except (RuntimeError, AssertionError, ImportError) as e:
        return first_line(e)
    return ""


def first_line(e: Exception | str) -> str:
    """The first line of an error's message, without its full stop; torch's go on with advice for programmers."""
    return (str(e).strip().splitlines() or [type(e).__name__])[0].rstrip(". ")


def granted_cores() -> int:
    """How many cores this process may use at once: those of its affinity, or fewer where a container has a quota."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        cores = os.cpu_count() or 1
    return max(1, min([cores, *(-(-quota // period) for quota, period in cpu_quotas())]))


def cpu_quotas() -> list[tuple[int, int]]:
    """(quota, period) in microseconds of this process's control group and those around it; empty if none is set."""
    try:
        lines = OWN_CGROUP.read_text().splitlines()
    except OSError:
        return []
    quotas = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = CGROUPS / controllers if controllers else CGROUPS
        own = root / path.strip("/")
        for folder in (own, *own.parents):  # a container often sees its own group as the root
            if folder.is_relative_to(root):
                quotas += read_quota(folder)
    return quotas


def read_quota(folder: Path) -> list[tuple[int, int]]:
    """The quota of one control group, of version 2 or 1; [] where it has none."""
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota, period = ((folder / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period"))
    except (OSError, ValueError):
        return []
    return [(int(quota), int(period))] if quota.isdigit() and int(quota) and int(period) else []


def threads_in_use() -> str:
    """How many threads torch uses, in words: "1 thread", "2 threads"."""
    count = torch.get_num_threads()
    return f"{count} thread{'' if count == 1 else 's'}"


def limit_threads() -> None:
    """Makes torch use no more threads than the machine grants cores; a set OMP_NUM_THREADS is left as it is."""
    if not os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(min(torch.get_num_threads(), granted_cores()))
