"""Robustness on real pictures against a loop, and the command's words."""

import json
import math

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from model import Network
from model.attacks import fgsm, logits_of
from model.networks.attention import correlation
from model.presets import normalise
from training import data
from training.__main__ import app
from training.experiments.robustness import Row, parse_epsilons, robustness_rows, table

DP, UNIFORM = "vgg-att3-dp-cifar10-s", "vgg-att3-uniform-cifar10-s"


@pytest.fixture(scope="module")
def cifar10(data_dir):
    return data.load("cifar10", data_dir)


def test_correlation_is_numpys():
    generator = torch.Generator().manual_seed(0)
    a, b = torch.rand(2, 3, 4, 5, generator=generator)
    a[1] -= 2  # as CAM may be
    a[2] = 0.05
    expected = [np.corrcoef(x.flatten(), y.flatten())[0, 1] for x, y in zip(a[:2].numpy(), b[:2].numpy(), strict=True)]
    r = correlation(a, b).tolist()
    assert r[:2] == pytest.approx(expected, abs=1e-5) and math.isnan(r[2])


def test_errors_and_maps_by_a_loop(cifar10):
    net = Network.from_pretrained(DP)
    rows = robustness_rows("dp", net, cifar10, "fgsm", (0.0, 4.0), 60)
    assert [(row.epsilon, row.pictures) for row in rows] == [(0.0, 60), (4.0, 60)]
    drawn = torch.randperm(10_000, generator=torch.Generator().manual_seed(0))[:60]
    pictures, labels = cifar10.test.images[drawn], cifar10.test.labels[drawn]
    moved = fgsm(net, pictures, labels, 4.0)
    clean_wrong = (logits_of(net, pictures).argmax(1) != labels).sum().item()
    moved_wrong = (logits_of(net, moved).argmax(1) != labels).sum().item()
    assert rows[0].error == pytest.approx(clean_wrong / 60, abs=1e-6)
    assert rows[1].error == pytest.approx(moved_wrong / 60, abs=0.02)  # a tiny gradient may change its sign by rounding
    assert rows[1].error > rows[0].error + 0.2
    with torch.no_grad():
        before = net(normalise(pictures, net.info.mean, net.info.std))[1]
        after = net(normalise(moved * 255, net.info.mean, net.info.std))[1]
    for level, r in rows[1].correlation.items():
        pairs = zip(before[level].numpy(), after[level].numpy(), strict=True)
        by_hand = np.mean([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs])
        assert r == pytest.approx(by_hand, abs=0.01)
        assert r < rows[0].correlation[level] == pytest.approx(1, abs=1e-3)


def test_ten_steps_fool_more_than_one(cifar10):
    net = Network.from_pretrained(UNIFORM)
    one, ten = (robustness_rows("uniform", net, cifar10, method, (2.0,), 60)[0] for method in ("fgsm", "pgd"))
    assert ten.error >= one.error > 0.2
    assert not one.correlation  # every map is even, so it has no correlation


def test_the_command(cifar10, monkeypatch):
    monkeypatch.setattr(data, "load", lambda *_: cifar10)
    command = ["robustness", DP, UNIFORM, "--epsilons", "2", "--pictures", "40", "--json"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    rows = json.loads(result.output.splitlines()[-1])["rows"]
    assert [(row["checkpoint"], row["epsilon"]) for row in rows] == [(DP, 0), (DP, 2), (UNIFORM, 0), (UNIFORM, 2)]
    assert all(low <= row["error"] <= high for row in rows for low, high in [row["interval"]])
    assert f"| {100 * rows[1]['error']:.1f} (" in result.output and f"| `{DP}` conv13 | 1.000 |" in result.output
    assert "FGSM, one step; 40 test pictures" in result.output


def test_table_leaves_out_maps_that_are_even():
    rows = [
        Row(name, "pgd", epsilon, 10, 0.5, (0.2, 0.8), {"conv13": 0.5} if name == "a" else {})
        for name in "ab"
        for epsilon in (0.0, 1.0)
    ]
    lines = table(rows).splitlines()
    assert "| `b` | 50.0 (20.0 to 80.0) | 50.0 (20.0 to 80.0) |" in lines
    assert "| `a` conv13 | 0.500 | 0.500 |" in lines and not any(line.startswith("| `b` conv") for line in lines)
    assert lines[-1].startswith("PGD, 10 steps; 10 test pictures")


def test_epsilons():
    assert parse_epsilons("8,1,1") == (0.0, 1.0, 8.0)
    for text in ("", "a", "1;2", "-1", "256", "nan"):
        with pytest.raises(ValueError, match="epsilons are written like"):
            parse_epsilons(text)


def test_an_unknown_attack_is_refused(cifar10, monkeypatch):
    monkeypatch.setattr(data, "load", lambda *_: cifar10)
    result = CliRunner().invoke(app, ["robustness", DP, "--attack", "magic"])
    assert isinstance(result.exception, ValueError) and "attack must be fgsm or pgd" in str(result.exception)
