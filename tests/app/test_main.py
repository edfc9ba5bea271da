"""The command line: each mistake gets one sentence and exit code 2."""

import json
import socket
import sys
import warnings

import pytest
import torch
import typer
from typer.testing import CliRunner

from app import ui
from app.__main__ import serve
from app.networks import Networks
from app.server import health
from model import machine
from tests.app.serving import FAMILY, make_checkpoints
from tools.browser import free_port

command = typer.Typer()
command.command()(serve)


def refusal(*arguments: str, env: dict | None = None) -> str:
    result = CliRunner().invoke(command, ["--device", "cpu", "--port", str(free_port()), *arguments], env=env)
    assert result.exit_code == 2, result.output
    assert result.stdout == "" and "Traceback" not in result.stderr
    sentence = result.stderr.strip()
    assert sentence.endswith(".") and "\n" not in sentence
    return sentence


def test_no_such_folder(tmp_path):
    assert "holds no checkpoint" in refusal("--checkpoints", str(tmp_path / "nowhere"))


def test_empty_folder(tmp_path):
    assert "holds no checkpoint" in refusal("--checkpoints", str(tmp_path))


def test_a_file_for_a_folder(tmp_path):
    (tmp_path / "file").write_text("")
    assert "holds no checkpoint" in refusal("--checkpoints", str(tmp_path / "file"))


@pytest.fixture
def broken(tmp_path):
    make_checkpoints(tmp_path, ("dp",))
    return tmp_path / "vgg-att3-dp-cifar10-s"


def test_truncated_weights(broken):
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert "truncated" in refusal("--checkpoints", str(broken.parent))


def test_weights_missing(broken):
    (broken / "model.safetensors").unlink()
    assert "has no model.safetensors" in refusal("--checkpoints", str(broken.parent))


@pytest.mark.parametrize("config", ["{", "[]", '{"model_type": "bert"}'])
def test_foreign_config(broken, config):
    (broken / "config.json").write_text(config)
    assert "config.json" in refusal("--checkpoints", str(broken.parent))


def test_another_architecture(broken):
    config = json.loads((broken / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps({**config, "architecture": "BertModel"}))
    assert "BertModel" in refusal("--checkpoints", str(broken.parent))


def test_port_in_use(checkpoints):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        sentence = refusal("--port", str(s.getsockname()[1]), "--checkpoints", str(checkpoints))
    assert "--port" in sentence


def test_host_and_port_come_from_the_environment(checkpoints):
    port = free_port()
    with socket.socket() as s:
        s.bind(("127.0.0.1", port))
        s.listen()
        env = {"GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1"}
        result = CliRunner().invoke(command, ["--checkpoints", str(checkpoints)], env=env)
    assert result.exit_code == 2 and str(port) in result.stderr


def test_a_port_that_is_none_gets_a_sentence_from_the_page_and_its_health_check(monkeypatch):
    assert "whole number from 1 to 65535, not '80-90'" in refusal("--port", "80-90")
    monkeypatch.setenv("GRADIO_SERVER_PORT", "80-90")
    with pytest.raises(SystemExit, match=r"whole number from 1 to 65535, not '80-90'\.$"):
        health.main()


@pytest.mark.parametrize("host", ["192.0.2.1", "a..b"])
def test_host_that_is_not_here(checkpoints, host):
    assert host in refusal("--host", host, "--checkpoints", str(checkpoints))


@pytest.mark.parametrize("device", ["nonsense", "cuda:99", "hpu"])
def test_device_that_is_not_here(checkpoints, device):
    assert device in refusal("--device", device, "--checkpoints", str(checkpoints))


@pytest.fixture
def start_page(checkpoints, monkeypatch):
    """Returns a function that runs the command up to where it would listen; it returns the result and the networks."""

    def run(*arguments: str):
        networks = []
        monkeypatch.setattr(ui, "build", lambda site: networks.append(site.networks))
        monkeypatch.setattr(ui, "launch", lambda page, host, port: None)
        line = ["--port", str(free_port()), "--checkpoints", str(checkpoints), *arguments]
        return CliRunner().invoke(command, line), *networks

    yield run
    sys.__dict__.pop("tracebacklimit", None)


def test_a_card_that_does_not_compute_leaves_the_page_on_the_cpu(start_page, monkeypatch):
    """In truth there is no card; torch fails when it computes, as with a card that is too old."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    result, networks = start_page()
    assert result.exit_code == 0 and "on cpu" in result.stdout
    assert networks.network(FAMILY, "dp").device.type == "cpu"
    assert result.stderr.startswith("Using the CPU: cuda cannot be used (") and result.stderr.count("\n") == 1


def test_a_driver_that_fails_leaves_the_page_on_the_cpu(start_page, monkeypatch):
    def warn() -> bool:
        warnings.warn(
            "CUDA initialization: The driver is too old.  (Triggered internally at /c10/x.cpp:1.)", stacklevel=1
        )
        return False

    monkeypatch.setattr(torch.cuda, "is_available", warn)
    result, _ = start_page()
    assert result.exit_code == 0 and "on cpu" in result.stdout
    assert result.stderr == ("Using the CPU: the GPU cannot be used (CUDA initialization: The driver is too old).\n")


@pytest.mark.parametrize("error", [RuntimeError("CUDA error: no kernel image\nCompile with"), torch.OutOfMemoryError()])
def test_a_card_that_fails_in_warm_up_too(start_page, monkeypatch, error):
    def fail(self):
        raise error

    load = Networks.load
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(machine, "device_fault", lambda device: "")
    monkeypatch.setattr(machine, "multiplies_bfloat16", lambda device: False)
    monkeypatch.setattr(Networks, "load", lambda folder, device: load(folder, "cpu"))
    monkeypatch.setattr(Networks, "warm_up", fail)
    result, _ = start_page()
    assert result.exit_code == 0 and "on cpu" in result.stdout and result.stderr.count("\n") == 1
    result, *_ = start_page("--device", "cuda")
    assert result.exit_code == 2 and "say --device cpu" in result.stderr and result.stderr.count("\n") == 1
