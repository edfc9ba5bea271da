"""Localization: maps with known scores get these scores, and the command measures what it says."""

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import roc_auc_score

import model
from model.posthoc import to_side
from tools import scenes
from training.__main__ import main
from training.data import DataError
from training.data.objects import (
    OBJECTS,
    Objects,
    birds,
    box_in_square,
    cover,
    illustrations,
    masked_photographs,
    photographs,
)
from training.data.photos import TEST_FOLD
from training.data.stl10 import read_masks, read_photographs
from training.experiments import localize as experiment
from training.experiments.localize import localize, table
from training.experiments.map_scores import THRESHOLDS, auc, best_threshold, mass_inside, overlap, peak_inside
from training.experiments.network_maps import ASKED, network_maps, plain_maps
from training.intervals import bootstrap

LEFT = torch.tensor([[[1.0, 1.0, 0.0, 0.0]] * 4])  # the object: the left half of 4 x 4
CIFAR10 = tuple(scenes.SCENES)


def at(*cells, value=1.0):
    """A map of 4 x 4 that is ``value`` at the cells (row, column) and 0 elsewhere."""
    m = torch.zeros(1, 4, 4)
    for y, x in cells:
        m[0, y, x] = value
    return m


# Scores


@pytest.mark.parametrize(
    "maps, mass, peak",
    [
        (at((0, 0), (3, 1)), 1.0, 1.0),  # all inside
        (at((0, 0), (0, 3)), 0.5, 0.5),  # half, and two equal peaks
        (at((2, 3)), 0.0, 0.0),  # outside
        (at((0, 0), (1, 1)) + at((1, 2), value=1.5), 2 / 3.5, 0.0),  # most inside, the peak outside
        (torch.ones(1, 4, 4), 0.5, 0.5),  # even: the object's share
        (torch.zeros(1, 4, 4), 0.5, 0.5),  # blank: counts as even
        (at((1, 0), value=1e-30), 1.0, 1.0),  # tiny is not blank
    ],
)
def test_mass_and_peak_of_known_maps(maps, mass, peak):
    assert mass_inside(maps, LEFT).item() == pytest.approx(mass)
    assert peak_inside(maps, LEFT).item() == pytest.approx(peak)


@pytest.mark.parametrize(
    ("maps", "expected"),
    [
        (torch.ones(1, 4, 4), 0.5),
        (LEFT, 1.0),
        (1 - LEFT, 0.0),
        (at((0, 0)), (1 * 8 + 7 * 4) / 64),  # one cell of the object above all, seven equal to the eight beside it
        (at((0, 3)), (8 * 7 / 2) / 64),
    ],
)
def test_auc_of_known_maps(maps, expected):
    assert auc(maps, LEFT).item() == pytest.approx(expected)


def test_auc_is_scikit_learns():
    generator = torch.Generator().manual_seed(0)
    maps, coverage = torch.rand(3, 8, 8, generator=generator).mul(9).round(), torch.rand(3, 8, 8, generator=generator)
    coverage[2] = 1  # nothing beside the object
    areas = auc(maps, coverage)
    for i in range(2):
        assert areas[i].item() == pytest.approx(roc_auc_score(coverage[i].flatten() >= 0.5, maps[i].flatten()))
    assert areas[2].isnan()


def test_a_pixel_partly_on_the_object_counts_in_part():
    coverage = torch.zeros(1, 4, 4)
    coverage[0, 0] = torch.tensor([0.25, 0.75, 0.0, 0.0])
    assert mass_inside(at((0, 0), (0, 1)), coverage).item() == pytest.approx(0.5)
    assert peak_inside(at((0, 0)), coverage).item() == 0 and peak_inside(at((0, 1)), coverage).item() == 1


@pytest.mark.parametrize(
    "threshold, iou",
    [
        (0.0, 8 / 16),  # every pixel
        (0.2, 5 / 10),  # 7 pixels, 5 of them inside: 5 / (7 + 8 - 5)
        (0.5, 5 / 8),  # the 5 inside
        (0.9, 1 / 8),  # one
    ],
)
def test_iou_by_hand(threshold, iou):
    maps = at((0, 0), value=10.0) + at((0, 1), (1, 0), (1, 1), (2, 0), value=6.0) + at((3, 2), (3, 3), value=3.0)
    assert overlap(maps, LEFT, threshold).item() == pytest.approx(iou)
    assert overlap(maps * 0.001 + 5, LEFT, threshold).item() == pytest.approx(iou)  # stretched, so the scale is nothing


def test_iou_of_a_map_without_contrast_is_the_objects_share():
    for value in (0.0, 0.3):
        assert overlap(torch.full((1, 4, 4), value), LEFT, 0.5).item() == pytest.approx(0.5)


