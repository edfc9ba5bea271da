"""Training from scratch.

    python -m training fit --dataset cifar10 --arch vgg-att3-concat-dp --width 0.25 --recipe fast --out runs/dp

Each epoch draws its order, augmentation and dropout from (seed, epoch) alone, and a state saved within an epoch holds
the generators too, so a resumed run is the uninterrupted one, bit for bit on a CPU. With several processes
(``accelerate launch -m training fit ...``) each takes its slice of the same global batch.
"""

from __future__ import annotations

import copy
import dataclasses
import math
import signal
import time

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list, gather_object
from torch import Tensor, nn
from tqdm import tqdm

import model
from model import Info, Network
from model.composed import compose
from model.machine import multiplies_bfloat16
from model.presets import normalise
from training.augment import cutout, random_crop, random_flip, resize
from training.data import Dataset, hold_out
from training.evaluate import class_questions, draw_confusion, evaluate, measure, predict
from training.experiments.ask import ask_scenes, draw_scenes, share_asked
from training.objectives import GRIDS, OBJECTIVES, ByClass, Objective, cell_side
from training.parallel import share_batch_statistics
from training.recipes import Recipe, paper
from training.run_folder import CONFUSION, RunError, RunFolder, Settings, environment, without_place


class Stopped(Exception):
    """The run was asked to stop (SIGTERM) and has saved its state."""


def choose_precision(device: torch.device) -> str:
    """bf16 where the hardware multiplies it natively, else float32."""
    return "bf16" if multiplies_bfloat16(device) else "float32"


def build(settings: Settings, data: Dataset) -> Network:
    """The untrained network of a run; the seed fixes its weights.

    Raises:
        ValueError: no network has that name, or an argument does not suit it.
        CheckpointError: the checkpoint to start from cannot be loaded.
        RunError: it does not fit.
    """
    torch.manual_seed(settings.seed)
    net = model.build(
        settings.arch,
        num_classes=len(data.class_names),
        width=settings.width,
        dropout=settings.recipe.dropout,
        input_size=data.input_size,
        **({} if settings.scale_scores is True else {"scale_scores": settings.scale_scores}),
    )
    if settings.recipe.author_init:
        paper.initialise(net)
    if settings.start:
        start_from(net, settings.start, data.class_names)
    return net


def start_from(net: Network, checkpoint: str, class_names: tuple[str, ...] = ()) -> None:
    """Copies every tensor of a checkpoint that fits; the classifier stays fresh where the classes are others.

    Raises:
        RunError: something besides the classifier does not fit.
    """
    begun = Network.from_pretrained(checkpoint)
    own, other = net.state_dict(), begun.state_dict()
    other.pop("class_questions", None)  # they are made anew after training
    kept = () if begun.info.class_names == tuple(class_names) else ("classifier",)
    fitting = {k: v for k, v in other.items() if k in own and own[k].shape == v.shape}
    dead = () if getattr(net, "uses_global", True) else ("global_branch.", "project.")  # a pruned one has them not
    strange = [k for k in own.keys() | other.keys() if k not in fitting and not k.startswith(("classifier", *dead))]
    if strange:
        raise RunError(f"cannot start from {checkpoint}: it is of another architecture or width (see {min(strange)})")
    net.load_state_dict(own | {k: v for k, v in fitting.items() if not k.startswith(kept)})


def optimiser(net: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    """SGD, with weight decay on matrices and kernels only unless the recipe says on all."""
    parameters = list(net.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": recipe.weight_decay * recipe.decay_all},
    ]
    return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.nesterov)


@torch.no_grad()
def update_average(average: dict[str, Tensor], net: nn.Module, decay: float, step: int) -> None:
    """Moves the averaged weights and running statistics towards the network's; a young average forgets faster."""
    decay = min(decay, (1 + step) / (10 + step))
    now = net.state_dict()
    floating = [k for k, v in average.items() if v.is_floating_point()]
    torch._foreach_lerp_([average[k] for k in floating], [now[k] for k in floating], 1 - decay)
    for k in average.keys() - set(floating):
        average[k].copy_(now[k])


