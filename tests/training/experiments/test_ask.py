"""Questions put to composed scenes of real test pictures, against a loop; and the command."""

import json
import shutil

import pytest
import torch
from typer.testing import CliRunner

from model import CheckpointError, Network
from model.format import BUNDLED
from model.presets import normalise
from training import data
from training.__main__ import app
from training.data import Split
from training.evaluate import class_questions
from training.experiments.ask import ask_rows
from training.scenes import ask_scenes, draw_scenes, share_asked

DP, PC, GAP = "vgg-att3-dp-cifar10-s", "vgg-att3-pc-cifar10-s", "vgg-gap-cifar10-s"


@pytest.fixture(scope="module")
def cifar10(data_dir):
    return data.load("cifar10", data_dir)


def test_a_split_that_lacks_a_class_is_asked_for_the_others():
    labels = torch.arange(12) % 6 * 2  # as photographs have no frogs
    split = Split(torch.zeros(12, 3, 4, 4, dtype=torch.uint8), labels)
    scenes = draw_scenes(split, (2, 2), 20)
    assert set(scenes.labels.tolist()) <= set(range(0, 12, 2)) and (scenes.cell >= 0).all()
    assert (draw_scenes(split, (2, 2), 20, absent=1.0).cell == -1).all()
    with pytest.raises(ValueError, match="scenes of 9 different classes need at least 9 classes; there are 6"):
        draw_scenes(split, (3, 3), 1)


def test_answers_and_shares_by_a_loop(cifar10):
    net, scenes = Network.from_pretrained(DP), draw_scenes(cifar10.test, (2, 2), 6)
    means = class_questions(net, cifar10.train.draw(200))
    by_question = ask_scenes(net, scenes, ("picture", "class", "own"), means)
    for question in by_question:
        answers = by_question[question]
        for i in range(6):
            x, asking = (
                normalise(p[i : i + 1], net.info.mean, net.info.std) for p in (scenes.pixels, scenes.questions)
            )
            with torch.no_grad():
                g = {"picture": net.features(asking)[1], "class": means[scenes.labels[i], None], "own": None}[question]
                answer = net.explain_logits(x, g)
            assert torch.allclose(answers.logits[i], answer.logits[0], atol=1e-4)
            row, column = divmod(scenes.cell[i].item(), 2)
            for level, a in answer.attention.items():
                s = a.shape[1] // 2
                there = a[0, row * s : row * s + s, column * s : column * s + s].sum().item()
                assert share_asked(answers.shares[level], scenes.cell)[i].item() == pytest.approx(there, abs=1e-5)


def test_class_questions_are_the_means_of_g(cifar10):
    net, some = Network.from_pretrained(DP), cifar10.train.draw(60)
    means = class_questions(net, some, batch_size=7)
    with torch.no_grad():
        g = net.features(normalise(some.images, net.info.mean, net.info.std))[1]
    for k in range(10):
        assert torch.allclose(means[k], g[some.labels == k].mean(0), atol=1e-5)
    without = class_questions(net, some.take(some.labels != 3))
    assert torch.allclose(without[4], means[4], atol=1e-5)
    assert torch.allclose(without[3], g[some.labels != 3].mean(0), atol=1e-5)


def test_no_question_moves_pc_and_rows_are_complete(cifar10):
    rows = ask_rows("pc", Network.from_pretrained(PC), cifar10, 20, 10)
    assert {row.grid for row in rows} == {(1, 2), (2, 2), (3, 3)} and all(
        row.pictures == (20 if row.named else 10) for row in rows
    )
    by_question = {(r.grid, r.level, r.question): r.share for r in rows if r.method == "attention"}
    for grid, level, _ in by_question:
        assert len({by_question[grid, level, q] for q in ("picture", "class", "own")}) == 1  # g moves nothing
    assert {(r.method, r.level) for r in rows if r.named is None} == {("Grad-CAM", "conv13"), ("saliency", "")}
    assert all((r.absent_named is None) == (r.question == "own" or r.named is None) for r in rows)


def test_the_command(data_dir):
    few = ["--scenes", "4", "--pictures", "8", "--data-dir", str(data_dir)]
    result = CliRunner().invoke(app, ["ask", PC, GAP, *few, "--json"])
    assert result.exit_code == 0, result.output
    answer = json.loads(result.output.splitlines()[-1])
    assert {r["method"] for r in answer["rows"]} == {"attention", "Grad-CAM", "saliency", "CAM"}
    expected = [(name, side, 8) for name in (PC, GAP) for side in (32, 48, 64)]
    assert [(r["checkpoint"], r["side"], r["pictures"]) for r in answer["singles"]] == expected
    assert "Scenes of 3 x 3 test pictures, 4 of them; chance is 0.11" in result.output


def test_the_results_are_saved_with_the_checkpoint(data_dir, tmp_path):
    folder = tmp_path / "vgg-att3-pc-cifar10-s"
    shutil.copytree(BUNDLED / PC, folder)
    before = (folder / "model.safetensors").read_bytes()
    few = ["--scenes", "4", "--pictures", "8", "--data-dir", str(data_dir)]
    result = CliRunner().invoke(app, ["ask", str(folder), *few, "--save"])
    assert result.exit_code == 0, result.output
    net = Network.from_pretrained(folder)
    results = net.info.results
    assert results["error"] and [*results["sides"]] == ["32", "48", "64"] and len(results["ask"]) == 9
    assert results["ask"][0].keys() == {"grid", "question", "pictures", "shares", "named", "absent_named", "auroc"}
    card = (folder / "README.md").read_text()
    assert "| 2 x 2 | 0.25 | class |" in card and "at 48 px" in card
    assert (folder / "model.safetensors").read_bytes() == before
    config = json.loads((folder / "config.json").read_text())
    config["results"]["ask"][0]["shares"]["conv13"] = "much"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="unexpected values under results"):
        Network.from_pretrained(folder)
