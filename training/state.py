"""The state of a run, saved so that a stopped run goes on as if it had never stopped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list, gather_object
from torch import Tensor, nn

from training.provenance import follow_on
from training.run_folder import RunError, RunFolder


@dataclass
class State:
    """All that changes during a run.

    Attributes:
        net: the network, without what accelerate wraps around it.
        optimiser: with its momentum.
        average: the averaged weights.
        data: the name and the fingerprint of the data set; a run can only go on with the same data.
        command: how the run was started.
        environment: what it runs on.
        epoch: how many epochs are done.
        history: one row for each of them.
        partial: the state within an unfinished epoch, else None.
    """

    net: nn.Module
    optimiser: torch.optim.Optimizer
    average: dict[str, Tensor]
    data: tuple[str, str]
    command: str
    environment: dict[str, str]
    epoch: int = 0
    history: list[dict] = field(default_factory=list)
    partial: dict[str, Any] | None = None

    def save(self, folder: RunFolder, accelerator: Accelerator) -> None:
        """Replaces the state in the folder; the first process writes it.

        Raises:
            RunError: the folder cannot be written; the state before is still there.
        """
        state = {
            "net": self.net.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average,
            "epoch": self.epoch,
            "history": self.history,
            "partial": self.partial,
            "command": self.command,
            "environment": self.environment,
            "data": self.data[1],
        }
        if accelerator.is_main_process:
            folder.save_state(state)
        accelerator.wait_for_everyone()

    def resume(self, folder: RunFolder, accelerator: Accelerator) -> None:
        """Loads the folder's saved state, if there is one; the first process reads it for all.

        Raises:
            RunError: the state is damaged, of another version, or was trained on other data.
        """
        state = folder.load_state() if accelerator.is_main_process else None
        (state,) = broadcast_object_list([state])
        if state is None:
            return
        try:
            if same_data := state["data"] == self.data[1]:
                self.net.load_state_dict(state["net"])
                self.optimiser.load_state_dict(state["optimiser"])
                for key, value in self.average.items():
                    value.copy_(state["average"][key])
                self.epoch, self.history, self.partial = state["epoch"], state["history"], state["partial"]
                self.command = state["command"]
                self.environment = {k: follow_on(state["environment"][k], v) for k, v in self.environment.items()}
        except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as e:
            raise RunError(f"the state in {folder.path} is of another version, so the run cannot go on") from e
        if not same_data:
            raise RunError(f"{self.data[0]} has changed since the run in {folder.path} began, so it cannot go on")


def part_way(step: int, seconds: float, sums: Tensor, generator: torch.Generator, device: torch.device) -> dict:
    """The state in the middle of an epoch.

    Args:
        step: how many of its steps are done.
        seconds: how long they took.
        sums: the sums that these steps reported, over all processes.
        generator: draws order and augmentation.
        device: dropout draws from its generator.
    """
    random = gather_object([random_state(device)])
    return {"step": step, "seconds": seconds, "sums": sums, "generator": generator.get_state(), "random": random}


def take_up(partial: dict, sums: Tensor, generator: torch.Generator, accelerator: Accelerator) -> tuple[int, float]:
    """Sets sums and generators to where ``part_way`` left them; returns the steps done and their seconds."""
    if accelerator.is_main_process:
        sums.copy_(partial["sums"])  # those of all processes
    generator.set_state(partial["generator"])
    if len(partial["random"]) == accelerator.num_processes:  # with another number, dropout draws anew
        set_random_state(partial["random"][accelerator.process_index], accelerator.device)
    return partial["step"], partial["seconds"]


def random_state(device: torch.device) -> dict[str, Tensor]:
    """The state of the generators that dropout draws from."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_random_state(state: dict[str, Tensor], device: torch.device) -> None:
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
