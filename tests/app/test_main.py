"""The command line: each mistake gets one sentence and exit code 2."""

import json
import socket

import pytest
import typer
from typer.testing import CliRunner

from app.__main__ import serve
from tests.app.serving import make_checkpoints
from tools.browser import free_port

command = typer.Typer()
command.command()(serve)


def refused(*arguments: str, env: dict | None = None) -> str:
    result = CliRunner().invoke(command, ["--device", "cpu", "--port", str(free_port()), *arguments], env=env)
    assert result.exit_code == 2, result.output
    assert result.stdout == "" and "Traceback" not in result.stderr
    sentence = result.stderr.strip()
    assert sentence.endswith(".") and "\n" not in sentence
    return sentence


def test_no_such_folder(tmp_path):
    assert "holds no checkpoint" in refused("--checkpoints", str(tmp_path / "nowhere"))


def test_empty_folder(tmp_path):
    assert "holds no checkpoint" in refused("--checkpoints", str(tmp_path))


def test_a_file_for_a_folder(tmp_path):
    (tmp_path / "file").write_text("")
    assert "holds no checkpoint" in refused("--checkpoints", str(tmp_path / "file"))


@pytest.fixture
def broken(tmp_path):
    make_checkpoints(tmp_path, ("dp",))
    return tmp_path / "vgg-att3-dp-cifar10-s"


def test_truncated_weights(broken):
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert "truncated" in refused("--checkpoints", str(broken.parent))


def test_weights_missing(broken):
    (broken / "model.safetensors").unlink()
    assert "has no model.safetensors" in refused("--checkpoints", str(broken.parent))


@pytest.mark.parametrize("config", ["{", "[]", '{"model_type": "bert"}'])
def test_foreign_config(broken, config):
    (broken / "config.json").write_text(config)
    assert "config.json" in refused("--checkpoints", str(broken.parent))


def test_another_architecture(broken):
    config = json.loads((broken / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps({**config, "architecture": "BertModel"}))
    assert "BertModel" in refused("--checkpoints", str(broken.parent))


def test_port_in_use(checkpoints):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        sentence = refused("--port", str(s.getsockname()[1]), "--checkpoints", str(checkpoints))
    assert "--port" in sentence


def test_host_and_port_come_from_the_environment(checkpoints):
    port = free_port()
    with socket.socket() as s:
        s.bind(("127.0.0.1", port))
        s.listen()
        env = {"GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1"}
        result = CliRunner().invoke(command, ["--checkpoints", str(checkpoints)], env=env)
    assert result.exit_code == 2 and str(port) in result.stderr


@pytest.mark.parametrize("host", ["192.0.2.1", "a..b"])
def test_host_that_is_not_here(checkpoints, host):
    assert host in refused("--host", host, "--checkpoints", str(checkpoints))


@pytest.mark.parametrize("device", ["nonsense", "cuda:99", "hpu"])
def test_device_that_is_not_here(checkpoints, device):
    assert device in refused("--device", device, "--checkpoints", str(checkpoints))
