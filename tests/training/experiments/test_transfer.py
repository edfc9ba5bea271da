"""A linear classifier on frozen features: its error on known features, and on the real birds."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import model
from model.presets import normalise
from training import data
from training.__main__ import app
from training.data import DataError, Dataset, Split
from training.data.stl10 import read_photographs
from training.experiments import transfer as experiment
from training.experiments.run import load_splits
from training.experiments.transfer import build_untrained, embed, measure, probe, table, transfer

STATISTICS = {"mean": (0.4, 0.5, 0.6), "std": (0.2, 0.2, 0.2)}


def made_up(count: int = 60, classes: int = 3, side: int = 8) -> Dataset:
    """Pictures whose brightness tells their class, and labels in turn."""
    generator = torch.Generator().manual_seed(0)
    splits = []
    for _ in range(2):
        labels = torch.arange(count) % classes
        noise = torch.randint(0, 60, (count, 3, side, side), generator=generator)
        splits.append(Split((noise + 60 * labels.view(-1, 1, 1, 1)).to(torch.uint8), labels))
    return Dataset("made-up", *splits, tuple("abc"[:classes]), **STATISTICS)


@pytest.fixture
def net():
    torch.manual_seed(3)
    net = model.build("vgg-att2-concat-dp", width=0.0625, input_size=8).eval()
    net.info = dataclasses.replace(net.info, **STATISTICS)
    return net


def test_probe_finds_what_is_there_and_no_more():
    data, rng = made_up(300), np.random.default_rng(0)
    noise = [rng.normal(size=(300, 5)).astype(np.float32) for _ in range(2)]
    telling = [
        np.c_[n, split.labels.numpy() == 1, split.labels.numpy() == 2]
        for n, split in zip(noise, (data.train, data.test), strict=True)
    ]
    assert not probe(*telling, data)[0].any()
    assert probe(*noise, data)[0].float().mean() == pytest.approx(2 / 3, abs=0.1)
    scaled = [1e4 * t + 7 for t in telling]  # units do not matter: features are standardised
    assert not probe(*scaled, data)[0].any()


def test_embed_is_the_networks_own(net):
    data = made_up(260)  # more than a batch
    vectors = embed(net, data.train.images)
    assert vectors.shape == (260, 64) and vectors.dtype == np.float32
    with torch.no_grad():
        last = net.embed(normalise(data.train.images[-1:], net.info.mean, net.info.std)).numpy()
    assert np.allclose(vectors[-1:], last, atol=1e-5)


def test_the_untrained_network_has_other_weights_and_the_statistics_of_the_pictures(net):
    data = made_up(250)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    fresh = build_untrained(net, data.train.images)
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert not fresh.training and not torch.equal(fresh.trunk.conv1[0].weight, net.trunk.conv1[0].weight)
    with torch.no_grad():
        x = fresh.trunk.conv1[0](normalise(data.train.images, net.info.mean, net.info.std))
    assert torch.allclose(fresh.trunk.conv1[1].running_mean, x.mean((0, 2, 3)), atol=1e-4)
    assert torch.allclose(fresh.trunk.conv1[1].running_var, x.var((0, 2, 3)), rtol=1e-3)


def test_rows_and_table(net):
    data = made_up()
    ((rows, compared),) = transfer({"net": net}, [data])
    assert [(row.checkpoint, row.features, row.dimensions) for row in rows] == [
        ("net", "trained", 64),
        ("net", "untrained", 64),
        ("", "pixels", 192),
    ]
    assert rows[2].error == 0  # brightness tells all
    lines = table(rows, compared, data).splitlines()
    assert lines[4].startswith("| the pixels | none | 192 | 0.0 % | 0.0 to ")
    assert "60 training and 60 test pictures" in lines[6] and lines[6].endswith("an error of 66.7 %.")
    assert [(pair.first, pair.second) for pair in compared] == [
        ("net trained", "pixels"),
        ("net trained", "net untrained"),
    ]
    for pair, other in zip(compared, (rows[2], rows[1]), strict=True):
        assert pair.pictures == 60 and pair.difference == pytest.approx(rows[0].error - other.error, abs=1e-6)
    assert lines[10].startswith("| `net trained` | `pixels` | ")


def test_splits_are_averaged_and_no_picture_is_read_twice(net, monkeypatch):
    whole = made_up()
    halves = [dataclasses.replace(whole, train=whole.test, test=whole.train), whole]
    alone = [transfer({"net": net}, [halves[0]])[0], transfer({"net": net}, halves)[1]]
    read = []
    monkeypatch.setattr(experiment, "embed", lambda net, images: (read.append(len(images)), embed(net, images))[1])
    text, answer = measure({"net": net}, halves)
    assert read == [60, 60, 60, 60, 60]  # the network's two halves; then the untrained one's, after its statistics
    for kind, errors in enumerate(answer["errors"]):
        values = [rows[kind].error for rows, _ in alone]
        assert errors.values == values and errors.mean == pytest.approx(sum(values) / 2, abs=1e-6)
        assert errors.deviation == pytest.approx(abs(values[0] - values[1]) / 2**0.5, abs=1e-6)
    difference = answer["differences"][0]
    assert difference.name == "net trained - pixels"
    assert difference.mean == pytest.approx(answer["errors"][0].mean - answer["errors"][2].mean, abs=1e-6)
    lower = sum(value < 0 for value in difference.values)
    assert f"| `net trained - pixels` | {100 * difference.mean:+.2f} | " in text and f"| {lower} of 2 |" in text


def test_the_splits_of_stl10_are_its_folds(stl10_dir):
    _, splits = load_splits(["vgg-att3-dp-cifar10-s"], stl10_dir, 3, 2, "cpu", "stl10")
    photographs = read_photographs(stl10_dir)
    for fold, split in zip((3, 4), splits, strict=True):
        assert torch.equal(split.train.labels, photographs.labels[photographs.folds[fold].sort().values])
        assert (len(split.train), len(split.test)) == (1000, 4000)


@pytest.mark.parametrize("dataset", ["stl10", "photos"])
def test_features_that_were_trained_on_the_test_photographs_are_refused(net, dataset):
    net.info = dataclasses.replace(net.info, dataset=dataset)
    with pytest.raises(DataError, match="net was trained on some of the photographs of STL-10"):
        transfer({"net": net}, [dataclasses.replace(made_up(), name="stl10")])


def test_data_with_one_split_are_refused(birds_dir):
    with pytest.raises(ValueError, match="cub has one split of its own"):
        load_splits(["vgg-att3-dp-cifar10-s"], birds_dir, 0, 2, "cpu", "cub")


def test_too_few_pictures_of_a_class_are_refused(net):
    with pytest.raises(DataError, match="needs at least 3 training pictures"):
        transfer({"net": net}, [made_up(6)])


def test_the_command_on_real_birds(birds_dir, monkeypatch):
    """The first ten classes, so that it is quick."""
    birds = data.load("cub", birds_dir, 0, 32)
    train, test = (split.take(split.labels < 10) for split in (birds.train, birds.test))
    ten = dataclasses.replace(birds, train=train, test=test, class_names=birds.class_names[:10])
    monkeypatch.setattr(data, "load", lambda *_: ten)
    result = CliRunner().invoke(app, ["transfer", "vgg-att3-pc-cifar10-s", "--data-dir", str(birds_dir), "--json"])
    assert result.exit_code == 0, result.output
    answer = json.loads(result.output.splitlines()[-1])
    trained, _, pixels = answer["rows"]
    assert (trained["dimensions"], trained["pictures"], pixels["dimensions"]) == (320, len(test), 3072)
    assert trained["error"] < pixels["error"] - 0.05  # .551 and .728 when this was written
    assert f"| {100 * trained['error']:.1f} % |" in result.output
    assert answer["pairs"][0]["p"] < 0.001 and answer["pairs"][0]["difference"] < -0.05  # and the pixels'
