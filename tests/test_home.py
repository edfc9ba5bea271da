"""A ``~`` that the shell leaves as it is means the home folder, in every place that takes a path."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

import model
from app.server import temporary
from model.home import at_home
from training.run_folder import RunFolder


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "home"


def test_arguments_are_expanded(home):
    for argument, expected in {
        "--out=~/r": f"--out={home}/r",
        "~/r": f"{home}/r",
        "~": str(home),
        "-o=~/r": f"-o={home}/r",
        "--out=a~b": "--out=a~b",
        "folder:~/r": "folder:~/r",  # data.load expands it
        "--lr=.1": "--lr=.1",
        "": "",
    }.items():
        assert at_home(argument) == expected


@pytest.mark.parametrize("door", ["model", "training"])
def test_command_lines_expand_it(door, home):
    from importlib import import_module

    app = import_module(f"{door}.__main__").app
    command = {"training": ["evaluate", "~/none"], "model": ["export", "~/none", "out"]}[door]
    assert str(home) in str(CliRunner().invoke(app, command).exception)


def test_paths_in_python_are_expanded(home):
    net = model.build("vgg", num_classes=2, width=1 / 16)
    net.save_pretrained("~/net")
    assert (home / "net" / "config.json").is_file() and not Path("~").exists()
    assert model.Network.from_pretrained("~/net").info == net.info
    assert RunFolder("~/runs").path == home / "runs"


def test_paths_in_the_environment_are_expanded(home, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", "~/uploads")
    monkeypatch.setattr(temporary, "sweep_on", lambda *folders: None)
    assert temporary.begin().parent == home / "uploads"
