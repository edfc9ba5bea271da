"""Training from scratch.

    python -m training fit --dataset cifar10 --arch vgg-att3-concat-dp --width 0.25 --recipe fast --out runs/dp

A run folder is a checkpoint folder (config.json, model.safetensors, README.md: the averaged weights of the last epoch)
with settings.json, metrics.jsonl, curves.png and state.pt beside it. ``--resume`` goes on from state.pt. Each epoch draws
its order, augmentation and dropout from (seed, epoch) alone, so a resumed run is the uninterrupted one, bit for bit.
"""

from __future__ import annotations

import dataclasses
import io
import json
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

import model
from model.checkpoints import CheckpointError, Info, Network, write_atomically
from model.presets import normalise
from training.augment import cutout, random_crop, random_flip, resize
from training.data import Dataset, hold_out
from training.evaluate import evaluate, measure, predict
from training.recipes import Recipe

STATE, SETTINGS, METRICS = "state.pt", "settings.json", "metrics.jsonl"


class RunError(ValueError):
    """A run that cannot start or go on; the message is one sentence."""


@dataclass(frozen=True)
class Settings:
    """What a run is; saved as settings.json, and compared on resume.

    Attributes:
        arch: a name that ``model.build`` knows.
        dataset: a name that ``data.load`` knows.
        width: multiplies every channel count.
        recipe: how to train.
        seed: fixes initial weights, order, augmentation and dropout.
        holdout: training pictures held out to choose settings by; 0 trains on all and measures the test split at the end.
        precision: "float32" or "bf16" (autocast; weights stay float32).
        scale_scores: dp only, see ``model.attention.DotProduct``.
        limit: use only so many training pictures (for tests and rehearsals); 0 is all.
    """

    arch: str
    dataset: str
    width: float = 1.0
    recipe: Recipe = Recipe()
    seed: int = 0
    holdout: int = 0
    precision: str = "float32"
    scale_scores: bool = True
    limit: int = 0


def choose_precision(device: torch.device) -> str:
    """bf16 where the hardware multiplies it natively: any CUDA device, and CPUs with AVX512-BF16 or AMX; else float32."""
    if device.type == "cuda":
        return "bf16"
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    return "bf16" if "avx512_bf16" in flags or "amx_bf16" in flags else "float32"


def build(settings: Settings, data: Dataset) -> Network:
    """The untrained network of a run; the seed fixes its weights."""
    torch.manual_seed(settings.seed)
    arguments = {"scale_scores": False} if not settings.scale_scores else {}
    side = data.train.images.shape[-1]
    return model.build(
        settings.arch,
        num_classes=len(data.class_names),
        width=settings.width,
        dropout=settings.recipe.dropout,
        input_size=side,
        **arguments,
    )


