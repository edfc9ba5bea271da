"""Training from scratch.

    python -m training fit --dataset cifar10 --arch vgg-att3-concat-dp --width 0.25 --recipe fast --out runs/dp

Each epoch draws its order, augmentation and dropout from (seed, epoch) alone. A state that is saved within an epoch
also holds the generators. So a resumed run gives the same result as an uninterrupted one, bit for bit on a CPU. With
several processes (``accelerate launch -m training fit ...``) each takes its slice of the same global batch.
"""

from __future__ import annotations

import copy
import dataclasses
import time

import torch
from accelerate import Accelerator
from torch import Tensor
from tqdm import tqdm

from model import Info, Network
from model.networks.attending import attends
from training import plots
from training.average import Average
from training.batches import Batches
from training.data import Dataset, hold_out
from training.evaluate import class_questions, draw_confusion, evaluate, measure, predict
from training.objectives import build_objective
from training.parallel import share_batch_statistics
from training.provenance import environment, without_place
from training.run_folder import CONFUSION, RunError, RunFolder
from training.scenes import measure_held_out_scenes
from training.settings import Settings
from training.start import build, optimiser
from training.state import State, part_way, take_up
from training.stopping import Stop, Stopped


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
            processes cannot share a batch equally, or the pictures of an epoch are too small for the network.
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
        self.wrapped, self.optimiser = accelerator.prepare(self.objective, optimiser(self.net, self.recipe))
        self.shown = train.shown
        self.steps_per_epoch = len(self.shown) // self.recipe.batch_size
        self.stop = Stop(accelerator)
        where = environment(self.device, self.world)  # read now, as the commit may change during the run
        named = (data.name, data.fingerprint)
        self.state = State(self.net, self.optimiser, self.average.tensors, named, command, where)

    def fit(self, show: bool = True, save_every: int = 0) -> None:
        """Trains to the recipe's last epoch. Then measures the test split once, unless pictures were held out.

        Args:
            show: draw a progress bar on stderr.
            save_every: number of steps between saved states; 0 saves at the end of each epoch only.

        Raises:
            Stopped: a signal asked the run to stop; the state is saved.
            RunError: the loss is not finite, or the folder can no longer be written.
        """
        main, state = self.accelerator.is_main_process, self.state
        while state.epoch < self.recipe.epochs:
            row = self.train_epoch(show and main, save_every)
            state.epoch += 1
            state.history.append(row)
            if main:
                net = self.averaged_network()
                best = self.settings.holdout > 0 and self.measure_held_out(net, row)
                self.folder.save_checkpoint(net, best)
                self.folder.save_history(state.history)
                print(describe(row, self.recipe.epochs), flush=True)
            state.save(self.folder, self.accelerator)
            if (stop := self.stop.everyone()) and state.epoch < self.recipe.epochs:
                raise Stopped(stop)
        if main:
            self.finish()
        self.accelerator.wait_for_everyone()

    def train_epoch(self, show: bool, save_every: int) -> dict:
        """One pass over the training pictures, or what is left of it; returns the row for metrics.jsonl.

        Raises:
            Stopped: a signal asked the run to stop; the state is saved.
            RunError: the loss is not finite.
        """
        state, size, total = self.state, self.recipe.batch_size, self.steps_per_epoch * self.recipe.batch_size
        side, seed = self.batches.side(state.epoch), self.settings.seed * 100_003 + state.epoch
        torch.manual_seed(seed + 1_000_003 * self.accelerator.process_index)  # dropout: other draws in each process
        generator = torch.Generator().manual_seed(seed)  # order and augmentation: the same in each
        order = self.shown[torch.randperm(len(self.shown), generator=generator)]
        sums = torch.zeros(len(self.objective.metrics), 2, device=self.device)  # sum and count of each
        first, earlier = take_up(state.partial, sums, generator, self.accelerator) if state.partial else (0, 0.0)
        state.partial = None
        began = time.perf_counter() - earlier
        self.wrapped.train()
        title = f"epoch {state.epoch + 1}/{self.recipe.epochs} at {side} px"
        with tqdm(total=total, initial=first * size, desc=title, unit="img", disable=not show, leave=False) as bar:
            for i in range(first, self.steps_per_epoch):
                number = state.epoch * self.steps_per_epoch + i
                index = order[i * size : (i + 1) * size]
                sums += self.step(number, *self.batches.draw(index, side, generator, number))
                last = i + 1 == self.steps_per_epoch
                if i % 10 == 9 or last:
                    means = self.means(self.reduce(sums))
                    bar.update((i + 1) * size - bar.n)
                    bar.set_postfix(loss=f"{means['loss']:.3f}", error=f"{100 * means['error']:.1f} %")
                stop = self.stop.everyone()
                if not last and (stop or (save_every and (i + 1) % save_every == 0)):
                    seconds = time.perf_counter() - began
                    state.partial = part_way(i + 1, seconds, self.reduce(sums), generator, self.device)
                    state.save(self.folder, self.accelerator)
                    state.partial = None
                    if stop:
                        raise Stopped(stop)
        seconds = time.perf_counter() - began
        return {
            "epoch": state.epoch + 1,
            "side": side,
            "lr": self.optimiser.param_groups[0]["lr"],
            **{f"train_{name}": round(mean, 6) for name, mean in means.items()},
            "seconds": round(seconds, 2),
            "images_per_second": round(total / seconds, 1),
        }

    def step(self, number: int, *batch) -> Tensor:
        """One optimisation step on this process's slice; returns the sum and count of each reported number.

        Nothing here waits for the device, so that a GPU never waits for Python.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.rate(number, self.steps)
        with self.precision():
            loss, sums = self.wrapped(*batch)
        self.optimiser.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        self.optimiser.step()
        if self.recipe.ema:
            self.average.update(self.recipe.ema, number)
        values = [v for name in self.objective.metrics for v in sums[name]]
        numbers = [v if isinstance(v, Tensor) else loss.new_full((), v) for v in values]
        return torch.stack([v.to(loss.dtype) for v in numbers]).view(-1, 2)

    def reduce(self, sums: Tensor) -> Tensor:
        """The sums of all processes, on the CPU.

        Raises:
            RunError: the loss or a weight is not finite, so that neither is ever saved.
        """
        sums = self.accelerator.reduce(sums.clone()).cpu()
        if not torch.stack([v.isfinite().all() for v in (sums.to(self.device), *self.net.parameters())]).all():
            raise RunError(f"the loss is not finite in epoch {self.state.epoch + 1}: lower the learning rate (--lr)")
        return sums

    def means(self, sums: Tensor) -> dict[str, float]:
        """The mean of each reported number, from sums and counts."""
        pairs = zip(self.objective.metrics, sums.tolist(), strict=True)
        return {name: total / max(1, count) for name, (total, count) in pairs}

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
        """Adds the held-out error, at the epoch's own side, to ``row``; True if it is the lowest so far at that side.

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


def describe(row: dict, epochs: int) -> str:
    """One epoch as a line of text."""
    held_out = f", held-out error {100 * row['held_out_error']:.2f} %" if "held_out_error" in row else ""
    return (
        f"epoch {row['epoch']}/{epochs} at {row['side']} px: loss {row['train_loss']:.4f}, "
        f"training error {100 * row['train_error']:.2f} %{held_out}, "
        f"{row['seconds']:.0f} s, {row['images_per_second']:.0f} images/s"
    )
