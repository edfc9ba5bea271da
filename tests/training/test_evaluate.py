"""Measuring: numbers worked out by hand, and the command line on a network that was never trained."""

import json
import sys

import pytest
import torch
from PIL import Image

from model import AttentionVGG, Info, Network
from training.data import Dataset, Split
from training.evaluate import draw_confusion, evaluate, measure, predict

NAMES = ("a", "b", "c")


def test_error_per_class_and_confusion_by_hand():
    labels = torch.tensor([0, 0, 0, 0, 1, 1])
    answers = torch.tensor([0, 0, 0, 2, 1, 0])
    measurement = measure(10.0 * torch.eye(3)[answers], labels, NAMES)
    assert measurement.error == pytest.approx(2 / 6, abs=1e-6) and measurement.images == 6
    assert measurement.per_class == {"a": 0.25, "b": 0.5}  # no picture of class c
    assert measurement.confusion == [[3, 0, 1], [1, 1, 0], [0, 0, 0]]


def test_calibration_is_the_gap_between_confidence_and_accuracy():
    # Four answers at confidence 0.8, three of them right: off by 0.05.
    logits = torch.log(torch.tensor([[0.8, 0.1, 0.1]])).repeat(4, 1)
    assert measure(logits, torch.tensor([0, 0, 0, 1]), NAMES).calibration == pytest.approx(0.05, abs=1e-6)


def test_calibration_counts_too_little_confidence_like_too_much_in_each_bin():
    # Four answers at .83, three of them right: .08 too sure. Four at .62, all of them right: .38 too unsure.
    logits = torch.log(torch.tensor([[0.83, 0.085, 0.085]] * 4 + [[0.62, 0.19, 0.19]] * 4))
    measurement = measure(logits, torch.tensor([0, 0, 0, 1, 0, 0, 0, 0]), NAMES)
    assert measurement.calibration == pytest.approx((0.08 + 0.38) / 2, abs=1e-5)
    assert measurement.confidence == pytest.approx((0.83 + 0.62) / 2, abs=1e-5)


def test_the_confusion_picture(tmp_path):
    measurement = measure(torch.eye(3), torch.arange(3), NAMES)
    draw_confusion(measurement, tmp_path / "new" / "confusion.png")
    with Image.open(tmp_path / "new" / "confusion.png") as picture:
        assert picture.format == "PNG" and picture.width > 100


@pytest.fixture
def untrained(tmp_path):
    from training.data import load

    def save(data_dir):
        data = load("cifar10", data_dir)
        info = Info(class_names=data.class_names, mean=data.mean, std=data.std, dataset="cifar10")
        torch.manual_seed(0)
        AttentionVGG(width=0.03125).save_pretrained(tmp_path / "net", info)
        return tmp_path / "net"

    return save


