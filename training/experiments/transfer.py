"""Do a network's features serve other data? A linear classifier is trained on them, and all else is frozen.

    python -m training transfer vgg-att3-dp-cifar10-s vgg-gap-cifar10-s --dataset cub

The features are what the network's own classifier reads. In an attention network these are the attended vectors of all
levels, after BatchNorm and ReLU (the paper's cross-domain experiment). The new classifier is a logistic regression on
standardised features. Its penalty is chosen by cross-validation on the training split; the test split is measured once.
There are two controls: the same network with random weights (and batch statistics of these pictures), and the pixels
themselves. Errors are compared picture by picture, as in ``training.experiments.compare``.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from torch import Tensor, nn

from model import Network
from model.presets import network_input
from training.data import DataError, Dataset
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


@torch.no_grad()
def embed(net: Network, images: Tensor) -> np.ndarray:
    """What the network's classifier reads of every picture of uint8 [N, 3, H, W]: float32 [N, D]."""
    batches = images.tensor_split(math.ceil(len(images) / BATCH))  # alike in size: build_untrained() averages over them
    parts = [net.embed(network_input(net, x)).float().cpu() for x in batches]
    return torch.cat(parts).numpy()


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


def measure(nets: dict[str, Network], data: Dataset) -> tuple[str, dict[str, list]]:
    """The table, the rows and the pairs of the networks {name: network}."""
    rows, pairs = transfer(nets, data)
    return table(rows, pairs, data), {"rows": rows, "pairs": pairs}


def transfer(nets: dict[str, Network], data: Dataset) -> tuple[list[Row], list[Pair]]:
    """Every network's rows, trained and untrained, then the pixels'; and the pairs that are compared.

    Args:
        nets: {name: network}, in evaluation mode.
        data: at their input size; any classes.

    Raises:
        DataError: see ``probe``.
    """
    rows, wrongs = [], {}

    def add(checkpoint: str, features: str, train: np.ndarray, test: np.ndarray) -> None:
        wrong, c = probe(train, test, data)
        wrongs[f"{checkpoint} {features}".strip()] = wrong
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

    for name, net in nets.items():
        fresh = build_untrained(net, data.train.images)
        for features, kind in {"trained": net, "untrained": fresh}.items():
            add(name, features, *(embed(kind, split.images) for split in (data.train, data.test)))
    add("", "pixels", *(split.images.flatten(1).numpy() / np.float32(255) for split in (data.train, data.test)))
    against = [*(f"{name} trained" for name in nets), "pixels"]
    pairs = [*combinations(against, 2), *((f"{name} trained", f"{name} untrained") for name in nets)]
    return rows, [pair(wrongs, *two) for two in pairs]


def table(rows: list[Row], pairs: list[Pair], data: Dataset) -> str:
    """The rows and the pairs, in Markdown."""
    lines = ["| features of | weights | numbers per picture | test error | 95 % interval |", "|---|---|--:|--:|---|"]
    for row in rows:
        low, high = (100 * v for v in row.interval)
        name, weights = (f"`{row.checkpoint}`", row.features) if row.checkpoint else ("the pixels", "none")
        lines.append(f"| {name} | {weights} | {row.dimensions:,} | {100 * row.error:.1f} % | {low:.1f} to {high:.1f} |")
    chance = 100 * (1 - data.test.labels.bincount().max().item() / len(data.test))
    lines += [
        "",
        f"{data.name}, {len(data.class_names)} classes at {data.input_size} x {data.input_size}: "
        f"{len(data.train):,} training and {len(data.test):,} test pictures; "
        f"always answering the commonest class has an error of {chance:.1f} %.",
        "",
        pair_table(pairs),
    ]
    return "\n".join(lines)