def optimiser(net: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    """SGD with weight decay on matrices and kernels only."""
    parameters = [p for p in net.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.nesterov)


def update_average(average: dict[str, Tensor], net: nn.Module, decay: float, step: int) -> None:
    """Moves the averaged weights and running statistics towards the network's; young averages forget faster."""
    decay = min(decay, (1 + step) / (10 + step))
    now = net.state_dict()
    floating = [k for k, v in average.items() if v.is_floating_point()]
    torch._foreach_lerp_([average[k] for k in floating], [now[k] for k in floating], 1 - decay)
    for k in average.keys() - set(floating):
        average[k].copy_(now[k])


class Run:
    """One training run in a folder."""

    def __init__(self, settings: Settings, data: Dataset, folder: str | Path, device: torch.device, command: str = ""):
        self.settings, self.recipe, self.data = settings, settings.recipe, data
        self.folder, self.device, self.command = Path(folder), device, command
        train, held_out = hold_out(data.train, settings.holdout)
        if settings.limit:
            train = train.take(torch.arange(min(settings.limit, len(train))))
        if len(train) < self.recipe.batch_size:
            raise RunError(f"{len(train)} training pictures do not fill one batch of {self.recipe.batch_size}")
        self.train, self.held_out = train.to(device), held_out
        self.net = build(settings, data).to(device, memory_format=torch.channels_last)
        self.optimiser = optimiser(self.net, self.recipe)
        self.average = {k: v.clone() for k, v in self.net.state_dict().items()}
        self.steps_per_epoch = len(train) // self.recipe.batch_size
        self.epoch, self.history = 0, []

    @property
    def steps(self) -> int:
        return self.steps_per_epoch * self.recipe.epochs

    def start(self, resume: bool) -> None:
        """Prepares the folder, or reads back the state of an earlier start.

        Raises:
            RunError: the folder cannot be written, holds another run, or (without ``resume``) holds any run.
        """
        state, settings = self.folder / STATE, json.loads(json.dumps(dataclasses.asdict(self.settings)))
        try:
            if (self.folder / SETTINGS).exists():
                if not resume:
                    raise RunError(
                        f"{self.folder} already holds a run: --resume goes on with it, --out names another folder"
                    )
                if json.loads((self.folder / SETTINGS).read_text()) != settings:
                    raise RunError(f"{self.folder} holds a run with other settings (settings.json there says which)")
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self.folder / SETTINGS, json.dumps(settings, indent=1).encode())
        except OSError as e:
            raise RunError(f"{self.folder} cannot be written: {e.strerror or e}") from e
        except json.JSONDecodeError:
            raise RunError(f"{self.folder / SETTINGS} is not readable JSON") from None
        if resume and state.exists():
            self.load(state)

    def load(self, file: Path) -> None:
        try:
            state = torch.load(file, map_location=self.device, weights_only=True)
            self.net.load_state_dict(state["net"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.average = state["average"]
            self.epoch, self.history = state["epoch"], state["history"]
        except Exception as e:  # torch.load raises many kinds for a damaged file
            raise RunError(f"{file} is damaged or of another version, so the run cannot go on") from e

    def save(self) -> None:
        """Writes state, metrics, curves and the checkpoint, each atomically, the state last."""
        buffer = io.BytesIO()
        torch.save(
            {
                "net": self.net.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "average": self.average,
                "epoch": self.epoch,
                "history": self.history,
            },
            buffer,
        )
        try:
            lines = "".join(json.dumps(row) + "\n" for row in self.history)
            write_atomically(self.folder / METRICS, lines.encode())
            self.averaged_network().save_pretrained(self.folder)
            plot_curves(self.history, self.folder / "curves.png")
            write_atomically(self.folder / STATE, buffer.getvalue())
        except (OSError, CheckpointError) as e:
            raise RunError(f"{self.folder} could not be written ({e}); what it held before is intact") from e

    def averaged_network(self) -> Network:
        """A copy of the network with the averaged weights, which are the ones kept, and what is known about them."""
        net = build(self.settings, self.data)
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
                **environment(self.device),
            },
            results={},
        )
        return net.to(self.device, memory_format=torch.channels_last).eval()

    def batch(self, index: Tensor, side: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Augmented, normalised pictures [B, 3, side, side] and their labels."""
        r = self.recipe
        x = normalise(self.train.images[index], self.data.mean, self.data.std)
        x = random_crop(x, r.crop, generator)
        x = random_flip(x, generator) if r.flip else x
        x = resize(cutout(x, r.cutout, generator), side)
        return x.contiguous(memory_format=torch.channels_last), self.train.labels[index]

    def train_epoch(self, show: bool) -> dict:
        """One pass over the training pictures; returns the row for metrics.jsonl."""
        r, side, began = self.recipe, self.recipe.side(self.epoch), time.perf_counter()
        seed = self.settings.seed * 100_003 + self.epoch
        torch.manual_seed(seed)  # dropout
        generator = torch.Generator().manual_seed(seed)  # order and augmentation
        order = torch.randperm(len(self.train), generator=generator).to(self.device)
        total, wrong, seen = torch.zeros((), device=self.device), torch.zeros((), device=self.device), 0
        self.net.train()
        title = f"epoch {self.epoch + 1}/{r.epochs} at {side} px"
        bar = tqdm(total=self.steps_per_epoch * r.batch_size, desc=title, unit="img", disable=not show, leave=False)
        for i in range(self.steps_per_epoch):
            step = self.epoch * self.steps_per_epoch + i
            for group in self.optimiser.param_groups:
                group["lr"] = r.rate(step, self.steps)
            x, y = self.batch(order[i * r.batch_size : (i + 1) * r.batch_size], side, generator)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.precision == "bf16"):
                logits = self.net(x)[0]
            loss = nn.functional.cross_entropy(logits.float(), y, label_smoothing=r.label_smoothing)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            self.optimiser.step()
            if r.ema:
                update_average(self.average, self.net, r.ema, step)
            total += loss.detach() * len(y)
            wrong += (logits.detach().argmax(1) != y).sum()
            seen += len(y)
            if show and (i % 10 == 9 or i + 1 == self.steps_per_epoch):
                bar.update(seen - bar.n)
                bar.set_postfix(loss=f"{total.item() / seen:.3f}", error=f"{100 * wrong.item() / seen:.1f} %")
        bar.close()
        seconds = time.perf_counter() - began
        if not torch.isfinite(total):
            raise RunError(f"the loss is not finite in epoch {self.epoch + 1}: lower the learning rate (--lr)")
        return {
            "epoch": self.epoch + 1,
            "side": side,
            "lr": self.optimiser.param_groups[0]["lr"],
            "train_loss": round(total.item() / seen, 5),
            "train_error": round(wrong.item() / seen, 5),
            "seconds": round(seconds, 2),
            "images_per_second": round(seen / seconds, 1),
        }

    def fit(self, show: bool = True) -> Path:
        """Trains to the recipe's last epoch; the test split is measured once, then, when nothing was held out."""
        while self.epoch < self.recipe.epochs:
            row = self.train_epoch(show)
            self.epoch += 1
            self.history.append(row)
            if self.settings.holdout:
                side = row["side"] if row["side"] != self.held_out.images.shape[-1] else None
                logits = predict(self.averaged_network(), self.held_out, self.data.mean, self.data.std, side=side)
                row["held_out_error"] = measure(logits, self.held_out.labels, self.data.class_names).error
            self.save()
            print(describe(row, self.recipe.epochs), flush=True)
        net = self.averaged_network()
        if self.settings.holdout:
            results = {"held_out_error": self.history[-1]["held_out_error"], "held_out_images": len(self.held_out)}
        else:
            measured = evaluate(net.float(), self.data)
            results = {
                "error": measured.error,
                "interval": measured.interval,
                "test_images": measured.images,
                "calibration": measured.calibration,
            }
            print(f"test error {100 * measured.error:.2f} % of {measured.images:,} pictures", flush=True)
        net.save_pretrained(self.folder, dataclasses.replace(net.info, results=results))
        return self.folder


def describe(row: dict, epochs: int) -> str:
    held_out = f", held-out error {100 * row['held_out_error']:.2f} %" if "held_out_error" in row else ""
    return (
        f"epoch {row['epoch']}/{epochs} at {row['side']} px: loss {row['train_loss']:.4f}, "
        f"training error {100 * row['train_error']:.2f} %{held_out}, "
        f"{row['seconds']:.0f} s, {row['images_per_second']:.0f} images/s"
    )


def environment(device: torch.device) -> dict[str, str]:
    """What a number was measured on: hardware, versions, commit."""
    if device.type == "cuda":
        hardware = torch.cuda.get_device_name(device)
    else:
        names = [line.split(":", 1)[1].strip() for line in cpuinfo() if line.startswith("model name")]
        hardware = f"{names[0] if names else platform.machine()} CPU, {torch.get_num_threads()} threads"
    git = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short=12", "HEAD"]
    try:
        commit = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        commit = ""
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    return {"hardware": hardware, "versions": versions, "commit": commit}


def cpuinfo() -> list[str]:
    file = Path("/proc/cpuinfo")
    return file.read_text().splitlines() if file.exists() else []


def plot_curves(history: list[dict], file: Path) -> None:
    """Loss and errors by epoch, as a PNG, written atomically."""
    from matplotlib.figure import Figure

    epochs = [row["epoch"] for row in history]
    figure = Figure(figsize=(8, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(epochs, [row["train_loss"] for row in history], marker=".")
    left.set(xlabel="epoch", ylabel="training loss")
    right.plot(epochs, [100 * row["train_error"] for row in history], marker=".", label="training (augmented)")
    held_out = [(row["epoch"], 100 * row["held_out_error"]) for row in history if "held_out_error" in row]
    if held_out:
        right.plot(*zip(*held_out, strict=True), marker=".", label="held out")
    right.set(xlabel="epoch", ylabel="error, %")
    right.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    write_atomically(file, buffer.getvalue())


def command_line() -> str:
    """The command that is running, as one would type it."""
    import shlex

    return shlex.join(["python", "-m", "training", *sys.argv[1:]])
