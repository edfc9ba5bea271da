"""The model card is read as the Hub reads it, and its usage lines are run."""

import pytest
import torch
from huggingface_hub import ModelCard

import model
from model import AttentionVGG, Info, format
from model.card import PAPER
from model.card import card as write_card
from model.format import CARD, read_config
from model.map_kinds import ATTENTION
from model.networks.attention import COMPATIBILITIES

MEASURED = {"error": 0.0871, "interval": [0.0817, 0.0928], "test_images": 10000, "calibration": 0.021}


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("net")
    AttentionVGG(num_classes=10, width=1 / 16).save_pretrained(folder, Info(dataset="cifar10", results=MEASURED))
    return read_config(folder)


def card(name: str, config: dict, pictures: dict | None = None) -> str:
    compatibility = COMPATIBILITIES[config["arguments"]["compatibility"]]
    return write_card(name, config, ATTENTION, compatibility.equation(config["arguments"]), pictures)


def read(name: str, config: dict) -> ModelCard:
    text = card(name, config)
    assert "None" not in text and "\n\n\n" not in text
    return ModelCard(text)


def test_the_head_has_the_fields_that_the_hub_reads(config):
    read_card = read("user/net", config)
    data, (result,) = read_card.data, read_card.data.eval_results
    assert data.library_name == "pytorch" and data.pipeline_tag == "image-classification" and data.license == "mit"
    assert data.datasets == ["uoft-cs/cifar10"] and data.metrics == ["accuracy"] and data.model_name == "user/net"
    assert (result.dataset_type, result.dataset_name, result.dataset_split) == ("uoft-cs/cifar10", "CIFAR-10", "test")
    assert (result.metric_type, result.metric_value) == ("accuracy", 0.9129)
    assert PAPER in read_card.text and "8.71 %" in read_card.text and "8.17 to 9.28" in read_card.text
    assert "highlights" in read_card.text and "because" not in read_card.text


@pytest.mark.parametrize("dataset, name", [("folder:/home/someone/my: birds/", "birds"), ("", "unknown data")])
def test_the_card_of_a_users_own_data_set_is_valid_and_shows_no_path(config, dataset, name):
    read_card = read("net", {**config, "dataset": dataset})
    (result,) = read_card.data.eval_results
    assert name in result.dataset_name and read_card.data.datasets is None
    assert "someone" not in str(read_card)


STL10 = "STL-10's training photographs without one fold"


@pytest.mark.parametrize(
    "dataset, measured_on",
    [("cub", "CUB-200-2011, 10 of 200 classes"), ("photos", "STL-10's first official fold"), ("stl10", STL10)],
)
def test_the_card_says_which_part_of_the_data_was_measured(config, dataset, measured_on):
    read_card = read("net", {**config, "dataset": dataset, "class_names": [*"abcdefghij"]})
    (result,) = read_card.data.eval_results
    assert result.dataset_name == measured_on and f" test images of {measured_on} (95 %" in read_card.text


def test_the_card_says_how_settings_were_chosen(config):
    usual = "No setting was chosen on the test images."
    results = {**config["results"], "selection": "Two recipes were measured."}
    assert usual in card("net", config) and usual not in card("net", {**config, "results": results})
    assert "after the last epoch. Two recipes were measured." in card("net", {**config, "results": results})


def test_what_is_not_known_is_not_claimed(config):
    text = card("net", {**config, "dataset": "", "results": {}})
    assert "AttentionVGG, width 0.0625" in text and "trained" not in text.split("## Use")[0]
    assert "trained from scratch on CIFAR-10" in card("net", config)
    best = {"held_out_error": 0.1, "held_out_images": 5000, **config["results"]}
    assert "last epoch" in card("net", config) and "last epoch" not in card("net", {**config, "results": best})


def test_only_the_test_split_makes_a_model_index(config):
    held_out = {"held_out_error": 0.25, "held_out_images": 5000}
    read_card = read("net", {**config, "results": held_out})
    assert read_card.data.eval_results is None
    assert "25.00 %" in read_card.text and "5,000 images held out" in read_card.text
    assert "Error" not in card("net", {**config, "results": {}})


def test_the_card_states_command_environment_and_start(config):
    recipe = {"command": "python -m training fit --seed 0", "hardware": "one GPU", "seed": 0, "commit": "", "lr": 0.1}
    text = card("net", {**config, "recipe": {**recipe, "start": "runs/other"}})
    assert "    python -m training fit --seed 0\n" in text
    assert "- hardware: one GPU\n- seed: 0\n" in text and "commit" not in text
    assert "starting from runs/other" in text and "scratch" not in text


@pytest.mark.parametrize(
    "scale, words", [(True, "/ √d"), (False, "as in the paper"), ("learnt", "times a factor τ learnt")]
)
def test_the_card_states_the_score(config, scale, words):
    text = card("net", {**config, "arguments": {**config["arguments"], "scale_scores": scale}})
    assert words in text.split("The score of position i is ")[1].splitlines()[0]


def test_pictures_are_shown_where_there_are_any(config):
    assert "![Loss.](curves.png)" in card("net", config, {"curves.png": "Loss."})
    assert "![" not in card("net", config)


@pytest.mark.parametrize(
    "arch, kind, maps",
    [
        ("vgg-att3-concat-pc", "AttentionVGG", "attention"),
        ("resnet164-att2-concat-dp", "ResNet164Attention", "attention"),
        ("vgg-pan", "VGGPAN", "attention"),
        ("vgg-gap", "VGGGAP", "maps"),
        ("vgg", "VGG", "_"),
    ],
)
def test_the_usage_lines_of_a_shipped_checkpoint_run(tmp_path, monkeypatch, arch, kind, maps):
    monkeypatch.setattr(format, "BUNDLED", tmp_path)
    model.build(arch, num_classes=10, width=1 / 16).save_pretrained(tmp_path / "shipped-s")
    text = (tmp_path / "shipped-s" / CARD).read_text()
    lines = [line[4:] for line in text.split("## Use")[1].split("## ")[0].splitlines() if line.startswith("    ")]
    assert lines[0] == f"from model import {kind}"
    names = {"images": torch.randn(2, 3, 32, 32)}
    exec("\n".join(lines), names)
    assert names["logits"].shape == (2, 10)
    assert bool(names[maps]) == (maps != "_") == ("highlights" in text)
    assert all(level in lines[2] or "{level:" in lines[2] for level in names[maps])


def test_the_usage_line_names_what_can_be_loaded(config):
    assert 'from_pretrained("user/net")' in card("user/net", config)
    assert 'from_pretrained("path/to/net")' in card("net", config)  # a run's folder may lie anywhere


def test_a_name_that_the_hub_would_read_as_a_number_is_quoted(config):
    for name in ("1e3", "0o17", "2.5E10"):
        head = card("user/net", {**config, "dataset": f"folder:{name}", "results": {"error": 0.5}}).split("---")[1]
        assert f"name: '{name}'" in head and f"type: '{name}'" in head
        assert "value: 0.5" in head
