"""What a run does in a step and from epoch to epoch, against torch written out; needs no data set."""

import copy
import dataclasses
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.functional import cross_entropy

import model
from model.presets import normalise
from training import fit
from training import run as runs
from training.augment import cutout, random_crop, random_flip, random_part
from training.average import Average
from training.batches import Batches
from training.data import Dataset, Split, hold_out
from training.parallel import SharedBatchNorm, accelerator
from training.recipes import Recipe
from training.recipes.registry import find_recipe
from training.run_folder import RunError, RunFolder
from training.settings import Settings
from training.start import optimiser, start_from

PLAIN = {"flip": False, "crop": 0, "cutout": 0}


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def run(tmp_path):
    """Returns a function that makes a run of the fast recipe, with changes, on 64 pictures of noise."""
    pixels = torch.randint(0, 256, (64, 3, 32, 32), generator=generator(), dtype=torch.uint8)
    split = Split(pixels, torch.arange(64) % 10)
    noise = Dataset("cifar10", split, split, tuple("abcdefghij"), (0.5,) * 3, (0.25,) * 3)

    def make(seed=0, holdout=0, arch="vgg-att1-concat-pc", **changes) -> runs.Run:
        recipe = dataclasses.replace(
            find_recipe("fast", "cifar10", ""), **{"stages": ((0, 2),), "batch_size": 16} | changes
        )
        settings = Settings(arch, "cifar10", recipe, width=1 / 32, seed=seed, holdout=holdout)
        return runs.Run(settings, noise, RunFolder(tmp_path), accelerator("cpu"))

    return make


@pytest.mark.parametrize(("step", "decay"), [(10_000, 0.9), (0, 0.1)])
def test_the_average_forgets_by_the_decay_and_a_young_one_faster(step, decay):
    net = nn.BatchNorm1d(1)
    average = Average(net)
    nn.init.constant_(net.weight, 3.0)
    net.running_mean.fill_(2.0), net.num_batches_tracked.fill_(5)
    average.update(0.9, step)
    tensors = average.tensors
    assert tensors["weight"].item() == pytest.approx(decay * 1 + (1 - decay) * 3)
    assert tensors["running_mean"].item() == pytest.approx((1 - decay) * 2) and tensors["num_batches_tracked"] == 5


@pytest.mark.parametrize("decay_all", [False, True])
def test_weight_decay_spares_biases_and_norms_unless_told(decay_all):
    net = model.build("vgg-att1-concat-dp", width=1 / 32)
    recipe = Recipe("r", ((32, 1),), lr=0.3, momentum=0.8, nesterov=True, weight_decay=0.01, decay_all=decay_all)
    groups = optimiser(net, recipe).param_groups
    assert all((g["lr"], g["momentum"], g["nesterov"]) == (0.3, 0.8, True) for g in groups)
    decay = {id(p): g["weight_decay"] for g in groups for p in g["params"]}
    assert [decay[id(p)] for p in net.parameters()] == [0.01 * (p.ndim > 1 or decay_all) for p in net.parameters()]


def test_a_step_has_the_recipes_loss_and_rate(run):
    one = run(label_smoothing=0.2)
    x, y = one.batches.draw(torch.arange(16), 32, generator())
    expected = cross_entropy(copy.deepcopy(one.net).train()(x)[0], y, label_smoothing=0.2).item()
    one.net.train()
    (loss, count), _ = fit.step(one, 3, x, y).tolist()
    assert loss / count == pytest.approx(expected, rel=1e-4) and count == 16
    assert {g["lr"] for g in one.optimiser.param_groups} == {one.recipe.rate(3, 8)} != {one.recipe.lr}


@pytest.mark.parametrize("objective", ["class", "ask"])
def test_no_step_waits_for_the_device(run, objective):
    """With a GPU, Python waits when it reads a number, and when it copies a tensor from the CPU in blocking mode."""
    one = run(objective=objective, ema=0.9)
    one.net.train()
    with torch.profiler.profile() as steps:
        fit.step(one, 3, *one.batches.draw(torch.arange(16), 32, generator(), 2))
    assert not {event.key for event in steps.key_averages()} & {"aten::item", "aten::_local_scalar_dense"}


@pytest.mark.parametrize(
    ("change", "augment"),
    [
        ({}, lambda x, g: x),
        ({"flip": True}, random_flip),
        ({"crop": 4}, lambda x, g: random_crop(x, 4, g)),
        ({"area": 0.5}, lambda x, g: random_part(x, 0.5, g)),
        ({"cutout": 8}, lambda x, g: cutout(x, 8, g)),
    ],
    ids=["plain", "flip", "crop", "part", "cutout"],
)
def test_a_batch_is_augmented_as_the_recipe_says(run, change, augment):
    one, index = run(**(PLAIN | change)), torch.arange(16)
    x, y = one.batches.draw(index, 32, generator())
    plain = normalise(one.data.train.images[index], one.data.mean, one.data.std)
    assert torch.equal(x, augment(plain, generator())) and torch.equal(y, one.data.train.labels[index])
    assert torch.equal(x, plain) == (not change)


