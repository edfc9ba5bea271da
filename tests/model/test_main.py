"""The commands: list, export (pruned, in half precision) and table."""

import re
import subprocess
import sys

import pytest
import torch
from typer.testing import CliRunner

import model
from model import Info, Network
from model.__main__ import app, main
from model.format import WEIGHTS
from model.networks.vgg import AttentionVGG
from model.table import multiply_adds, ratio


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def saved(tmp_path, lively):
    """Returns a function: the network of that name, saved in a folder."""

    def save(name):
        net = lively(model.build(name, num_classes=3, width=0.0625))
        net.save_pretrained(
            tmp_path / name, Info(("a", "b", "c"), recipe={"name": "fast"}, results={"error": 0.1, "test_images": 10})
        )
        return tmp_path / name

    return save


def test_list_prints_every_name():
    result = run("list")
    assert result.exit_code == 0
    assert result.stdout.split() == model.list()


@pytest.mark.parametrize("name", ["vgg-att3-concat-pc", "vgg-att2-indep-uniform", "resnet164-att2-concat-pc"])
def test_a_pruned_checkpoint_answers_exactly_the_same(name, saved, tmp_path, pictures):
    result = run("export", saved(name), tmp_path / "pruned", "--prune")
    assert result.exit_code == 0, result.output
    whole, pruned = Network.from_pretrained(tmp_path / name), Network.from_pretrained(tmp_path / "pruned")
    assert pruned.info == whole.info
    assert not any(k.startswith(("global_branch.", "project.")) for k in pruned.state_dict())
    with torch.no_grad():
        expected, actual = whole.explain_logits(pictures()), pruned.explain_logits(pictures())
    assert torch.equal(actual.logits, expected.logits)
    assert all(torch.equal(actual.attention[k], expected.attention[k]) for k in expected.attention)
    assert all(torch.equal(actual.terms[k], expected.terms[k]) for k in expected.terms)
    assert (tmp_path / "pruned" / WEIGHTS).stat().st_size < (tmp_path / name / WEIGHTS).stat().st_size


def test_pruning_keeps_precision_layout_and_the_network_itself():
    net = AttentionVGG(compatibility="pc", width=1 / 16).to(torch.float64, memory_format=torch.channels_last).eval()
    before, pruned = {*net.state_dict()}, net.without_global_branch()
    kernel = pruned.trunk.conv2[0].weight
    assert kernel.dtype == torch.float64 and kernel.is_contiguous(memory_format=torch.channels_last)
    assert kernel.data_ptr() != net.trunk.conv2[0].weight.data_ptr() and not pruned.training
    assert before == {*net.state_dict()} > {*pruned.state_dict()} and net.arguments["global_branch"]


def test_pruning_drops_a_quarter_of_the_papers_network():
    with torch.device("meta"):
        net = AttentionVGG(compatibility="pc")
        counts = [sum(p.numel() for p in n.parameters()) for n in (net, net.without_global_branch())]
    assert 0.25 < 1 - counts[1] / counts[0] < 0.26


def test_export_in_half_precision_rounds_each_weight_once(saved, tmp_path):
    assert run("export", saved("vgg-gap"), tmp_path / "half", "--dtype", "float16").exit_code == 0
    whole, half = Network.from_pretrained(tmp_path / "vgg-gap"), Network.from_pretrained(tmp_path / "half")
    for k, v in whole.state_dict().items():
        assert torch.equal(half.state_dict()[k], v.half().to(v.dtype) if v.is_floating_point() else v)
    assert "10.00 %" in (card := (tmp_path / "half" / "README.md").read_text()) and "rounded to float16" in card
    assert "rounded" not in (tmp_path / "vgg-gap" / "README.md").read_text()
    assert (tmp_path / "half" / WEIGHTS).stat().st_size < 0.6 * (tmp_path / "vgg-gap" / WEIGHTS).stat().st_size


@pytest.mark.parametrize(
    ("name", "message"),
    [("vgg-att1-concat-dp", "dp needs the global branch"), ("vgg", "VGG, which has nothing to prune")],
)
def test_what_cannot_be_pruned_is_refused(name, message, saved, tmp_path):
    result = run("export", saved(name), tmp_path / "pruned", "--prune")
    assert result.exit_code != 0 and message in str(result.exception)
    assert not (tmp_path / "pruned").exists()


def test_weights_beyond_half_precision_are_not_turned_into_infinity(tmp_path):
    net = model.build("vgg-gap", width=0.01)
    net.trunk.conv1[1].running_var.fill_(1e5)
    net.save_pretrained(tmp_path / "net")
    result = run("export", tmp_path / "net", tmp_path / "half", "--dtype", "float16")
    assert "has weights that float16 cannot hold" in str(result.exception)
    assert not (tmp_path / "half").exists()
    assert run("export", tmp_path / "net", tmp_path / "half", "--dtype", "bfloat16").exit_code == 0


def test_export_overwrites_nothing(saved):
    folder = saved("vgg-gap")
    before = (folder / WEIGHTS).read_bytes()
    result = run("export", folder, folder, "--dtype", "float16")
    assert "is not an empty folder" in str(result.exception)
    assert (folder / WEIGHTS).read_bytes() == before


def test_a_mistake_ends_in_one_sentence(tmp_path):
    command = [sys.executable, "-m", "model", "export", str(tmp_path / "absent"), str(tmp_path / "new")]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path.parent, env=environment())
    assert result.returncode == 2
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1


def environment():
    """The environment of a command that finds the packages from any folder."""
    import os
    from pathlib import Path

    return {**os.environ, "PYTHONPATH": str(Path(model.__file__).resolve().parent.parent)}


def test_multiply_adds_equal_the_count_by_hand():
    """Each convolution: positions x 9 x channels in x channels out."""
    channels = [3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512, 512, 512]
    sides = [32] * 7 + [16] * 3 + [8] * 3 + [4, 2]
    trunk = sum(side**2 * 9 * channels[i] * channels[i + 1] for i, side in enumerate(sides))
    sums = 2 * 64 * 512  # scores and attended vector, 8 x 8 positions of 512 channels
    with torch.device("meta"):
        counted = multiply_adds(AttentionVGG(levels=("conv13",), compatibility="dp"))
    assert counted == trunk + sums + 512 * 512 + 512 * 10


def test_the_table_has_a_line_for_each_network():
    result = run("table", "--match", "vgg-gap", "--rounds", 1, "--batch", 1)
    assert result.exit_code == 0, result.output
    assert re.search(
        r"^\| `vgg-gap` \| 14,728,266 \| [\d,.]+ \| conv13 8 x 8 \| [\d.]+ \([\d.]+ to [\d.]+\) \|  \|$",
        result.stdout,
        re.M,
    )
    narrow = run("table", "--match", "vgg-gap", "--rounds", 1, "--batch", 1, "--width", 0.25).stdout
    assert "| `vgg-gap` | 924,186 |" in narrow and "Width 0.25." in narrow
    assert ratio([1.0, 8.0, 3.0], [2.0, 2.0, 2.0], 2) == "1.50 (0.50 to 4.00)"
    assert "`vgg-gap`" in result.stdout and result.stdout.count("\n| `vgg-gap` | 14") == 1
    assert "no network's name contains 'x'" in str(run("table", "--match", "x").exception)


def test_a_full_disk_is_reported_without_the_systems_number(monkeypatch, capsys):
    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("model.__main__.app", full)
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().err == "error: the output: No space left on device\n"