def test_the_best_threshold_is_found_on_the_mean_of_all_pictures():
    inside = 0.3 * LEFT + at((0, 3), value=1.0)  # object at .3 of the peak, which is outside
    weak = 0.1 * (1 - LEFT) + LEFT - at((3, 3), value=0.1)  # at .1 all but one pixel
    maps, coverage = torch.cat([inside, weak]), LEFT.expand(2, -1, -1)
    threshold = best_threshold(maps, coverage)
    assert 0.1 < threshold <= 0.3
    means = [overlap(maps, coverage, t).mean().item() for t in THRESHOLDS]
    assert overlap(maps, coverage, threshold).mean().item() == max(means) > means[0]


# Pictures


@pytest.mark.parametrize(
    "box, size, expected, left",
    [
        ((50, 0, 150, 100), (200, 100), (0, 0, 1, 1), 1.0),  # the square itself
        ((75, 25, 125, 75), (200, 100), (0.25, 0.25, 0.75, 0.75), 1.0),
        ((0, 0, 100, 100), (200, 100), (0, 0, 0.5, 1), 0.5),  # the left half cut away
        ((0, 0, 40, 100), (200, 100), (0, 0, 0, 1), 0.0),  # all of it
        ((10, 0, 90, 100), (100, 200), (0.1, 0, 0.9, 0.5), 0.5),  # an upright photograph
        ((30, 30, 30, 60), (100, 100), (0.3, 0.3, 0.3, 0.6), 0.0),  # no area
    ],
)
def test_boxes_are_cut_and_scaled_with_the_photograph(box, size, expected, left):
    part, share = box_in_square(box, size)
    assert part == pytest.approx(expected) and share == pytest.approx(left)


def test_a_box_covers_pixels_by_area():
    coverage = cover((0.25, 0.5, 0.625, 1.0), 4)  # columns 1 and half of 2, rows 2 and 3
    expected = torch.zeros(4, 4)
    expected[2:, 1], expected[2:, 2] = 1.0, 0.5
    assert torch.allclose(coverage, expected)
    assert cover((0.1, 0.2, 0.7, 0.9), 32).mean().item() == pytest.approx(0.6 * 0.7)


@pytest.fixture(scope="module")
def cub(tmp_path_factory):
    """A folder with CUB-200-2011's layout: six wide grey photographs; the "bird" is a red block that fills its box."""
    root = tmp_path_factory.mktemp("data")
    folder = root / "CUB_200_2011"
    (folder / "images/001.Red").mkdir(parents=True)
    lists = {name: [] for name in ("images", "classes", "image_class_labels", "train_test_split", "bounding_boxes")}
    lists["classes"].append("1 001.Red")
    lefts = [30, 44, 58, 30, 50, 0]  # of 120 pixels; the square starts at 30; the last is cut away
    for i, left in enumerate(lefts, 1):
        pixels = np.full((60, 120, 3), 90, np.uint8)
        pixels[15:45, left : left + 30] = (230, 20, 20)
        Image.fromarray(pixels).save(folder / f"images/001.Red/{i}.png")
        lists["images"].append(f"{i} 001.Red/{i}.png")
        lists["image_class_labels"].append(f"{i} 1")
        lists["train_test_split"].append(f"{i} {int(i <= 3)}")
        lists["bounding_boxes"].append(f"{i} {left}.0 15.0 30.0 30.0")
    for name, lines in lists.items():
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return root


def test_the_box_lies_where_the_bird_lies_in_what_the_network_sees(cub):
    train, test = birds(cub, 20)
    assert (len(train.images), train.left_out, len(test.images), test.left_out) == (3, 0, 2, 1)
    for objects in (train, test):
        red = objects.images[:, 0].float() - objects.images[:, 1].float()  # 210 on the bird, 0 beside it
        assert (red / 210 - objects.coverage).abs().mean() < 0.03
        assert objects.coverage.mean((1, 2)).tolist() == pytest.approx([0.25] * len(objects.images))


def test_a_damaged_photograph_is_named_in_one_sentence(cub, tmp_path):
    copy = tmp_path / "CUB_200_2011"
    copy.mkdir()
    for file in (cub / "CUB_200_2011").glob("*.txt"):
        (copy / file.name).write_text(file.read_text())
    (copy / "images/001.Red").mkdir(parents=True)
    with pytest.raises(DataError, match="6 of the 6 photographs of CUB-200-2011 are damaged, the first is 1.png"):
        birds(tmp_path, 16)


@pytest.fixture(scope="module")
def drawn():
    return illustrations(16)


