"""The benchmark's command, run for real on a tiny network: its numbers agree with each other."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import model
from model.table import multiply_adds
from training.__main__ import main
from training.bench import Pictures, Speed, our_steps, table
from training.data import Split, load
from training.recipes.registry import find_recipe
from training.settings import Settings

REPO = Path(__file__).resolve().parents[2]
WIDTH = 0.03125


@pytest.fixture(scope="module")
def printed(data_dir) -> str:
    """What a benchmark of two rounds of one step prints."""
    command = [sys.executable, "-m", "training", "bench", "--data-dir", str(data_dir), "--device", "cpu"]
    command += ["--width", str(WIDTH), "--steps", "1", "--rounds", "2", "--workers", "1", "--compiled"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TORCH_COMPILE_DISABLE": "1"}  # compiling takes a minute
    result = subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def cells(text: str) -> list[dict[str, str]]:
    """The rows of the Markdown table, by heading."""
    head, _, *rows = [[c.strip() for c in line.strip("| ").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return [dict(zip(head, row, strict=True)) for row in rows]


def rates(text: str) -> dict[str, float]:
    """The rate of a matrix product in each precision."""
    return {precision: float(rate) for rate, precision in re.findall(r"([\d.]+) GFLOP/s in (\w+)", text)}


def test_every_step_is_there_once(printed):
    kinds = [(row["step"], row["precision"]) for row in cells(printed)]
    assert len(set(kinds)) == len(kinds)
    assert {("ours", "float32"), ("ours, compiled", "float32"), ("textbook", "float32")} <= set(kinds)
    assert set(rates(printed)) == {precision for _, precision in kinds}
    title = printed.splitlines()[0]
    assert f"width {WIDTH}" in title and "2 rounds of 1 steps" in title and torch.__version__ in title


def test_each_ratio_is_the_quotient_of_numbers_in_the_table(printed):
    rows = cells(printed)
    textbook = next(float(row["images/s"]) for row in rows if row["step"] == "textbook")
    for row in rows:
        speed, gflops = float(row["images/s"]), float(row["GFLOP/s"])
        low, high = map(float, row["spread"].split(" to "))
        assert 0 < low <= speed <= high
        assert float(row["x textbook"]) == pytest.approx(speed / textbook, abs=0.006)
        share = float(row["share of matrix product"].removesuffix(" %")) / 100
        assert share == pytest.approx(gflops / rates(printed)[row["precision"]], abs=0.006)


def test_the_arithmetic_is_the_networks(printed):
    """A backward pass does twice the multiplications of a forward pass, except for the first layer's input."""
    net = model.build("vgg-att3-concat-dp", width=WIDTH)
    first = 9 * 3 * net.trunk.conv1[0].out_channels * 32 * 32
    gflop = 2 * (3 * multiply_adds(net) - first) / 1e9
    for row in cells(printed):
        speed, gflops = float(row["images/s"]), float(row["GFLOP/s"])
        assert gflops == pytest.approx(gflop * speed, rel=0.02, abs=0.06)


def test_the_table_of_known_numbers():
    rows = [
        Speed("ours", "bf16", 300.0, (290.0, 310.5), 450.0, 600.0),
        Speed("ours", "float32", 100.0, (99.0, 101.0), 150.0, 200.0),
        Speed("textbook", "float32", 40.0, (39.0, 41.0), 60.0, 200.0),
    ]
    text = table(rows, "a title")
    assert [(row["x textbook"], row["share of matrix product"]) for row in cells(text)] == [
        ("7.50", "75 %"),
        ("2.50", "75 %"),
        ("1.00", "30 %"),
    ]
    assert text.startswith("a title\n\n|") and rates(text) == {"bf16": 600.0, "float32": 200.0}


def test_the_textbooks_pictures_are_normalised_and_whole():
    images = torch.full((3, 3, 32, 32), 128, dtype=torch.uint8)
    pictures = Pictures(Split(images, torch.tensor([0, 1, 2])), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    x, y = pictures[1]
    assert len(pictures) == 3 and x.shape == (3, 32, 32) and y == 1
    assert torch.allclose(x, torch.tensor((128 / 255 - 0.5) / 0.25), atol=1e-6)


def test_the_compiled_step_is_compiled(data_dir, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda net: compiled.append(net) or net)
    recipe = find_recipe("fast", "cifar10", "vgg-gap")
    settings = Settings(arch="vgg-gap", dataset="cifar10", recipe=recipe, width=WIDTH, precision="float32")
    pictures = load("cifar10", data_dir)
    next(our_steps(settings, pictures, "cpu"))
    assert not compiled
    next(our_steps(settings, pictures, "cpu", compiled=True))
    assert len(compiled) == 1 and isinstance(compiled[0].net, model.VGGGAP)


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["--arch", "vgg-att9"], "there is no network called 'vgg-att9'"),
        (["--compiled"], "torch.compile needs a C++ compiler on a CPU, and there is no g++ here"),
    ],
)
def test_a_mistake_gets_one_sentence(data_dir, monkeypatch, capsys, arguments, sentence):
    monkeypatch.setattr(sys, "argv", ["training", "bench", *arguments, "--device", "cpu", "--data-dir", str(data_dir)])
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(SystemExit) as exit:
        main()
    error = capsys.readouterr().err
    assert exit.value.code == 2 and error.startswith(f"error: {sentence}")
    assert error.count("\n") == 1
