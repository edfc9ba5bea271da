"""Do a network's features serve other data? A linear classifier is trained on them, and all else is frozen.

    python -m training transfer vgg-att3-dp-cifar10-s vgg-gap-cifar10-s --dataset cub

The features are what the network's own classifier reads. In an attention network these are the attended vectors of all
levels, after BatchNorm and ReLU (the paper's cross-domain experiment). The new classifier is a logistic regression on
standardised features. Its penalty is chosen by cross-validation on the training split; the test split is measured once.
There are two controls: the same network with random weights (and batch statistics of these pictures), and the pixels
themselves. Errors are compared picture by picture, as in ``training.experiments.compare``.

STL-10 has ten official folds: ``--dataset stl10 --splits 10`` measures all of them, and shows means and standard
deviations. The folds share photographs, so no p-value is given.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from statistics import mean, stdev

import numpy as np
import torch
from torch import Tensor, nn

from model import Network
from model.presets import network_input
from training.data import DataError, Dataset
from training.data.stl10 import refuse_seen
from training.experiments.compare import Pair, pair, pair_table
from training.intervals import wilson

PENALTIES = tuple(float(c) for c in np.logspace(-5, 1, 7))  # scikit-learn's C: the smaller, the stronger
FOLDS = 3
BATCH = 250


@dataclass(frozen=True)
class Row:
    """One kind of features.

    Attributes:
        checkpoint: the network's name; empty for pixels.
        features: "trained", "untrained" or "pixels".
        dimensions: how many numbers describe a picture.
        error: of the linear classifier, a fraction of the test pictures.
        interval: its 95 % interval (Wilson).
        pictures: how many test pictures.
        c: the penalty chosen, scikit-learn's C.
    """

    checkpoint: str
    features: str
    dimensions: int
    error: float
    interval: tuple[float, float]
    pictures: int
    c: float

    @property
    def title(self) -> str:
        return f"{self.checkpoint} {self.features}".strip()


@torch.no_grad()
def embed(net: Network, images: Tensor) -> np.ndarray:
    """What the network's classifier reads of every picture of uint8 [N, 3, H, W]: float32 [N, D]."""
    batches = images.tensor_split(math.ceil(len(images) / BATCH))  # alike in size: build_untrained() averages over them
    parts = [net.embed(network_input(net, x)).float().cpu() for x in batches]
    return torch.cat(parts).numpy()


def embed_once(net: Network) -> Callable[[Tensor], np.ndarray]:
    """``embed`` for pictures of several splits, which reads none of them twice."""
    known: dict[bytes, np.ndarray] = {}

    def vectors(images: Tensor) -> np.ndarray:
        keys = [image.numpy().tobytes() for image in images]
        new = [number for number, key in enumerate(keys) if key not in known]
        if new:
            known.update(zip((keys[number] for number in new), embed(net, images[new]), strict=True))
        return np.stack([known[key] for key in keys])

    return vectors