def test_scenes_have_their_masks(drawn):
    assert drawn.names == CIFAR10 and drawn.images.shape == (10, 3, 16, 16)
    picture, mask = (Image.open(scenes.FOLDER / part / "frog.png") for part in ("", "masks"))  # 256 x 256
    exact = np.asarray(mask, np.float64).reshape(16, 16, 16, 16).mean((1, 3)) / 255
    assert np.allclose(drawn.coverage[6].numpy(), exact, atol=1e-6)
    pixels = np.asarray(picture.resize((16, 16), Image.Resampling.BICUBIC))
    assert np.array_equal(drawn.images[6].permute(1, 2, 0).numpy(), pixels)


def test_photographs_are_those_that_photos_tests_on(stl10_dir):
    objects = photographs(stl10_dir, 32)
    fold = read_photographs(stl10_dir).folds[TEST_FOLD].sort().values
    masks = read_masks(stl10_dir)[fold].float()
    assert objects.images.shape == (1000, 3, 32, 32)
    assert torch.equal(objects.coverage, masks.repeat_interleave(2, 1).repeat_interleave(2, 2))
    cars = objects.of_classes({"automobile", "giraffe"})
    assert (set(cars.names), len(cars.images), cars.left_out) == ({"automobile"}, 100, 900)
    with pytest.raises(DataError, match="no class of these pictures is known to all networks"):
        objects.of_classes({"giraffe"})


def test_photographs_with_pixel_masks_are_cut_with_them(tmp_path):
    for part in ("images", "masks"):
        (tmp_path / "coseg" / part / "Aero").mkdir(parents=True)
    for number, left in enumerate((20, 32, 0)):  # of 80; the square starts at 20; the last is cut away
        pixels, mask = np.full((40, 80, 3), 90, np.uint8), np.zeros((40, 80), bool)
        pixels[10:30, left : left + 20], mask[10:30, left : left + 20] = (230, 20, 20), True
        Image.fromarray(pixels).save(tmp_path / f"coseg/images/Aero/{number}.jpg", quality=95)
        Image.fromarray(mask).save(tmp_path / f"coseg/masks/Aero/{number}.png")
    objects = masked_photographs(tmp_path, 20)
    assert (objects.names, objects.left_out) == (("airplane", "airplane"), 1)
    red = objects.images[:, 0].float() - objects.images[:, 1].float()
    assert (red / 210 - objects.coverage).abs().mean() < 0.04 and objects.coverage.mean() == 0.25
    Image.new("1", (4, 4)).save(tmp_path / "coseg/masks/Aero/0.png")
    with pytest.raises(DataError, match="1 of the 3 photographs of coseg are damaged, the first is 0.jpg"):
        masked_photographs(tmp_path, 20)
    with pytest.raises(DataError, match="there are no photographs with masks"):
        masked_photographs(tmp_path / "none", 20)


def test_real_photographs_with_pixel_masks(coseg_dir):
    objects = masked_photographs(coseg_dir, 32)
    assert len(objects.images) + objects.left_out == 498 and {"airplane", "horse", "bus"} <= set(objects.names)
    assert 0.05 < objects.coverage.mean() < 0.6


# Maps and the command


def test_the_plain_maps(drawn):
    maps = plain_maps(2, 16)
    for name, sigma in (("Gaussian", 4), ("narrow Gaussian", 2)):  # pixels: a quarter and an eighth of the side
        bell = maps[name, ""]
        assert bell.shape == (2, 16, 16)
        for i in range(16):  # along row 7
            expected = np.exp(-((i - 7.5) ** 2 - 0.5**2) / (2 * sigma**2))
            assert (bell[0, 7, i] / bell[0, 7, 7]).item() == pytest.approx(expected, rel=1e-5)
        assert torch.allclose(bell[0], bell[0].T) and torch.equal(bell[0], bell[1])
    assert torch.equal(maps["uniform", ""], torch.ones(2, 16, 16))


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Three tiny networks with random weights that know CIFAR-10's classes: their folders."""
    root = tmp_path_factory.mktemp("runs")
    info = model.Info(CIFAR10, (0.49, 0.48, 0.45), (0.25, 0.24, 0.26), "cifar10")
    folders = []
    for arch in ("vgg-att2-concat-dp", "vgg-gap", "vgg-att1-concat-uniform"):
        torch.manual_seed(0)
        folders.append(root / arch)
        model.build(arch, width=0.0625, input_size=16).save_pretrained(folders[-1], info)
    return [str(folder) for folder in folders]


