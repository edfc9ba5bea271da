"""Every kind of data set, from files to a measured checkpoint, by the command line, with a tiny network."""

import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from model import AttentionVGG
from training import data
from training.__main__ import main
from training.evaluate import predict


def command(monkeypatch, capsys, *arguments):
    """Runs the command line in this process; returns what it prints."""
    monkeypatch.setattr(sys, "argv", ["training", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit:
        main()
    captured = capsys.readouterr()
    assert exit.value.code == 0, captured.err
    return captured.out


def fit_and_evaluate(monkeypatch, capsys, tmp_path, dataset, data_dir, *arguments):
    """A tiny run on all training pictures; returns the network and what evaluate says of it."""
    out = tmp_path / "run"
    tiny = ["--arch", "vgg-att3-concat-pc", "--width", "0.03125", "--device", "cpu", "--precision", "float32"]
    where = ["--dataset", dataset, "--data-dir", data_dir]
    command(monkeypatch, capsys, "fit", *where, *tiny, "--out", out, *arguments)
    output = command(monkeypatch, capsys, "evaluate", out, *where, "--json")
    net, measurement = AttentionVGG.from_pretrained(out), json.loads(output.splitlines()[-1])
    results = net.info.results
    assert (results["error"], results["test_images"]) == (measurement["error"], measurement["images"])
    return net, measurement


@pytest.mark.parametrize(("dataset", "pictures", "classes"), [("cifar100", 4, 100), ("svhn", 5, 10)])
def test_small_files_of_the_true_format(request, monkeypatch, capsys, tmp_path, dataset, pictures, classes):
    folder = request.getfixturevalue(dataset)
    arguments = ["--stages", "16x1,32x1", "--batch-size", "4"]
    net, measurement = fit_and_evaluate(monkeypatch, capsys, tmp_path, dataset, folder, *arguments)
    assert measurement["images"] == pictures and len(net.info.class_names) == classes
    assert net.info.dataset == dataset


def test_real_birds_at_80_pixels(birds_dir, monkeypatch, capsys, tmp_path):
    arguments = ["--stages", "16x1,32x1", "--batch-size", "50", "--limit", "100"]
    net, measurement = fit_and_evaluate(monkeypatch, capsys, tmp_path, "cub", birds_dir, *arguments)
    birds = data.load("cub", birds_dir)
    assert net.arguments["input_size"] == 80 and measurement["images"] == len(birds.test)
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [row["side"] for row in rows] == [40, 80]  # the recipe's 16 and 32, scaled
    few = data.Split(birds.test.images[:4], birds.test.labels[:4])
    assert predict(net, few).shape == (4, len(birds.class_names))
    _, attention = net(torch.zeros(1, 3, 80, 80))
    assert {level: tuple(a.shape[1:]) for level, a in attention.items()} == {
        "conv7": (80, 80),
        "conv10": (16, 16),
        "conv13": (8, 8),
    }


def test_a_folder_of_pictures_is_learnt(monkeypatch, capsys, tmp_path):
    rng = np.random.default_rng(0)
    for name, colour in (("red", (200, 40, 40)), ("blue", (40, 40, 200))):
        (tmp_path / "own" / name).mkdir(parents=True)
        for i in range(40):
            pixels = np.clip(rng.normal(colour, 30, (20, 24, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "own" / name / f"{i}.png")
    (tmp_path / "own" / "red" / "broken.png").write_bytes(b"no picture")
    arguments = ["--stages", "16x8", "--batch-size", "16", "--lr", "0.05", "--ema", "0", "--split-seed", "3"]
    net, measurement = fit_and_evaluate(monkeypatch, capsys, tmp_path, "folder:own", tmp_path, *arguments)
    test = data.load("folder:own", tmp_path, 3, 32).test
    assert net.info.class_names == ("blue", "red") and measurement["images"] == len(test) and 8 <= len(test) <= 24
    assert measurement["error"] == 0.0  # two colours
    calls, load = [], data.load
    monkeypatch.setattr(data, "load", lambda *arguments: calls.append(arguments) or load(*arguments))
    command(monkeypatch, capsys, "evaluate", tmp_path / "run", "--data-dir", tmp_path)
    assert calls == [("folder:own", tmp_path, 3, 32)]  # never the pictures it was trained on