def test_each_epoch_and_each_seed_has_its_own_order_and_each_seed_its_weights(run, monkeypatch):
    orders, draw = [], Batches.draw
    monkeypatch.setattr(
        Batches, "draw", lambda self, index, *rest: orders.append(tuple(index.tolist())) or draw(self, index, *rest)
    )
    two = [run(seed=seed) for seed in (0, 1)]
    assert not torch.equal(two[0].net.classifier.weight, two[1].net.classifier.weight)
    for one in two:
        for one.state.epoch in (0, 1):
            fit.train_epoch(one, show=False, save_every=0)
    assert len(orders) == 16 and len({orders[i] for i in (0, 4, 8, 12)}) == 4
    assert all(sorted(sum(orders[i : i + 4], ())) == list(range(64)) for i in (0, 4, 8, 12))


def test_an_epoch_shows_each_picture_as_often_as_the_data_set_says(tmp_path, monkeypatch):
    pixels = torch.randint(0, 256, (32, 3, 32, 32), generator=generator(), dtype=torch.uint8)
    times = torch.tensor([1, 3]).repeat(16)
    split = Split(pixels, torch.arange(32) % 10, times)
    data = Dataset("photos", split, split, tuple("abcdefghij"), (0.5,) * 3, (0.25,) * 3)
    recipe = dataclasses.replace(find_recipe("fast", "photos", ""), stages=((0, 1),), batch_size=16)
    settings = Settings("vgg-att1-concat-pc", "photos", recipe, width=1 / 32)
    one = runs.Run(settings, data, RunFolder(tmp_path), accelerator("cpu"))
    shown, draw = [], Batches.draw
    monkeypatch.setattr(
        Batches, "draw", lambda self, index, *rest: shown.extend(index.tolist()) or draw(self, index, *rest)
    )
    fit.train_epoch(one, show=False, save_every=0)
    assert torch.tensor(shown).bincount().equal(times) and shown != split.shown.tolist()
    rest, held_out = hold_out(split, 8)
    assert rest.shown.bincount().equal(rest.times) and len(held_out.shown) == held_out.times.sum()


def test_best_is_the_lowest_error_at_the_last_side(run, monkeypatch):
    errors = [0.3, 0.45, 0.4, 0.42, 0.2, 0.4, 0.5]
    one, left = run(holdout=8, ema=0.0), iter(errors)
    monkeypatch.setattr(runs, "measure", lambda *_: SimpleNamespace(error=next(left)))
    last, other, best = one.last_side, one.last_side + 16, []
    for side in (other, last, last, last, other, last, last):
        row = {"side": side}
        one.state.history.append(row)
        best.append(one.measure_held_out(one.net, row))
    assert best == [False, True, True, False, False, True, False]


def test_a_run_does_not_start_from_another_width(tmp_path):
    model.build("vgg-att1-concat-dp", width=1 / 16).save_pretrained(tmp_path)
    with pytest.raises(RunError, match="it has another architecture or width"):
        start_from(model.build("vgg-att1-concat-dp", width=1 / 32), str(tmp_path))


def test_a_run_goes_on_with_the_classifier_where_the_classes_are_the_same(tmp_path):
    torch.manual_seed(0)
    first, second = (model.build("vgg-att1-concat-dp", width=1 / 32, num_classes=3) for _ in range(2))
    first.save_pretrained(tmp_path, model.Info(class_names=("a", "b", "c")))
    fresh = second.classifier.weight.clone()
    start_from(second, str(tmp_path), ("a", "c", "b"))
    assert torch.equal(second.classifier.weight, fresh)
    start_from(second, str(tmp_path), ("a", "b", "c"))
    assert torch.equal(second.classifier.weight, first.classifier.weight)


def test_sides_that_scenes_cannot_be_made_of_are_refused(run):
    with pytest.raises(RunError, match="of pictures of 20 pixels a side: make every side in --stages a multiple of 8"):
        run(objective="ask", stages=((20, 1),))
    with pytest.raises(ValueError, match="the objective must be class or ask, not 'answer'"):
        run(objective="answer")


@pytest.mark.parametrize("arch", ["vgg", "vgg-gap", "resnet164"])
def test_only_networks_with_trained_attention_can_be_asked(run, arch):
    with pytest.raises(ValueError, match="--objective ask is for networks with trained attention"):
        run(arch=arch, objective="ask")


def test_shared_batch_statistics_are_those_of_batchnorm(monkeypatch):
    """With one process, whose own sum is the sum over all."""
    monkeypatch.setattr(dist, "get_world_size", lambda: 1)
    monkeypatch.setattr(dist, "all_reduce", lambda total: None)
    theirs, ours = nn.BatchNorm2d(3, eps=1e-3), SharedBatchNorm(3, eps=1e-3)
    x = torch.randn(4, 3, 5, 5, generator=generator())
    for mode in (True, True, False):
        assert torch.allclose(ours.train(mode)(x), theirs.train(mode)(x), atol=1e-5)
    for key, value in theirs.state_dict().items():
        assert torch.allclose(ours.state_dict()[key], value, atol=1e-5), key
