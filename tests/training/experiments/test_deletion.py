"""The deletion experiment on real pictures against a loop, and the command's words."""

import json

import pytest
import torch
from typer.testing import CliRunner

from model import Network
from model.posthoc import SHARES, deletion, logits_of, moved_deletion, random_deletion
from model.presets import normalise
from training import data
from training.__main__ import app
from training.experiments.deletion import DRAWS, Row, deletion_rows, table
from training.intervals import Estimate

DP, UNIFORM = "vgg-att3-dp-cifar10-s", "vgg-att3-uniform-cifar10-s"
COUNT = 5
PLAIN = ("saliency", ""), ("Gaussian", "")


@pytest.fixture(scope="module")
def cifar10(data_dir):
    return data.load("cifar10", data_dir)


def test_numbers_by_a_loop(cifar10):
    net = Network.from_pretrained(DP)
    rows = {(row.method, row.level): row for row in deletion_rows("dp", net, cifar10, COUNT)}
    levels = ("conv7", "conv10", "conv13")
    assert list(rows) == [*(("attention", level) for level in levels), ("Grad-CAM", "conv13"), *PLAIN]
    pictures = cifar10.test.images[torch.randperm(10_000, generator=torch.Generator().manual_seed(0))[:COUNT]]
    sums = dict.fromkeys(("clean", "fall", "moved", "random"), 0.0)
    order = torch.randperm(10_000, generator=torch.Generator().manual_seed(0))[:COUNT].sort().indices
    for number, picture in zip(order.argsort().tolist(), pictures, strict=True):
        x = picture[None]
        probability, classes = logits_of(net, x).softmax(1).max(1)
        with torch.no_grad():
            a = net(normalise(x, net.info.mean, net.info.std))[1]["conv13"]
        sums["clean"] += probability.item()
        sums["fall"] += deletion(net, x, classes, a, SHARES[1:]).mean().item()
        sums["moved"] += moved_deletion(net, x, classes, a, SHARES[1:], DRAWS, [number]).mean().item()
        sums["random"] += random_deletion(net, x, classes, SHARES[1:], DRAWS, [number]).mean().item()
    row = rows["attention", "conv13"]
    assert (row.checkpoint, row.pictures) == ("dp", COUNT)
    for name, total in sums.items():
        assert getattr(row, name) == pytest.approx(total / COUNT, abs=1e-3)
    gains = {key: row.gain.mean for key, row in rows.items()}
    for key, row in rows.items():
        assert row.gain.mean == pytest.approx(row.moved - row.fall, abs=2e-4)
        assert row.beyond.mean == pytest.approx(gains[key] - gains["Gaussian", ""], abs=2e-4)
        assert row.gain.low < row.gain.mean < row.gain.high
        assert key[0] == "Gaussian" or row.beyond.low < row.beyond.mean < row.beyond.high


def test_the_command(cifar10, monkeypatch):
    monkeypatch.setattr(data, "load", lambda *_: cifar10)
    result = CliRunner().invoke(app, ["deletion", UNIFORM, "vgg-gap-cifar10-s", "--pictures", "6", "--json"])
    assert result.exit_code == 0, result.output
    rows = json.loads(result.output.splitlines()[-1])["rows"]
    assert [row["method"] for row in rows] == [
        *("Grad-CAM", "saliency", "Gaussian"),  # even maps name no pixel
        *("CAM", "saliency", "Gaussian"),
    ]
    assert all(0 < row[key] <= 1 for row in rows for key in ("clean", "fall", "moved", "random"))
    assert "6 test pictures" in result.output


def test_table():
    row = Row("a", "attention", "conv13", 20, 0.95, 0.4, 0.6, 0.5, Estimate(0.2, -0.015, 0.3), Estimate(0.05, 0, 0.1))
    lines = table([row]).splitlines()
    assert (
        "| `a` | attention conv13 | 95.0 | 40.0 | 60.0 | 50.0 | +20.0 (-1.5 to +30.0) | +5.0 (+0.0 to +10.0) |" in lines
    )
    assert lines[-1].startswith("Probability of the first answer in %, averaged over 5, 10, 20, 30, 50 % of the pixels")
