"""Do the errors of two networks differ? Only test pictures that just one of the two misclassifies tell them apart.

    python -m training compare A B C

For each pair: how many pictures only the first misclassifies, how many only the second, the difference of the two
errors with a 95 % interval, and the p-value of the exact McNemar test. This compares two sets of weights. To see how
far two trainings of one network differ, train with several seeds.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import combinations

from scipy.stats import binomtest
from torch import Tensor

from model import Network
from training.data import Dataset
from training.evaluate import check_classes, predict


@dataclass(frozen=True)
class Pair:
    """Two networks on the same test pictures.

    Attributes:
        first, second: their names.
        only_first, only_second: how many pictures this one alone misclassifies.
        pictures: how many there are.
    """

    first: str
    second: str
    only_first: int
    only_second: int
    pictures: int

    @property
    def difference(self) -> float:
        """The first's error minus the second's, as a fraction."""
        return (self.only_first - self.only_second) / self.pictures

    @property
    def interval(self) -> tuple[float, float]:
        """The difference's 95 % interval, for paired fractions (Agresti and Min 2005: half a picture added to each)."""
        b, c, n = self.only_first + 0.5, self.only_second + 0.5, self.pictures + 2
        middle, half = (b - c) / n, 1.959964 * math.sqrt(b + c - (b - c) ** 2 / n) / n
        return middle - half, middle + half

    @property
    def p(self) -> float:
        """The p-value of the exact McNemar test, two-sided: could a fair coin have shared out those pictures?"""
        unlike = self.only_first + self.only_second
        return float(binomtest(self.only_first, unlike).pvalue) if unlike else 1.0

    def to_json(self) -> dict:
        return {**asdict(self), "difference": self.difference, "interval": self.interval, "p": self.p}


def measure(nets: dict[str, Network], data: Dataset) -> tuple[str, dict[str, list[Pair]]]:
    """The table and the pairs of the networks {name: network}.

    Raises:
        ValueError: there is only one.
    """
    if len(nets) < 2:
        raise ValueError("two checkpoints or more are needed: python -m training compare A B")
    wrongs = {name: find_wrong(net, data) for name, net in nets.items()}
    return table(wrongs), {"pairs": pairs(wrongs)}


def find_wrong(net: Network, data: Dataset) -> Tensor:
    """Which test pictures a network misclassifies, bool [N].

    Raises:
        DataError: the classes of ``data`` are not those of the network.
    """
    check_classes(net, data)
    return predict(net, data.test).argmax(1) != data.test.labels.cpu()


def pair(wrongs: dict[str, Tensor], first: str, second: str) -> Pair:
    """Compares two networks, from what each misclassifies, {name: bool [N]}."""
    x, y = wrongs[first], wrongs[second]
    return Pair(
        first=first,
        second=second,
        only_first=int((x & ~y).sum()),
        only_second=int((y & ~x).sum()),
        pictures=len(x),
    )


def pairs(wrongs: dict[str, Tensor]) -> list[Pair]:
    """Every pair of networks."""
    return [pair(wrongs, *two) for two in combinations(wrongs, 2)]


def table(wrongs: dict[str, Tensor]) -> str:
    """Errors, then every pair, in Markdown."""
    lines = ["| network | error |", "|---|--:|"]
    lines += [f"| `{name}` | {100 * x.double().mean():.2f} % |" for name, x in wrongs.items()]
    return "\n".join([*lines, "", pair_table(pairs(wrongs))])


def pair_table(pairs: list[Pair]) -> str:
    """Pairs of networks asked about the same pictures, in Markdown."""
    lines = ["| first | second | only the first wrong | only the second wrong | first − second | 95 % interval | p |"]
    lines += ["|---|---|--:|--:|--:|---|--:|"]
    for pair in pairs:
        low, high = pair.interval
        lines.append(
            f"| `{pair.first}` | `{pair.second}` | {pair.only_first} | {pair.only_second} "
            f"| {100 * pair.difference:+.2f} | {100 * low:+.2f} to {100 * high:+.2f} "
            f"| {'< .001' if pair.p < 0.001 else f'{pair.p:.3f}'} |"
        )
    pictures = pairs[0].pictures if pairs else 0
    same = "test pictures, the same for all; differences in % points; p: exact McNemar test, two-sided."
    return "\n".join([*lines, "", f"{pictures:,} {same}"])
