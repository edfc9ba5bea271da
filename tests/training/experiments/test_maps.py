"""Sharpness, and what moves the maps, on real pictures against a loop; and the command's words."""

import json
import re

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from model import Network
from model.presets import normalise
from training import data
from training.__main__ import app
from training.experiments.maps import Row, map_rows, table
from training.intervals import Estimate

DP, PC, UNIFORM = (f"vgg-att3-{c}-cifar10-s" for c in ("dp", "pc", "uniform"))


@pytest.fixture(scope="module")
def cifar10(data_dir):
    return data.load("cifar10", data_dir)


def test_numbers_by_a_loop(cifar10):
    net = Network.from_pretrained(DP)
    rows = map_rows("dp", net, cifar10, 8)
    assert [(row.level, row.grid, row.pictures) for row in rows] == [
        ("conv7", (32, 32), 8),
        ("conv10", (16, 16), 8),
        ("conv13", (8, 8), 8),
    ]
    x = normalise(cifar10.test.draw(8).images, net.info.mean, net.info.std)
    for row in rows:
        peaks, entropies, maps, asked, changed = [], [], [], [], 0
        for i in range(8):
            with torch.no_grad():
                own, question = net.explain_logits(x[i : i + 1]), net.features(x[i - 1 : i or None])[1]
                other = net.explain_logits(x[i : i + 1], question)
            a, b = (e.attention[row.level][0].double().numpy() for e in (own, other))
            peaks.append(a.max() * a.size)
            entropies.append(-(a * np.log(a)).sum() / np.log(a.size))
            maps.append(a)
            asked.append(np.corrcoef(a.ravel(), b.ravel())[0, 1])
            changed += (own.logits.argmax() != other.logits.argmax()).item()
        common = [np.corrcoef(a.ravel(), np.mean(maps, 0).ravel())[0, 1] for a in maps]
        estimates = (row.peak, row.entropy, row.common, row.asked)
        for estimate, by_hand in zip(estimates, (peaks, entropies, common, asked), strict=True):
            assert estimate.mean == pytest.approx(np.mean(by_hand), rel=1e-3, abs=1e-3)
            assert min(by_hand) <= estimate.low + 1e-3 and estimate.high <= max(by_hand) + 1e-3
        assert row.changed == changed / 8


def test_pc_is_not_asked_and_even_maps_are_even(cifar10):
    pc = map_rows("pc", Network.from_pretrained(PC), cifar10, 4)
    assert all(row.asked is None and row.changed is None and row.common.mean < 1 for row in pc)
    for row in map_rows("uniform", Network.from_pretrained(UNIFORM), cifar10, 4):
        assert (row.peak.mean, row.entropy.mean) == pytest.approx((1, 1), abs=1e-3)
        assert row.common is None and row.asked is None


def test_the_command(cifar10, monkeypatch):
    monkeypatch.setattr(data, "load", lambda *_: cifar10)
    result = CliRunner().invoke(app, ["maps", DP, "--pictures", "6", "--json"])
    assert result.exit_code == 0, result.output
    rows = json.loads(result.output.splitlines()[-1])["rows"]
    assert [row["level"] for row in rows] == ["conv7", "conv10", "conv13"]
    assert all(row["peak"]["mean"] > 1 > row["entropy"]["mean"] > 0 for row in rows)
    assert "6 test pictures" in result.output
    place = r"^Measured on .+ CPU, \d+ threads?; Python 3\.\d+\.\d+, torch [\w.+]+; commit "
    assert re.search(place, result.output, re.MULTILINE)
    refusal = CliRunner().invoke(app, ["maps", "vgg-gap-cifar10-s"])
    assert "is a VGGGAP, and this command measures the paper's attention only" in str(refusal.exception)


def test_table():
    peak, r = Estimate(12.5, 11, 14), Estimate(0.5, 0.4, 0.6)
    rows = [
        Row("a", "conv13", (8, 8), 20, peak, r, r, r, 0.125),
        Row("b", "conv7", (32, 32), 20, peak, r, None, None, None),
    ]
    lines = table(rows).splitlines()
    some = "0.500 (0.400 to 0.600)"
    assert f"| `a` | conv13, 8 x 8 | 12.50 (11.00 to 14.00) | {some} | {some} | {some} | 12.5 % |" in lines
    assert f"| `b` | conv7, 32 x 32 | 12.50 (11.00 to 14.00) | {some} |  |  |  |" in lines
    assert lines[-1] == "20 test pictures; in brackets: 95 % intervals."