class Run:
    """One training run.

    Args:
        settings: what to train and how.
        data: on the CPU; the training pictures are copied to the device once.
        folder: where the run is kept.
        accelerator: this process's share of the work and its device.
        command: how the run was started, for the card.
        begun: its weights will come from the folder's state, so the checkpoint that it started from is not needed.

    Raises:
        ValueError: no network has that name, or an argument does not suit it.
        DataError: fewer training pictures than are to be held out.
        CheckpointError: the checkpoint to start from cannot be loaded.
        RunError: it does not fit; or there are fewer training pictures than one batch, a batch that the processes
            cannot share equally, or an epoch whose pictures are too small for the network.
    """

    def __init__(
        self,
        settings: Settings,
        data: Dataset,
        folder: RunFolder,
        accelerator: Accelerator,
        command: str = "",
        begun: bool = False,
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
        self.train = train.to(self.device)
        first = dataclasses.replace(settings, start="") if begun else settings
        self.net = build(first, data)  # the bare network; self.wrapped is what runs
        self.check_sides()
        self.average = {k: v.to(self.device, copy=True) for k, v in self.net.state_dict().items()}
        if self.world > 1:
            self.net = share_batch_statistics(self.net, self.device)
        self.net.to(self.device, memory_format=torch.channels_last)
        objective = self.objective()
        self.wrapped, self.optimiser = accelerator.prepare(objective, optimiser(self.net, self.recipe))
        self.steps_per_epoch = len(train) // self.recipe.batch_size
        self.epoch, self.history, self.partial = 0, [], None
        self.asked_to_stop = False
        self.environment = environment(self.device, self.world)  # now: the commit that runs, not a later one

    def objective(self) -> Objective:
        """What a step minimises.

        Raises:
            RunError: there is no such objective, or it does not suit the network or the classes.
        """
        if self.recipe.objective not in OBJECTIVES:
            raise RunError(f"the objective must be {' or '.join(OBJECTIVES)}, not {self.recipe.objective!r}")
        objective = OBJECTIVES[self.recipe.objective](self.net, self.recipe)
        try:
            objective.check(len(self.data.class_names))
        except ValueError as e:
            raise RunError(str(e)) from e
        self.by_class = ByClass(self.train.labels, len(self.data.class_names)) if self.asks else None
        return objective

    @property
    def asks(self) -> bool:
        return self.recipe.objective == "ask"

    @property
    def steps(self) -> int:
        return self.steps_per_epoch * self.recipe.epochs

    def side(self, epoch: int) -> int:
        """Side of the pictures of an epoch, in pixels."""
        return self.pixels(self.recipe.side(epoch)) or self.data.input_size

    @property
    def last_side(self) -> int:
        return self.side(self.recipe.epochs - 1)

    def check_sides(self) -> None:
        side = min(self.side(epoch) for epoch in range(self.recipe.epochs))
        try:
            with torch.no_grad():
                self.net.eval()(torch.zeros(1, 3, side, side))
        except ValueError as e:
            raise RunError(
                f"pictures of {side} pixels a side, as an epoch's are here, are too small for {self.settings.arch}: "
                "choose other --stages, such as 0x15 (0 is the pictures' own side), or a larger --input-size"
            ) from e
        self.net.train()

    def resume(self) -> None:
        """Takes up the folder's saved state, if there is one; the first process reads it for all.

        Raises:
            RunError: the state is damaged, of another version, or was trained on other data.
        """
        state = self.folder.load_state() if self.accelerator.is_main_process else None
        (state,) = broadcast_object_list([state])
        if state is None:
            return
        try:
            if same_data := state["data"] == self.data.fingerprint:
                self.net.load_state_dict(state["net"])
                self.optimiser.load_state_dict(state["optimiser"])
                self.average = {k: v.to(self.device) for k, v in state["average"].items()}
                self.epoch, self.history, self.partial = state["epoch"], state["history"], state["partial"]
                self.command = state["command"]
                self.environment = {k: both(state["environment"][k], v) for k, v in self.environment.items()}
        except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as e:
            raise RunError(f"the state in {self.folder.path} is of another version, so the run cannot go on") from e
        if not same_data:
            raise RunError(
                f"{self.data.name} has changed since the run in {self.folder.path} began, so it cannot go on"
            )

    def save_state(self) -> None:
        state = {
            "net": self.net.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average,
            "epoch": self.epoch,
            "history": self.history,
            "partial": self.partial,
            "command": self.command,
            "environment": self.environment,
            "data": self.data.fingerprint,
        }
        if self.accelerator.is_main_process:
            self.folder.save_state(state)
        self.accelerator.wait_for_everyone()

    def averaged_network(self) -> Network:
        """A copy with the weights that are kept, averaged where the recipe averages, and what is known about them."""
        if self.world == 1:
            net = copy.deepcopy(self.net)
        else:  # without the shared batch statistics
            net = build(dataclasses.replace(self.settings, start=""), self.data).to(self.device)
        net.load_state_dict(self.average if self.recipe.ema else self.net.state_dict())
        data, seconds = self.data, sum(row["seconds"] for row in self.history)
        net.info = Info(
            class_names=data.class_names,
            mean=data.mean,
            std=data.std,
            dataset=data.name,
            recipe={
                **dataclasses.asdict(self.recipe),
                "command": self.command,
                "train_images": len(self.train),
                "images_seen": self.epoch * self.steps_per_epoch * self.recipe.batch_size,
                "hours": round(seconds / 3600, 2),
                "precision": self.settings.precision,
                "seed": self.settings.seed,
                "start": without_place(self.settings.start),
                "split_seed": self.settings.split_seed,
                "holdout": self.settings.holdout,
                "limit": self.settings.limit,
                **self.environment,
            },
        )
        return net.to(memory_format=torch.channels_last).eval()

    def pixels(self, at_32: int) -> int:
        """A length of the recipe, which speaks of 32 x 32 pictures, in pixels of this data set's."""
        return round(at_32 * self.data.input_size / 32)

    def batch(self, index: Tensor, side: int, generator: torch.Generator, number: int = 0) -> tuple:
        """This process's slice of a global batch, as the objective takes it; first pictures and labels.

        Everything random is drawn for the global batch, so that it is the same however many processes share it.

        Args:
            index: int64 [B], numbers of training pictures.
            side: of the pictures, in pixels.
            generator: what is random is drawn from it.
            number: of the step, which decides what changes from step to step.
        """
        r, mine = self.recipe, slice(self.accelerator.process_index, None, self.world)
        labels = self.train.labels[index]
        mixed = self.pixels(r.mixed[number % len(r.mixed)]) if r.mixed else side
        images = resize(self.augment(index, generator)[mine], mixed).contiguous(memory_format=torch.channels_last)
        if not self.asks:
            return images, labels[mine]
        grid = GRIDS[number % len(GRIDS)]
        drawn = self.by_class.draw(index, labels, math.prod(grid), r.absent, generator)
        cells = self.augment(drawn.pictures.flatten(), generator).unflatten(0, drawn.pictures.shape)[mine]
        cells = resize(cells.flatten(0, 1), self.cell_side(side, grid)).unflatten(0, cells.shape[:2])
        scenes = compose(cells, grid).contiguous(memory_format=torch.channels_last)
        return images, labels[mine], scenes, drawn.classes[mine], drawn.asked[mine], grid

    def augment(self, index: Tensor, generator: torch.Generator) -> Tensor:
        """Training pictures by number, augmented and normalised: [B, 3, S, S]."""
        r = self.recipe
        x = normalise(self.train.images[index], self.data.mean, self.data.std)
        x = random_crop(x, self.pixels(r.crop), generator)
        x = random_flip(x, generator) if r.flip else x
        return cutout(x, self.pixels(r.cutout), generator)

    def cell_side(self, side: int, grid: tuple[int, int]) -> int:
        return cell_side(side, grid, self.net.trunk.smallest_input)

    def train_epoch(self, show: bool, save_every: int) -> dict:
        """One pass over the training pictures, or what is left of it; returns the row for metrics.jsonl.

        Raises:
            Stopped: asked to; the state is saved.
            RunError: the loss is not finite.
        """
        r, side = self.recipe, self.side(self.epoch)
        seed = self.settings.seed * 100_003 + self.epoch
        torch.manual_seed(seed + 1_000_003 * self.accelerator.process_index)  # dropout: each process its own
        generator = torch.Generator().manual_seed(seed)  # order and augmentation: the same in all
        order = torch.randperm(len(self.train), generator=generator).to(self.device)
        sums = torch.zeros(len(self.reported), 2, device=self.device)  # of what is reported: sum and count
        first, earlier = self.take_up_partial(sums, generator)
        began = time.perf_counter() - earlier
        self.wrapped.train()
        title = f"epoch {self.epoch + 1}/{r.epochs} at {side} px"
        total = self.steps_per_epoch * r.batch_size
        with tqdm(
            total=total, initial=first * r.batch_size, desc=title, unit="img", disable=not show, leave=False
        ) as bar:
            for i in range(first, self.steps_per_epoch):
                index = order[i * r.batch_size : (i + 1) * r.batch_size]
                number = self.epoch * self.steps_per_epoch + i
                sums += self.step(number, *self.batch(index, side, generator, number))
                last = i + 1 == self.steps_per_epoch
                if i % 10 == 9 or last:
                    means = self.means(self.reduced(sums))
                    bar.update((i + 1) * r.batch_size - bar.n)
                    bar.set_postfix(loss=f"{means['loss']:.3f}", error=f"{100 * means['error']:.1f} %")
                stop = self.everyone_stops()
                if not last and (stop or (save_every and (i + 1) % save_every == 0)):
                    self.save_partial(i + 1, time.perf_counter() - began, sums, generator)
                    if stop:
                        raise Stopped
        seconds = time.perf_counter() - began
        return {
            "epoch": self.epoch + 1,
            "side": side,
            "lr": self.optimiser.param_groups[0]["lr"],
            **{f"train_{name}": round(mean, 6) for name, mean in means.items()},
            "seconds": round(seconds, 2),
            "images_per_second": round(total / seconds, 1),
        }

    def take_up_partial(self, sums: Tensor, generator: torch.Generator) -> tuple[int, float]:
        """Sets both to where ``save_partial`` left this epoch, if it did: the steps made before, and their seconds."""
        if not self.partial:
            return 0, 0.0
        partial, self.partial = self.partial, None
        if self.accelerator.is_main_process:
            sums.copy_(partial["sums"])  # of all processes
        generator.set_state(partial["generator"])
        if len(partial["random"]) == self.world:  # else nothing that was can go on
            set_random_state(partial["random"][self.accelerator.process_index], self.device)
        return partial["step"], partial["seconds"]

    def save_partial(self, step: int, seconds: float, sums: Tensor, generator: torch.Generator) -> None:
        """Saves the state in the midst of an epoch, after ``step`` of its steps."""
        self.partial = {
            "step": step,
            "seconds": seconds,
            "sums": self.reduced(sums),
            "generator": generator.get_state(),
            "random": gather_object([random_state(self.device)]),
        }
        self.save_state()
        self.partial = None

    def reduced(self, sums: Tensor) -> Tensor:
        """The sums of all processes, on the CPU.

        Raises:
            RunError: the loss or a weight is not finite, so that neither is ever saved.
        """
        sums = self.accelerator.reduce(sums.clone()).cpu()
        if not all(v.isfinite().all() for v in (sums, *self.net.parameters())):
            raise RunError(f"the loss is not finite in epoch {self.epoch + 1}: lower the learning rate (--lr)")
        return sums

    @property
    def reported(self) -> tuple[str, ...]:
        return ("loss", "error", "asked_error", "asked_share") if self.asks else ("loss", "error")

    def means(self, sums: Tensor) -> dict[str, float]:
        """{what is reported: its mean} from sums and counts."""
        return {name: total / max(1, count) for name, (total, count) in zip(self.reported, sums.tolist(), strict=True)}

    def step(self, number: int, *batch) -> Tensor:
        """One optimisation step on this process's slice; returns the sum and count of each of ``reported``."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.rate(number, self.steps)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.precision == "bf16"):
            loss, reported = self.wrapped(*batch)
        self.optimiser.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        self.optimiser.step()
        if self.recipe.ema:
            update_average(self.average, self.net, self.recipe.ema, number)
        values = [torch.as_tensor(v, device=self.device) for name in self.reported for v in reported[name]]
        return torch.stack([v.float() for v in values]).view(-1, 2)

    def everyone_stops(self) -> bool:
        """Whether any process was asked to stop: all must leave at the same step."""
        if self.world == 1:
            return self.asked_to_stop
        return bool(self.accelerator.reduce(torch.tensor(float(self.asked_to_stop), device=self.device)).item())

    def stop_on_sigterm(self) -> None:
        def ask(*_):
            self.asked_to_stop = True

        signal.signal(signal.SIGTERM, ask)

    def fit(self, show: bool = True, save_every: int = 0) -> None:
        """Trains to the recipe's last epoch, then measures the test split, once, unless pictures were held out.

        Args:
            show: draw a progress bar on stderr.
            save_every: save the state every so many steps, besides at the end of each epoch.

        Raises:
            Stopped: SIGTERM came; the state is saved.
            RunError: the loss is not finite, or the folder can no longer be written.
        """
        main = self.accelerator.is_main_process
        while self.epoch < self.recipe.epochs:
            row = self.train_epoch(show and main, save_every)
            self.epoch += 1
            self.history.append(row)
            if main:
                net = self.averaged_network()
                best = self.settings.holdout > 0 and self.measure_held_out(net, row)
                self.folder.save_checkpoint(net, best)
                self.folder.save_history(self.history)
                print(describe(row, self.recipe.epochs), flush=True)
            self.save_state()
            if self.everyone_stops() and self.epoch < self.recipe.epochs:
                raise Stopped
        if main:
            self.finish()
        self.accelerator.wait_for_everyone()

    def measure_held_out(self, net: Network, row: dict) -> bool:
        """Adds the held-out error, at the epoch's own side, to ``row``; True where none of that side was lower.

        Where weights are averaged, the raw ones' error is added too, so that every such run shows what averaging does.
        """
        side = row["side"] if row["side"] != self.data.input_size else None
        nets = {"held_out_error": net}
        if self.recipe.ema:
            nets["held_out_error_raw"] = raw = copy.deepcopy(net)
            raw.load_state_dict(self.net.state_dict())
        for key, weights in nets.items():
            logits = predict(weights, self.held_out, side=side)
            row[key] = measure(logits, self.held_out.labels, self.data.class_names).error
        if self.asks:
            row |= {f"held_out_{name}": value for name, value in self.ask_held_out(net).items()}
        return row["held_out_error"] <= min(r["held_out_error"] for r in self.history if r["side"] == row["side"])

    def ask_held_out(self, net: Network) -> dict[str, float]:
        """What choosing the settings of ``ask`` needs, on scenes of held-out pictures: 300 of each kind."""
        by_class = class_questions(net, self.train.draw(2000)) if net.uses_global else None
        classes, found = len(self.data.class_names), {}
        for grid in ((1, 2), (2, 2)):
            scenes, absent = (draw_scenes(self.held_out, classes, grid, 300, share) for share in (0.0, 1.0))
            shares, logits = ask_scenes(net, scenes, "class", by_class)
            name = f"{grid[0]}x{grid[1]}"
            for level, cells in shares.items():
                found[f"{name}_{level}"] = round(share_asked(cells, scenes.asked).mean().item(), 4)
            found[f"{name}_named"] = round((logits.argmax(1) == scenes.labels).double().mean().item(), 4)
            named = ask_scenes(net, absent, "class", by_class)[1].argmax(1) == absent.labels
            found[f"{name}_absent_named"] = round(named.double().mean().item(), 4)
        return found

    def finish(self) -> None:
        """Measures the finished network and writes the result into its config and card."""
        net = self.averaged_network()
        if self.asks and net.uses_global:
            net = net.with_class_questions(class_questions(net, self.train))
        if self.settings.holdout:
            logits = predict(net, self.held_out)
            error = measure(logits, self.held_out.labels, self.data.class_names).error
            results = {"held_out_error": error, "held_out_images": len(self.held_out)}
        else:
            measured = evaluate(net, self.data)
            print(f"test error {100 * measured.error:.2f} % of {measured.images:,} pictures", flush=True)
            results = measured.summary()
            draw_confusion(measured, self.folder.path / CONFUSION)
        net.info = dataclasses.replace(net.info, results=results)
        self.folder.save_checkpoint(net)


def both(before: str, now: str) -> str:
    """What a run was started on, and what it went on with, where that is something else."""
    return before if now in before.split(", then ") else f"{before}, then {now}"


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


def describe(row: dict, epochs: int) -> str:
    """One epoch in a line."""
    held_out = f", held-out error {100 * row['held_out_error']:.2f} %" if "held_out_error" in row else ""
    return (
        f"epoch {row['epoch']}/{epochs} at {row['side']} px: loss {row['train_loss']:.4f}, "
        f"training error {100 * row['train_error']:.2f} %{held_out}, "
        f"{row['seconds']:.0f} s, {row['images_per_second']:.0f} images/s"
    )
