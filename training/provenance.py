"""Where a number comes from: hardware, versions, commit, command."""

from __future__ import annotations

import platform
import re
import shlex
import subprocess
import sys
from pathlib import Path

import torch

from model.machine import processor, threads_in_use


def environment(device: torch.device, processes: int = 1) -> dict[str, str]:
    """What a number was measured on: hardware, versions, commit."""
    cuda = device.type == "cuda"
    hardware = torch.cuda.get_device_name(device) if cuda else f"{processor()} CPU, {threads_in_use()}"
    return {
        "hardware": hardware + (f", {processes} processes" if processes > 1 else ""),
        "versions": f"Python {platform.python_version()}, torch {torch.__version__}",
        "commit": commit(),
    }


def commit() -> str:
    """The commit of the code, and whether files were changed since; "" outside of git."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(Path(__file__).parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changes = git("status", "--porcelain", "--untracked-files=no", ".", "../model")
        return git("rev-parse", "--short=12", "HEAD") + (" with changes" if changes else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def command_line() -> str:
    """The command that is running, as one would type it."""
    return shlex.join(["python", "-m", "training", *map(without_place, sys.argv[1:])])


def without_place(argument: str) -> str:
    """An argument as it is published with the weights: only the last part of a path that leads out of this folder."""
    return re.sub(r"(?:^|(?<=[=:]))(?:[~/]|\.\./).*/(?=[^/]+/?$)", "", argument)


def follow_on(before: str, now: str) -> str:
    """What a run started on, followed by what it goes on with if that differs."""
    return before if now in before.split(", then ") else f"{before}, then {now}"
