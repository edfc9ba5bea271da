"""A run: its network, data, batches, optimiser and state; and what it leaves, the measured checkpoint."""

from __future__ import annotations

import copy
import dataclasses

import torch
from accelerate import Accelerator

from model import Info, Network
from model.networks.attending import attends
from training import plots
from training.average import Average
from training.batches import Batches
from training.data import Dataset, hold_out
from training.evaluate import class_questions, draw_confusion, evaluate, measure, predict
from training.objectives import LEAST_CLASSES, build_objective
from training.parallel import share_batch_statistics
from training.provenance import environment, without_place
from training.run_folder import CONFUSION, RunError, RunFolder
from training.scenes import measure_held_out_scenes
from training.settings import Settings
from training.start import build, optimiser
from training.state import State
from training.stopping import Stop


class Run:
    """One training run.

    Args:
        settings: what to train and how.
        data: on the CPU; the training pictures are copied to the device once.
        folder: where the run is kept.
        accelerator: this process's share of the work and its device.
        command: how the run was started, for the card.
        from_state: the weights will come from the folder's state, so the checkpoint to start from is not loaded.

    Raises:
        ValueError: no network has that name, or an argument does not suit it.
        DataError: fewer training pictures than are to be held out.
        CheckpointError: the checkpoint to start from cannot be loaded.
        RunError: the checkpoint to start from does not fit, there are fewer training pictures than one batch, the
            processes cannot share a batch equally, the pictures of an epoch are too small for the network, or classes
            that scenes need are missing.
    """

    def __init__(
        self,
        settings: Settings,
        data: Dataset,
        folder: RunFolder,
        accelerator: Accelerator,
        command: str = "",
        from_state: bool = False,
    ):
        self.settings, self.recipe, self.data = settings, settings.recipe, data
        self.folder, self.accelerator, self.command = folder, accelerator, command
        self.device, self.world = accelerator.device, accelerator.num_processes
        train, self.held_out = hold_out(data.train, settings.holdout, settings.split_seed)
        if settings.limit:
            train, _ = hold_out(train, max(0, len(train) - settings.limit))
        if len(train) < self.recipe.batch_size:
            raise RunError(f"{len(train)} training pictures do not fill one batch of {self.recipe.batch_size}")
        if self.recipe.batch_size % self.world:
            raise RunError(f"a batch of {self.recipe.batch_size} cannot be shared equally by {self.world} processes")
        train = train.to(self.device)
        self.net = build(dataclasses.replace(settings, start="") if from_state else settings, data)  # the bare network
        self.batches = Batches.of(self.recipe, data, train, self.net, accelerator.process_index, self.world)
        self.check_sides()
        if self.world > 1:
            share_batch_statistics(self.net, self.device)
        self.net.to(self.device).to(memory_format=torch.channels_last)
        self.average = Average(self.net)
        self.objective = build_objective(self.net, self.recipe, len(data.class_names))
        self.check_classes()
        self.wrapped, self.optimiser = accelerator.prepare(self.objective, optimiser(self.net, self.recipe))
        self.shown = train.shown
        self.steps_per_epoch = len(self.shown) // self.recipe.batch_size
        self.stop = Stop(accelerator)
        where = environment(self.device, self.world)  # read now, as the commit may change during the run
        named = (data.name, data.fingerprint)
        self.state = State(self.net, self.optimiser, self.average.tensors, named, command, where)

    def precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.precision == "bf16")

    @property
    def steps(self) -> int:
        return self.steps_per_epoch * self.recipe.epochs

    @property
    def asks(self) -> bool:
        return self.batches.by_class is not None

    @property
    def last_side(self) -> int:
        return self.batches.side(self.recipe.epochs - 1)

    def check_sides(self) -> None:
        sides = [self.batches.side(epoch) for epoch in range(self.recipe.epochs)]
        side, unit = min(sides), self.batches.unit
        if odd := [side for side in sides if side % unit]:
            raise RunError(
                f"scenes cannot be composed of pictures of {odd[0]} pixels a side: make every side in --stages a "
                f"multiple of {unit}"
            )
        try:
            with torch.no_grad():
                self.net.eval()(torch.zeros(1, 3, side, side))
        except ValueError as e:
            raise RunError(
                f"an epoch has pictures of {side} pixels a side, which are too small for {self.settings.arch}: "
                "choose other --stages, such as 0x15 (0 is the pictures' own side), or a larger --input-size"
            ) from e
        self.net.train()

    def check_classes(self) -> None:
        if self.batches.by_class is None:
            return
        names = self.data.class_names
        if missing := [name for name, count in zip(names, self.batches.by_class.counts, strict=True) if not count]:
            raise RunError(
                f"no training picture of {missing[0]} is left for scenes: raise --limit, or hold out fewer pictures"
            )
        if 0 < len(self.held_out) and len(self.held_out.labels.unique()) < LEAST_CLASSES:
            raise RunError(
                f"scenes need {LEAST_CLASSES} classes, and the pictures held out show fewer: raise --holdout"
            )

    def averaged_network(self) -> Network:
        """A copy of the network with the weights to keep, averaged if the recipe says so, and with its ``Info``."""
        if self.world == 1:
            net = copy.deepcopy(self.net)
        else:  # a new network, whose BatchNorms do not wait for other processes
            net = build(dataclasses.replace(self.settings, start=""), self.data).to(self.device)
        net.load_state_dict(self.state.average if self.recipe.ema else self.net.state_dict())
        data, seconds = self.data, sum(row["seconds"] for row in self.state.history)
        net.info = Info(
            class_names=data.class_names,
            mean=data.mean,
            std=data.std,
            dataset=data.name,
            recipe={
                **dataclasses.asdict(self.recipe),
                "command": self.state.command,
                "train_images": len(self.batches.train),
                "images_seen": self.state.epoch * self.steps_per_epoch * self.recipe.batch_size,
                "hours": round(seconds / 3600, 2),
                "precision": self.settings.precision,
                "seed": self.settings.seed,
                "start": without_place(self.settings.start),
                "split_seed": self.settings.split_seed,
                "holdout": self.settings.holdout,
                "limit": self.settings.limit,
                **self.state.environment,
            },
        )
        return net.to(memory_format=torch.channels_last).eval()

    def measure_held_out(self, net: Network, row: dict) -> bool:
        """Adds the held-out error, at the epoch's own side, to ``row``; True if it is the lowest at the last side.

        If the recipe averages weights, adds the error of the raw weights too, to show what averaging does.
        """
        side = row["side"] if row["side"] != self.data.input_size else None
        nets = {"held_out_error": net}
        if self.recipe.ema:
            nets["held_out_error_raw"] = raw = copy.deepcopy(net)
            raw.load_state_dict(self.net.state_dict())
        for key, weights in nets.items():
            logits = predict(weights, self.held_out, side=side)
            row[key] = measure(logits, self.held_out.labels, self.data.class_names).error
        if self.asks and attends(net):
            by_class = class_questions(net, self.batches.train.draw(2000)) if net.uses_global else None
            row |= measure_held_out_scenes(net, self.held_out, by_class)
        if row["side"] != self.last_side:
            return False
        return row["held_out_error"] <= min(r["held_out_error"] for r in self.state.history if r["side"] == row["side"])

    def finish(self) -> None:
        """Measures the finished network and writes the result into its config and card."""
        net = self.averaged_network()
        if self.asks and attends(net) and net.uses_global:
            with self.precision():
                net = net.with_class_questions(class_questions(net, self.batches.train))
        if self.settings.holdout:
            logits = predict(net, self.held_out)
            error = measure(logits, self.held_out.labels, self.data.class_names).error
            results = {"held_out_error": error, "held_out_images": len(self.held_out)}
        else:
            measurement = evaluate(net, self.data)
            results = measurement.summary()
        net.info = dataclasses.replace(net.info, results=results)
        self.folder.save_checkpoint(net)
        if not self.settings.holdout:
            print(f"test error {100 * measurement.error:.2f} % of {measurement.images:,} pictures", flush=True)
            with plots.extra(CONFUSION):
                draw_confusion(measurement, self.folder.path / CONFUSION)