def test_maps_are_the_networks_own_whatever_the_batch(checkpoints, drawn):
    net = model.Network.from_pretrained(checkpoints[0])
    classes = torch.arange(10)
    maps, answers = network_maps(net, drawn.images, classes, batch_size=4)
    assert list(maps) == [("attention", "conv10"), ("attention", "conv13"), ("Grad-CAM", "conv13"), ("saliency", "")]
    assert all(m.shape == (10, 16, 16) and m.min() >= 0 for m in maps.values())
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (net.info.mean, net.info.std))
    with torch.no_grad():
        logits, attention = net((drawn.images / 255 - mean) / std)
    assert torch.equal(answers, logits.argmax(1))
    assert torch.allclose(maps["attention", "conv13"], to_side(attention["conv13"], (16, 16)), atol=1e-5)


def networks(checkpoints) -> dict[str, model.Network]:
    return {Path(folder).name: model.Network.from_pretrained(folder) for folder in checkpoints}


@pytest.fixture(scope="module")
def rows(checkpoints, cub):
    return localize(networks(checkpoints), cub)


def test_every_map_is_measured_on_both_kinds_of_pictures(rows):
    maps = {
        "vgg-att2-concat-dp": {"attention conv10", "attention conv13", "Grad-CAM conv13", "saliency"},
        "vgg-gap": {"CAM conv13", "saliency"},
        "vgg-att1-concat-uniform": {"Grad-CAM conv13", "saliency"},
        "": {"Gaussian", "narrow Gaussian", "uniform"},
    }
    for kind, n, left_out in (("birds", 2, 1), ("scenes", 10, 0)):
        some = [row for row in rows if row.dataset == kind]
        assert {(row.pictures, row.left_out) for row in some} == {(n, left_out)}
        for name, expected in maps.items():
            assert {f"{r.method} {r.level}".strip() for r in some if r.checkpoint == name} == expected
    assert len(rows) == 2 * 11


def test_beyond_is_the_difference_from_the_gaussian_picture_by_picture(rows, drawn):
    for kind in ("birds", "scenes"):
        (gaussian,) = (row for row in rows if row.dataset == kind and row.method == "Gaussian")
        for row in (row for row in rows if row.dataset == kind):
            assert row.beyond.mean == pytest.approx(row.mass.mean - gaussian.mass.mean, abs=2e-4)
            assert row.beyond.low <= row.beyond.mean <= row.beyond.high
    (uniform,) = (row for row in rows if (row.dataset, row.method) == ("scenes", "uniform"))
    coverage = drawn.coverage.double()
    bell = plain_maps(1, 16)["Gaussian", ""][0].double()
    each = coverage.mean((1, 2)) - (coverage * bell).sum((1, 2)) / bell.sum()
    assert uniform.beyond == bootstrap(each)


def test_numbers_agree_with_each_other(rows, drawn):
    for row in rows:
        for estimate in (row.auc, row.mass, row.pointing, row.iou):
            assert 0 <= estimate.low <= estimate.mean <= estimate.high <= 1
        assert (row.named is None) == (row.checkpoint == "")
        assert row.compatibility == {"vgg-att2-concat-dp": "dp", "vgg-att1-concat-uniform": "uniform"}.get(
            row.checkpoint, ""
        )
    for kind, area in (("birds", 0.25), ("scenes", drawn.coverage.mean().item())):
        even = next(row for row in rows if row.dataset == kind and row.method == "uniform")
        assert even.area == pytest.approx(area, abs=1e-4)
        assert even.mass.mean == even.iou.mean == even.area  # the scores without any map
    for row in rows:  # each map has one threshold, from the training birds, for birds and scenes
        twin = [r for r in rows if (r.checkpoint, r.method, r.level) == (row.checkpoint, row.method, row.level)]
        assert len(twin) == 2 and twin[0].threshold == twin[1].threshold


def test_the_table_holds_every_row_and_json_every_number(rows):
    text = table(rows)
    assert text.count("\n| ") == len(rows) + 2  # and two headings
    assert "2 birds of CUB-200-2011's test split, 1 more left out, 16 px" in text and "10 illustrated scenes" in text
    first = rows[0]
    assert f"{first.mass.mean:.3f} ({first.mass.low:.3f} to {first.mass.high:.3f})" in text
    assert json.loads(json.dumps([dataclasses.asdict(row) for row in rows]))[0]["mass"]["mean"] == first.mass.mean


