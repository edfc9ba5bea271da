"""Measures a network on a whole split: in float32, one pass, no augmentation."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from model import AttendingNetwork, Network
from model.atomic import write_atomically
from model.checkpoints import own_folder
from model.presets import network_input
from training import plots
from training.augment import resize
from training.data import DataError, Dataset, Split
from training.intervals import wilson


@dataclass(frozen=True)
class Measurement:
    """The result of one pass over a split; errors are fractions.

    Attributes:
        error: top-1 error.
        interval: its 95 % interval (Wilson).
        images: how many pictures.
        per_class: class name to error.
        calibration: expected calibration error, 15 equal bins of confidence.
        confidence: mean probability of the answer; below 1 - error, the network is right more often than it expects.
        confusion: [K][K], how many pictures of the row's class were given the column's.
        more: {title: measurement} of the data's other test sets.
        sides: {side in pixels: error} where the pictures were read at other sides too, the data's own among them.
    """

    error: float
    interval: tuple[float, float]
    images: int
    per_class: dict[str, float]
    calibration: float
    confidence: float
    confusion: list[list[int]]
    more: dict[str, Measurement] = field(default_factory=dict)
    sides: dict[int, float] = field(default_factory=dict)

    def as_dict(self) -> dict:
        return asdict(self)

    def summary(self) -> dict:
        """The part that a checkpoint's config and card keep."""
        main = {"error": self.error, "interval": self.interval, "test_images": self.images}
        more = {title: other.summary() for title, other in self.more.items()}
        sides = {"sides": {str(side): e for side, e in self.sides.items()}, "sides_images": self.images}
        return {
            **main,
            "calibration": self.calibration,
            **({"more_tests": more} if more else {}),
            **(sides if self.sides else {}),
        }


@torch.inference_mode()
def predict(net: Network, split: Split, batch_size: int = 250, side: int | None = None) -> Tensor:
    """Logits [N, K] of every picture of a split, on the CPU.

    Args:
        net: on any device; it is put into evaluation mode.
        split: its pictures.
        batch_size: pictures at once.
        side: side in pixels to resize the pictures to; None keeps their own size.
    """
    net.eval()
    logits = []
    for images in split.images.split(batch_size):
        x = network_input(net, images)
        logits.append(net(resize(x, side) if side else x)[0].float().cpu())
    return torch.cat(logits)


@torch.inference_mode()
def class_questions(net: AttendingNetwork, train: Split, batch_size: int = 250) -> Tensor:
    """The mean global feature g of each class's training pictures, without augmentation: [K, C].

    A class without pictures has the mean of all.

    Raises:
        ValueError: no map of the network depends on g.
    """
    labels, classes = train.labels.to(net.device), net.arguments["num_classes"]
    sums = torch.zeros(classes, net.g_channels, dtype=torch.float64, device=net.device)
    for images, some in zip(train.images.split(batch_size), labels.split(batch_size), strict=True):
        _, g = net.features(network_input(net, images))
        if g is None:
            raise ValueError(f"under {net.compatibility} no map depends on g, so classes have no questions")
        sums.index_add_(0, some, g.double())
    counts = torch.bincount(labels, minlength=classes)[:, None]
    return torch.where(counts > 0, sums / counts, sums.sum(0) / counts.sum()).float()


def measure(logits: Tensor, labels: Tensor, class_names: tuple[str, ...]) -> Measurement:
    """Error, interval, per-class error and calibration from logits [N, K] and labels [N]."""
    labels = labels.cpu()
    confidence, answer = logits.softmax(1).max(1)
    right = answer == labels
    n, error = len(labels), 1 - right.double().mean().item()
    per_class = {
        name: round(1 - right[labels == k].double().mean().item(), 6)
        for k, name in enumerate(class_names)
        if (labels == k).any()
    }
    bins = (confidence * 15).long().clamp(max=14)
    gaps = [
        (bins == i).double().mean() * (confidence[bins == i].double().mean() - right[bins == i].double().mean()).abs()
        for i in bins.unique()
    ]
    k = len(class_names)
    confusion = torch.bincount(labels * k + answer, minlength=k * k).view(k, k).tolist()
    sure = round(confidence.double().mean().item(), 6)
    return Measurement(round(error, 6), wilson(error, n), n, per_class, round(float(sum(gaps)), 6), sure, confusion)


def check_classes(net: Network, data: Dataset) -> None:
    """Raises DataError if the classes of ``data`` are not those of the network."""
    both = net.info.class_names, data.class_names  # a checkpoint may store accents apart from letters, as macOS does
    own, other = (tuple(unicodedata.normalize("NFC", name) for name in names) for names in both)
    if own != other:
        raise DataError(
            f"the network knows {len(net.info.class_names)} classes ({', '.join(net.info.class_names[:3])}, ...), "
            f"which are not the {len(data.class_names)} of {data.name} ({', '.join(data.class_names[:3])}, ...)"
        )


def evaluate(net: Network, data: Dataset, sides: Iterable[int] = ()) -> Measurement:
    """Measures a network on all test pictures of ``data``, normalised as the network was trained.

    Args:
        net: the network.
        data: the data set.
        sides: in pixels; also measure the error of the test pictures read at each.

    Raises:
        DataError: the classes of ``data`` are not those of the network.
        ValueError: a side is too small for the network.
    """
    check_classes(net, data)

    def measure_split(split: Split, side: int | None = None) -> Measurement:
        return measure(predict(net, split, side=side), split.labels, data.class_names)

    at_sides = {side: measure_split(data.test, side).error for side in sorted(set(sides) - {data.input_size})}
    own = measure_split(data.test)
    return replace(
        own,
        more={title: measure_split(split) for title, split in data.more_tests.items()},
        sides=dict(sorted({**at_sides, data.input_size: own.error}.items())) if at_sides else {},
    )


def save(checkpoint: str, net: Network, measurement: Measurement) -> None:
    """Keeps what was measured in the checkpoint's config and card.

    Raises:
        CheckpointError: the checkpoint is not a folder that can be written.
    """
    rounding = {"rounded_before": True} if "rounded_to" in net.info.results else {}
    net.add_results(own_folder(checkpoint), {**measurement.summary(), **rounding})


def draw_confusion(measurement: Measurement, file: Path) -> None:
    """Writes the confusion matrix as a PNG: rows are true classes, columns answers, in per cent of the row.

    Raises:
        DataError: the file cannot be written.
    """
    counts = torch.tensor(measurement.confusion, dtype=torch.float64)
    share = 100 * counts / counts.sum(1, keepdim=True).clamp(min=1)
    names, k = list(measurement.per_class), len(counts)
    few = k <= 30 and len(names) == k
    size = (2 + 0.5 * k, 1.5 + 0.5 * k) if k <= 30 else (16, 15)
    with plots.canvas(names if few else (), figsize=size) as (figure, labels):
        axes = figure.subplots()
        image = axes.imshow(share.numpy(), cmap="Blues", vmin=0, vmax=100)
        figure.colorbar(image, label="% of the true class")
        axes.set(xlabel="answer", ylabel="true class", title=f"error {100 * measurement.error:.2f} %")
        if few:
            axes.set_xticks(range(k), labels, rotation=45, ha="right", parse_math=False)
            axes.set_yticks(range(k), labels, parse_math=False)
            for i in range(k):
                for j in range(k):
                    colour = "white" if share[i, j] > 50 else "black"
                    axes.text(j, i, f"{share[i, j]:.1f}", ha="center", va="center", color=colour, fontsize=8)
        drawing = plots.png(figure)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, drawing)
    except OSError as e:
        raise DataError(f"{file} cannot be written: {e.strerror or e}") from e
