"""The recipes: schedules worked out by hand, and the paper's numbers."""

import pytest
import torch
from typer.testing import CliRunner

import model
from model import AttentionVGG
from training.__main__ import app
from training.data import Dataset, Split
from training.recipes import Recipe, paper
from training.recipes.reading import parse_milestones, parse_numbers, parse_sides, parse_stages
from training.recipes.registry import find_recipe
from training.start import build


def test_one_cycle_rises_then_falls_to_nothing():
    recipe = Recipe("r", ((32, 10),), lr=1.0, warmup=0.2)
    rates = [recipe.rate(step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(1 / 20) and rates[19] == 1.0 and rates[20] == 1.0
    assert rates[60] == pytest.approx(0.5) and rates[99] == pytest.approx(1 / 80)
    assert rates[20:] == sorted(rates[20:], reverse=True)


def test_milestones_multiply():
    recipe = Recipe("r", ((32, 4),), lr=0.1, milestones=((1, 0.5), (3, 0.1)))
    assert [recipe.rate(step, 8) for step in range(8)] == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 5e-3, 5e-3])


def test_stages_give_each_epoch_its_side():
    recipe = Recipe("r", parse_stages("16x2,32x1"))
    assert [recipe.side(epoch) for epoch in range(recipe.epochs)] == [16, 16, 32]
    with pytest.raises(IndexError):
        recipe.side(3)


@pytest.mark.parametrize("text", ["", "16", "16x", "4x2", "16x0", "16x2;32x1", "axb", "1025x1", "-16x1"])
def test_stages_of_another_form_are_refused(text):
    with pytest.raises(ValueError, match="stages are written like"):
        parse_stages(text)


def test_no_milestones_are_read():
    assert parse_milestones("none") == ()


@pytest.mark.parametrize("text", ["", "soon", "60", "0:-1", "0:0", "-1:0.5", "5:nan", "5:inf"])
def test_milestones_of_another_form_are_refused(text):
    with pytest.raises(ValueError, match="milestones are written like"):
        parse_milestones(text)


def test_digits_are_not_mirrored_by_our_recipe():
    assert find_recipe("fast", "cifar10", "vgg").flip and not find_recipe("fast", "svhn", "vgg").flip


def test_weights_and_sides_are_read_or_refused():
    assert parse_numbers("0.3,0.1") == (0.3, 0.1) and parse_sides("32,48") == (32, 48)
    assert parse_numbers("none") == parse_sides("none") == ()
    for text in ("", "much", "-1", "nan", "inf"):
        with pytest.raises(ValueError, match="a list of numbers is written like"):
            parse_numbers(text)
    for text in ("", "wide", "7", "32.5", "1025"):
        with pytest.raises(ValueError, match="sides are written like"):
            parse_sides(text)


def test_milestones_are_read():
    assert parse_milestones("60:0.2,120:0.2") == ((60, 0.2), (120, 0.2))


def test_the_papers_recipe():
    cifar = find_recipe("paper", "cifar10", "vgg-att3-concat-pc")
    assert (cifar.lr, cifar.batch_size, cifar.epochs, cifar.weight_decay) == (0.1, 128, 300, 5e-4)
    assert cifar.decay_all and cifar.flip and cifar.crop == 0 and cifar.dropout == 1 and cifar.ema == 0
    assert [cifar.rate(epoch, 300) for epoch in (0, 23, 24, 48, 49)] == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.025])
    assert cifar.rate(298, 300) == pytest.approx(0.1 / 2**11) and cifar.rate(299, 300) == pytest.approx(0.1 / 2**12)
    assert find_recipe("paper", "svhn", "vgg").lr == 0.01
    for arch in ("vgg", "resnet164"):
        assert find_recipe("paper", "cifar10", arch).flip and not find_recipe("paper", "svhn", arch).flip
    cub = find_recipe("paper", "cub", "vgg-att2-concat-pc")
    assert cub.epochs == 320 and [round(cub.rate(e, 320), 4) for e in (28, 29, 59, 89, 119)] == [
        0.01,
        0.02,
        0.04,
        0.02,
        0.01,
    ]
    resnet = find_recipe("paper", "cifar100", "resnet164")
    assert resnet.nesterov and resnet.crop == 4 and resnet.batch_size == 64 and resnet.epochs == 200
    assert [resnet.rate(e, 200) for e in (158, 159)] == pytest.approx([0.1 * 0.2**2, 0.1 * 0.2**3])


def test_the_authors_first_weights():
    torch.manual_seed(0)
    net = AttentionVGG(compatibility="pc", width=0.5)
    paper.initialise(net)
    conv, norm, u = net.trunk.conv8[0], net.trunk.conv8[1], net.score["conv13"].u
    assert conv.weight.std().item() == pytest.approx((2 / (9 * 256)) ** 0.5, rel=0.02)
    assert u.weight.std().item() == pytest.approx(2**0.5, rel=0.1)
    assert 0 <= norm.weight.min() < 0.05 and 0.95 < norm.weight.max() <= 1


@pytest.mark.parametrize("recipe", ["fast", "paper"])
@pytest.mark.parametrize("arch", model.list_names())
def test_every_network_starts_under_every_recipe(arch, recipe, tmp_path, monkeypatch):
    """The command line's settings, up to the built network."""
    nets = []

    class Started(Exception):
        pass

    def start(settings, pictures, *_, **__):
        with torch.device("meta"):
            nets.append(build(settings, pictures))
        raise Started

    pixels = Split(torch.zeros(1, 3, 32, 32, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64))
    ten = Dataset("cifar10", pixels, pixels, tuple("abcdefghij"), (0.5,) * 3, (0.2,) * 3)
    monkeypatch.setattr("training.data.load", lambda *_: ten)
    monkeypatch.setattr("training.run.Run", start)
    command = ["fit", "--arch", arch, "--recipe", recipe, "--width", "0.1", "--out", str(tmp_path), "--device", "cpu"]
    result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, Started), result.exception
    plain = arch.endswith("-dp") and recipe == "paper"
    assert nets[0].arguments.get("scale_scores", True) is not plain