def test_photographs_at_two_sides_and_asked_by_class(checkpoints, stl10_dir, tmp_path, monkeypatch):
    few = photographs(stl10_dir, 16)
    monkeypatch.setitem(OBJECTS, "stl10", lambda _, side: (some := few_at(side), {"stl10": some}))
    read = []
    monkeypatch.setattr(experiment, "network_maps", lambda *a, **k: (read.append(k), network_maps(*a, **k))[1])

    def few_at(side):
        some = photographs(stl10_dir, side)
        return Objects(some.images[:12], some.coverage[:12], some.names[:12])

    net = model.Network.from_pretrained(checkpoints[0])
    asked = net.with_class_questions(torch.randn(10, net.global_branch.fc1.out_features))
    asked.save_pretrained(tmp_path / "asked", net.info)
    rows = localize(networks([checkpoints[1], tmp_path / "asked"]), stl10_dir, dataset="stl10", sides=(16, 32))
    assert len(read) == 4  # each network at each side, once
    common = [name for name in few.names[:12] if name != "monkey"]  # CIFAR-10 has none
    assert {(row.dataset, row.side, row.pictures, row.left_out) for row in rows} == {
        ("stl10", side, len(common), 12 - len(common)) for side in (16, 32)
    }
    assert sum(row.method == ASKED for row in rows) == 4
    assert next(row.auc.mean for row in rows if row.method == "uniform") == 0.5
    text = table(rows)
    assert "photographs of STL-10's first official fold" in text and ", 32 px; the object" in text
    with pytest.raises(ValueError, match="there is no data set with objects called 'cats'"):
        localize(networks(checkpoints[:1]), stl10_dir, dataset="cats")
    with pytest.raises(ValueError, match="a side must be 16 to 256 pixels, not 8"):
        localize(networks(checkpoints[:1]), stl10_dir, dataset="stl10", sides=(8,))


def test_pictures_of_chosen_classes(checkpoints, coseg_dir):
    few = masked_photographs(coseg_dir, 16).of_classes({"airplane", "horse"})
    rows = localize(networks(checkpoints[1:2]), coseg_dir, dataset="coseg", sides=(16,), classes=("airplane", "horse"))
    assert {row.pictures for row in rows} == {len(few.images)}
    with pytest.raises(ValueError, match="knows the class 'bus'; all know airplane, automobile"):
        localize(networks(checkpoints[:1]), coseg_dir, dataset="coseg", classes=("bus",))


@pytest.mark.parametrize(("dataset", "start"), [("stl10", ""), ("cifar10", "runs/stl10")])
def test_no_network_is_measured_on_photographs_it_was_trained_on(tmp_path, dataset, start):
    net = model.build("vgg-gap", width=0.0625, input_size=16)
    net.save_pretrained(tmp_path / "seen", model.Info(CIFAR10, dataset=dataset, recipe={"start": start}))
    with pytest.raises(DataError, match="seen was trained on some of the photographs of STL-10 that would be measured"):
        localize(networks([tmp_path / "seen"]), tmp_path, dataset="stl10")


def test_what_cannot_be_measured_is_refused_in_one_sentence(checkpoints, cub, tmp_path):
    with pytest.raises(DataError, match="CUB-200-2011 is missing") as e:
        localize(networks(checkpoints[:1]), tmp_path)
    assert "\n" not in str(e.value)
    digits = model.build("vgg-gap", width=0.0625, input_size=16)
    digits.save_pretrained(tmp_path / "digits", model.Info(tuple("0123456789")))
    with pytest.raises(DataError, match="digits does not know the class airplane"):
        localize(networks([tmp_path / "digits"]), cub)


@pytest.fixture
def command(monkeypatch, capsys):
    """Returns a function that runs ``python -m training localize`` and returns its exit code, output and errors."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["training", "localize", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit:
            main()
        captured = capsys.readouterr()
        return exit.value.code, captured.out, captured.err

    return run


def test_the_command_prints_the_table_and_every_number(command, checkpoints, cub, rows, monkeypatch):
    monkeypatch.chdir(Path(checkpoints[0]).parent)
    names = [Path(folder).name for folder in checkpoints]
    code, out, _ = command(*names, "--data-dir", cub, "--device", "cpu", "--json")
    assert code == 0 and out.startswith(table(rows) + "\n\nMeasured on ")
    assert json.loads(out.splitlines()[-1]) == {"rows": [dataclasses.asdict(row) for row in rows]}


def test_the_commands_mistakes_get_one_sentence(command, checkpoints, cub, tmp_path):
    code, out, error = command("nowhere-at-all", "--data-dir", cub)
    assert (code, out) == (2, "") and error == "error: there is no checkpoint folder nowhere-at-all\n"
    code, out, error = command(checkpoints[1], "--data-dir", tmp_path)
    assert (code, out) == (2, "") and error.startswith("error: CUB-200-2011 is missing") and error.count("\n") == 1
