"""The command line has what the recipes have, and the documentation's commands are of its form."""

import dataclasses
import inspect
import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from model.datasets import DATASETS
from training.__main__ import app
from training.experiments import EXPERIMENTS
from training.recipes import Recipe

REPO = Path(__file__).resolve().parents[2]
COMMANDS = typer.main.get_command(app).commands


def documented() -> list[str]:
    """Every command of the training module that a page of documentation or a module's own text shows."""
    files = [REPO / "README.md", *(REPO / "docs").glob("*.md"), *(REPO / "training").rglob("*.py")]
    texts = [f.read_text().replace(" \\\n", " ") for f in files]  # a command may go on in the next line
    commands = [re.findall(r"^    (?:accelerate launch.* )?(?:python )?-m training (\w.*)$", t, re.M) for t in texts]
    return sorted({line.split("  #")[0].strip() for lines in commands for line in lines if "..." not in line})


def test_commands_are_documented():
    assert {line.split()[0] for line in documented()} >= set(COMMANDS)


@pytest.mark.parametrize("line", documented())
def test_a_documented_command_is_understood(line):
    name, *arguments = shlex.split(line)
    COMMANDS[name].make_context(name, arguments)  # an unknown option, or a value of another kind, raises


def test_every_data_set_is_listed_by_help():
    (says,) = (option.help for option in COMMANDS["fit"].params if option.name == "dataset")
    assert says == ", ".join(DATASETS) + ":PATH."


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_is_a_command_with_the_options_that_it_takes(name):
    _, _, *takes = inspect.signature(import_module(f"training.experiments.{name}").measure).parameters
    assert takes == list(EXPERIMENTS[name].options)
    assert {"checkpoints", *takes} <= {option.name for option in COMMANDS[name].params}


def test_every_field_of_a_recipe_is_an_option():
    options = {parameter.name for parameter in COMMANDS["fit"].params}
    assert {field.name for field in dataclasses.fields(Recipe)} - {"name"} <= options


def test_a_scale_that_does_not_exist_is_refused(tmp_path):
    result = CliRunner().invoke(app, ["fit", "--out", str(tmp_path / "run"), "--scale-scores", "maybe"])
    assert isinstance(result.exception, ValueError) and "must be yes, no, learnt, not 'maybe'" in str(result.exception)
    assert not (tmp_path / "run").exists()