def run(monkeypatch, capsys, *arguments, code=0):
    from training.__main__ import main

    monkeypatch.setattr(sys, "argv", ["training", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit:
        main()
    assert exit.value.code == code
    captured = capsys.readouterr()
    return captured.out if code == 0 else captured.err


def test_evaluate_prints_one_json_object_last_and_saves_it_if_asked(untrained, data_dir, monkeypatch, capsys):
    folder = untrained(data_dir)
    before = {"rounded_to": "float16", "sides": {"16": 0.4, "48": 0.5}, "sides_images": 10_000}
    Network.from_pretrained(folder).add_results(folder, before)
    out = run(monkeypatch, capsys, "evaluate", folder, "--data-dir", data_dir, "--side", 16, "--json", "--save")
    last = json.loads(out.splitlines()[-1])
    results, card = Network.from_pretrained(folder).info.results, (folder / "README.md").read_text()
    assert results["error"] == last["error"] and results["interval"] == last["interval"]
    assert "rounded to float16 before the error was measured" in card
    assert last["sides"] == {"16": results["sides"]["16"], "32": last["error"]} and 0.8 < last["sides"]["16"]
    assert [*results["sides"].items()] == [*last["sides"].items(), ("48", 0.5)]
    assert "Error on 10,000 test images by the side that the network reads" in card
    assert last["images"] == 10_000 and 0.8 < last["error"] < 0.95  # untrained: about 9 in 10 are wrong
    assert last["interval"][0] < last["error"] < last["interval"][1]
    assert sum(map(sum, last["confusion"])) == 10_000 and len(last["per_class"]) == 10
    assert last["error"] == pytest.approx(sum(last["per_class"].values()) / 10, abs=1e-4)  # 1,000 pictures each


def test_pictures_read_at_other_sides():
    generator = torch.Generator().manual_seed(0)
    split = Split(torch.randint(0, 256, (40, 3, 32, 32), dtype=torch.uint8, generator=generator), torch.arange(40) % 3)
    net = AttentionVGG(num_classes=3, width=0.03125)
    net.info = Info(class_names=NAMES)
    measured = evaluate(net, Dataset("some", split, split, NAMES, (0.5,) * 3, (0.25,) * 3), sides=(48, 16))
    expected = {side: measure(predict(net, split, side=side), split.labels, NAMES).error for side in (16, 32, 48)}
    assert measured.sides == expected and list(measured.sides) == [16, 32, 48] and measured.error == expected[32]
    assert evaluate(net, Dataset("some", split, split, NAMES, (0.5,) * 3, (0.25,) * 3)).summary().keys() == {
        "error",
        "interval",
        "test_images",
        "calibration",
    }


@pytest.mark.parametrize("damage", ["missing", "truncated", "foreign"])
def test_a_bad_checkpoint_gets_one_sentence_and_exit_code_2(damage, untrained, data_dir, monkeypatch, capsys):
    folder = untrained(data_dir)
    weights = folder / "model.safetensors"
    if damage == "missing":
        weights.unlink()
    elif damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:-100])
    else:
        weights.write_bytes(b"a letter to a friend")
    err = run(monkeypatch, capsys, "evaluate", folder, "--data-dir", data_dir, code=2)
    assert "model.safetensors" in err and "Traceback" not in err and len(err.strip().splitlines()) == 1


def test_data_that_are_not_named_or_not_found_get_one_sentence(tmp_path, data_dir, monkeypatch, capsys):
    net = AttentionVGG(width=1 / 32)
    for folder in ("one", "two"):
        net.save_pretrained(tmp_path / folder, Info(tuple("abcdefghij"), dataset="folder:own"))
    net.save_pretrained(tmp_path / "nameless", Info(tuple("abcdefghij")))
    for names, says in ((["nameless", "one"], "does not say what it was trained on"), (["one", "two"], "--data-dir")):
        nets = [tmp_path / name for name in names]
        for command in (["evaluate", nets[0]], ["compare", *nets]):
            err = run(monkeypatch, capsys, *command, "--data-dir", data_dir, code=2)
            assert says in err and len(err.strip().splitlines()) == 1


@pytest.mark.parametrize("others", [["--dataset", "folder:other"], ["--split-seed", "1"]])
def test_only_the_error_on_a_networks_own_test_pictures_is_kept(others, tmp_path, monkeypatch, capsys):
    for place in ("own/red", "own/blue", "other/red", "other/blue"):
        (tmp_path / place).mkdir(parents=True)
        for number in range(6):
            Image.effect_noise((12, 12), 50).convert("RGB").save(tmp_path / place / f"{number}.png")
    info = Info(("blue", "red"), mean=(0.5,) * 3, std=(0.25,) * 3, dataset="folder:own")
    AttentionVGG(num_classes=2, width=0.03125, input_size=12).save_pretrained(tmp_path / "net", info)
    evaluate = "evaluate", tmp_path / "net", "--data-dir", tmp_path, "--save"
    assert "own test pictures, and these are others" in run(monkeypatch, capsys, *evaluate, *others, code=2)
    assert not Network.from_pretrained(tmp_path / "net").info.results
    run(monkeypatch, capsys, *evaluate, "--split-seed", "0")
    assert Network.from_pretrained(tmp_path / "net").info.results["test_images"] < 12


def test_another_data_set_is_refused(tmp_path, data_dir, monkeypatch, capsys):
    AttentionVGG(width=0.03125, num_classes=3).save_pretrained(tmp_path, Info(class_names=NAMES, dataset="cifar10"))
    err = run(monkeypatch, capsys, "evaluate", tmp_path, "--data-dir", data_dir, code=2)
    assert "knows 3 classes" in err and "not the 10" in err
