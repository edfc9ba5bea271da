"""Two networks on the same pictures: counts by a loop, the test by its definition, and the command on real pictures."""

import dataclasses
import json
import math
import subprocess
import sys

import pytest
import torch
from typer.testing import CliRunner

import model
from model import Network
from model.presets import normalise
from tests.conftest import REPO
from training import data
from training.experiments.compare import Pair, pairs, table


def test_counts_by_a_loop():
    generator = torch.Generator().manual_seed(0)
    wrongs = {name: torch.rand(500, generator=generator) < 0.2 for name in "abc"}
    rows = pairs(wrongs)
    assert [(pair.first, pair.second) for pair in rows] == [("a", "b"), ("a", "c"), ("b", "c")]
    for pair in rows:
        both = list(zip(wrongs[pair.first].tolist(), wrongs[pair.second].tolist(), strict=True))
        assert pair.only_first == both.count((True, False)) and pair.only_second == both.count((False, True))
        errors = [wrongs[name].double().mean().item() for name in (pair.first, pair.second)]
        assert pair.difference == pytest.approx(errors[0] - errors[1])
        low, high = pair.interval
        assert low < pair.difference < high


@pytest.mark.parametrize(("b", "c"), [(0, 0), (5, 1), (1, 5), (7, 7), (30, 12)])
def test_p_is_the_binomials_tails(b, c):
    n = b + c
    tail = sum(math.comb(n, k) for k in range(max(b, c), n + 1)) / 2**n
    assert Pair("a", "b", b, c, 1000).p == pytest.approx(min(1.0, 2 * tail))


def test_the_interval_covers_what_it_should():
    """Drawn 400 times from known probabilities, it holds the true difference about 95 times in 100."""
    generator = torch.Generator().manual_seed(1)
    chances = torch.tensor([0.04, 0.03, 0.93])  # only the first wrong, only the second, neither or both
    hits = 0
    for _ in range(400):
        drawn = torch.multinomial(chances, 2000, replacement=True, generator=generator).bincount(minlength=3)
        low, high = Pair("a", "b", int(drawn[0]), int(drawn[1]), 2000).interval
        hits += low <= 0.01 <= high
    assert 365 <= hits <= 395


def test_table():
    text = table({"a": torch.tensor([True, True, False, False]), "b": torch.tensor([True, False, False, False])})
    assert "| `a` | 50.00 % |" in text and "| `a` | `b` | 1 | 0 | +25.00 |" in text and "4 test pictures" in text


def test_the_command_on_real_pictures(data_dir, monkeypatch):
    """Through the command line, on 400 real test pictures, against the networks asked directly."""
    from training.__main__ import app

    whole = data.load("cifar10", data_dir)
    few = dataclasses.replace(whole, test=data.Split(whole.test.images[:400], whole.test.labels[:400]))
    monkeypatch.setattr(data, "load", lambda *_: few)
    names = ["vgg-att3-dp-cifar10-s", "vgg-att3-pc-cifar10-s"]
    result = CliRunner().invoke(app, ["compare", *names, "--data-dir", str(data_dir), "--json"])
    assert result.exit_code == 0, result.output
    (pair,) = json.loads(result.output.splitlines()[-1])["pairs"]
    wrong = []
    for name in names:
        net = Network.from_pretrained(name)
        with torch.no_grad():
            answer = net(normalise(few.test.images, net.info.mean, net.info.std))[0].argmax(1)
        wrong.append(answer != few.test.labels)
    a, b = wrong
    assert (pair["first"], pair["second"], pair["pictures"]) == (*names, 400)
    assert pair["only_first"] == int((a & ~b).sum()) and pair["only_second"] == int((b & ~a).sum())
    assert pair["only_first"] + pair["only_second"] > 0
    assert f"{100 * a.double().mean():.2f} %" in result.output


def test_one_network_is_refused():
    command = [sys.executable, "-m", "training", "compare", "vgg-att3-dp-cifar10-s"]
    result = subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=300)
    assert result.returncode == 2 and "two checkpoints or more" in result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("dataset", "split_seed", "expected"),
    [("cifar10", None, 0), ("folder:own", None, None), ("folder:own", 5, 5)],
    ids=["a built-in test split is fixed", "a folder's depends on the seed", "an option sets the seed"],
)
def test_networks_of_other_split_seeds(tmp_path, monkeypatch, dataset, split_seed, expected):
    from training.experiments.run import load

    names = []
    for seed in (0, 1):
        net = model.build("vgg-att1-concat-pc", width=0.0625)
        net.info = model.Info(tuple("abcdefghij"), dataset=dataset, recipe={"split_seed": seed})
        net.save_pretrained(tmp_path / str(seed))
        names.append(str(tmp_path / str(seed)))
    calls = []
    monkeypatch.setattr(data, "load", lambda *arguments: calls.append(arguments))
    if expected is None:
        with pytest.raises(ValueError, match="trained on different data"):
            load(names, tmp_path, split_seed, "cpu")
    else:
        nets, _ = load(names, tmp_path, split_seed, "cpu")
        assert list(nets) == names and calls == [(dataset, tmp_path, expected, 32)]