def build_untrained(net: Network, images: Tensor) -> Network:
    """The network with random weights, its BatchNorms with the statistics of ``images`` uint8 [N, 3, H, W]."""
    torch.manual_seed(0)
    fresh = type(net)(**net.arguments).to(net.device).to(memory_format=torch.channels_last)
    fresh.info = net.info
    norms = [m for m in fresh.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = None  # the plain mean over batches
    fresh.train()
    for m in fresh.modules():
        if isinstance(m, nn.Dropout):
            m.eval()
    embed(fresh, images)
    return fresh.eval()


def probe(train: np.ndarray, test: np.ndarray, data: Dataset) -> tuple[Tensor, float]:
    """Which pictures a linear classifier on features [N, D] misclassifies, bool [N], and the penalty that it chose.

    Raises:
        DataError: a class has too few training pictures to choose by.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    labels = data.train.labels.numpy()
    if np.bincount(labels, minlength=len(data.class_names)).min() < FOLDS:
        raise DataError(f"each class of {data.name} needs at least {FOLDS} training pictures, to choose a penalty by")
    search = GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
        {"logisticregression__C": PENALTIES},
        cv=StratifiedKFold(FOLDS, shuffle=True, random_state=0),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # weak penalties end early, and are judged as they are
        search.fit(train, labels)
    wrong = torch.from_numpy(search.predict(test)) != data.test.labels
    return wrong, search.best_params_["logisticregression__C"]


@dataclass(frozen=True)
class Average:
    """An error, or the difference of two, over several splits.

    Attributes:
        name: the features, "NETWORK trained" for example, or "FIRST - SECOND".
        mean: of the values.
        deviation: their standard deviation.
        values: of each split, fractions of its test pictures.
    """

    name: str
    mean: float
    deviation: float
    values: list[float]


def measure(nets: dict[str, Network], splits: list[Dataset]) -> tuple[str, dict[str, list]]:
    """The table, the rows and the pairs of the networks {name: network}; averages, if there are several splits."""
    measured = transfer(nets, splits)
    if len(splits) == 1:
        ((rows, pairs),) = measured
        return table(rows, pairs, splits[0]), {"rows": rows, "pairs": pairs}
    rows, pairs = (list(zip(*parts, strict=True)) for parts in zip(*measured, strict=True))
    errors = [average(row[0].title, [one.error for one in row]) for row in rows]
    differences = [average(f"{pair[0].first} - {pair[0].second}", [one.difference for one in pair]) for pair in pairs]
    return average_table(errors, differences, splits), {"errors": errors, "differences": differences}


def transfer(nets: dict[str, Network], splits: list[Dataset]) -> list[tuple[list[Row], list[Pair]]]:
    """For each split, every network's rows, trained and untrained, then the pixels'; and the pairs that are compared.

    Args:
        nets: {name: network}, in evaluation mode.
        splits: of one data set, at the networks' input size; any classes. The untrained networks have the batch
            statistics of the first split's training pictures.

    Raises:
        DataError: see ``probe``; or a network was trained on the test pictures.
    """
    for name, net in nets.items():
        if splits[0].name == "stl10":
            refuse_seen(name, net, others=("photos",))
    measured: list[tuple[list[Row], dict[str, Tensor]]] = [([], {}) for _ in splits]

    def add(checkpoint: str, features: str, vectors: Callable[[Tensor], np.ndarray]) -> None:
        for data, (rows, wrongs) in zip(splits, measured, strict=True):
            train, test = vectors(data.train.images), vectors(data.test.images)
            wrong, c = probe(train, test, data)
            error = wrong.double().mean().item()
            row = Row(
                checkpoint=checkpoint,
                features=features,
                dimensions=train.shape[1],
                error=round(error, 6),
                interval=wilson(error, len(data.test)),
                pictures=len(data.test),
                c=round(c, 6),
            )
            rows.append(row)
            wrongs[row.title] = wrong

    for name, net in nets.items():
        add(name, "trained", embed_once(net))
        add(name, "untrained", embed_once(build_untrained(net, splits[0].train.images)))
    add("", "pixels", lambda images: images.flatten(1).numpy() / np.float32(255))
    against = [*(f"{name} trained" for name in nets), "pixels"]
    pairs = [*combinations(against, 2), *((f"{name} trained", f"{name} untrained") for name in nets)]
    return [(rows, [pair(wrongs, *two) for two in pairs]) for rows, wrongs in measured]


def average(name: str, values: list[float]) -> Average:
    """The mean of two or more values and their standard deviation."""
    return Average(name, round(mean(values), 6), round(stdev(values), 6), values)


def table(rows: list[Row], pairs: list[Pair], data: Dataset) -> str:
    """The rows and the pairs, in Markdown."""
    lines = ["| features of | weights | numbers per picture | test error | 95 % interval |", "|---|---|--:|--:|---|"]
    for row in rows:
        low, high = (100 * v for v in row.interval)
        name, weights = (f"`{row.checkpoint}`", row.features) if row.checkpoint else ("the pixels", "none")
        lines.append(f"| {name} | {weights} | {row.dimensions:,} | {100 * row.error:.1f} % | {low:.1f} to {high:.1f} |")
    return "\n".join([*lines, "", about(data), "", pair_table(pairs)])


def average_table(errors: list[Average], differences: list[Average], splits: list[Dataset]) -> str:
    """Errors and differences over several splits, in Markdown."""
    lines = ["| features of | mean test error | standard deviation |", "|---|--:|--:|"]
    lines += [f"| `{row.name}` | {100 * row.mean:.1f} % | {100 * row.deviation:.1f} |" for row in errors]
    lines += ["", f"{len(splits)} splits of {about(splits[0])}", ""]
    lines += ["| first - second | mean | standard deviation | first lower in |", "|---|--:|--:|--:|"]
    for row in differences:
        lower = sum(value < 0 for value in row.values)
        lines.append(f"| `{row.name}` | {100 * row.mean:+.2f} | {100 * row.deviation:.2f} | {lower} of {len(splits)} |")
    return "\n".join([*lines, "", "Differences in % points. The splits share pictures, so no p-value is given."])


def about(data: Dataset) -> str:
    """A sentence on the data, with the error of the simplest answer."""
    chance = 100 * (1 - data.test.labels.bincount().max().item() / len(data.test))
    return (
        f"{data.name}, {len(data.class_names)} classes at {data.input_size} x {data.input_size}: "
        f"{len(data.train):,} training and {len(data.test):,} test pictures; "
        f"always answering the commonest class has an error of {chance:.1f} %."
    )
