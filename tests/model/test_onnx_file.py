"""ONNX files, run by onnxruntime, say what torch says."""

import json
import re
import sys

import numpy as np
import onnxruntime
import pytest
import torch
from typer.testing import CliRunner

import model
from model import Network
from model.__main__ import app
from model.explain import explain_pixels, global_features
from tests.conftest import REPO


def session(name: str, file) -> tuple[Network, onnxruntime.InferenceSession]:
    result = CliRunner().invoke(app, ["export", name, str(file), "--onnx"])
    assert result.exit_code == 0, result.output
    content = file.read_bytes()
    assert not any(str(folder).encode() in content for folder in (REPO, sys.prefix))
    return Network.from_pretrained(name), onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])


def run(graph: onnxruntime.InferenceSession, **inputs) -> dict[str, np.ndarray]:
    outputs = graph.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})
    return dict(zip([output.name for output in graph.get_outputs()], outputs, strict=True))


def assert_same(outputs: dict, net: Network, pixels: torch.Tensor, question: torch.Tensor | None = None) -> None:
    for i, explanation in enumerate(explain_pixels(net, pixels, question)):
        k = int(outputs["logits"][i].argmax())
        assert net.info.class_names[k] == explanation.answer
        assert outputs["logits"][i, k] == pytest.approx(explanation.logit, abs=1e-4)
        assert outputs["bias"][k] == pytest.approx(explanation.logit_bias, abs=1e-6)
        for level, part in explanation.levels.items():
            assert np.allclose(outputs[f"map_{level}"][i], part.attention, atol=1e-6)
            assert outputs[f"terms_{level}"][i, k] == pytest.approx(part.logit, abs=1e-4)


@pytest.mark.parametrize("compatibility", ["dp", "additive"])
def test_with_and_without_a_question_of_any_batch_and_side(compatibility, tmp_path, monkeypatch):
    net, graph = session(f"vgg-att3-{compatibility}-cifar10-s-ask", tmp_path / "new" / "attention.onnx")
    torch.manual_seed(0)
    for shape in ((1, 3, 32, 32), (3, 3, 48, 33), (2, 3, 64, 64)):
        pixels = torch.randint(0, 256, shape, dtype=torch.uint8)
        outputs = run(graph, picture=pixels)
        assert_same(outputs, net, pixels)
        g = global_features(net, pixels)
        assert np.allclose(outputs["own_g"], g, atol=1e-4)
        asked = g.flip(0) + 1
        assert_same(run(graph, picture=pixels, g=asked), net, pixels, asked)
        assert_same(run(graph, picture=pixels, g=asked[:1]), net, pixels, asked[:1].expand(len(pixels), -1))
    asked[0] = torch.nan  # keeps its own question
    mixed = run(graph, picture=pixels, g=asked)
    assert_same(mixed, net, pixels, torch.where(asked.isnan(), g, asked))
    metadata = graph.get_modelmeta().custom_metadata_map
    assert metadata["name"] == net.name and tuple(json.loads(metadata["class_names"])) == net.info.class_names
    if compatibility != "dp":
        return
    section = (REPO / "docs/library.md").read_text().partition("## ONNX\n")[2].partition("\n## ")[0]
    (tmp_path / "new" / "assets").symlink_to(REPO / "assets")
    monkeypatch.chdir(tmp_path / "new")
    exec("\n".join(re.findall(r"^    (?!python)(.*)", section, re.MULTILINE)), there := {})
    assert net.info.class_names[there["logits"].argmax()] == "frog" and there["late"].shape == (1, 8, 8)
    graph = onnxruntime.InferenceSession("asking.onnx", providers=["CPUExecutionProvider"])
    assert [x.name for x in graph.get_inputs()] == ["picture", "g"]
    assert all(np.array_equal(v, mixed[name]) for name, v in run(graph, picture=pixels, g=asked).items())


def test_pc_takes_a_picture_alone(tmp_path):
    net, graph = session("vgg-att3-pc-cifar10-s-long", tmp_path / "pc.onnx")
    assert [x.name for x in graph.get_inputs()] == ["picture"]
    pixels = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    outputs = run(graph, picture=pixels)
    assert_same(outputs, net, pixels)
    assert "own_g" not in outputs


def test_a_network_without_attention_is_refused(tmp_path):
    model.build("vgg-gap", num_classes=3, width=0.0625).save_pretrained(tmp_path / "gap")
    result = CliRunner().invoke(app, ["export", str(tmp_path / "gap"), str(tmp_path / "gap.onnx"), "--onnx"])
    assert result.exit_code and "no trained attention" in str(result.exception) and not (tmp_path / "gap.onnx").exists()


def test_no_file_is_overwritten(tmp_path):
    (tmp_path / "net.onnx").write_text("mine")
    result = CliRunner().invoke(app, ["export", "vgg-att3-dp-cifar10-s", str(tmp_path / "net.onnx"), "--onnx"])
    assert "exists; name a new file" in str(result.exception) and (tmp_path / "net.onnx").read_text() == "mine"


def test_an_onnx_file_in_half_precision_is_refused(tmp_path):
    command = ["export", "vgg-att3-dp-cifar10-s", str(tmp_path / "net.onnx"), "--onnx", "--dtype", "float16"]
    assert "an ONNX file holds float32" in str(CliRunner().invoke(app, command).exception)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("absent", ["onnx", "onnxscript"])
def test_one_sentence_says_which_packages_are_needed(absent, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, absent, None)
    result = CliRunner().invoke(app, ["export", "vgg-att3-dp-cifar10-s", str(tmp_path / "net.onnx"), "--onnx"])
    assert str(result.exception) == "ONNX files need two more packages: pip install onnx onnxscript"
    assert not any(tmp_path.iterdir())
