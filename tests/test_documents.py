"""What the documents point to is there, and their Python runs."""

import ast
import re
import textwrap

import pytest
import torch

from tests.conftest import REPO

DOCUMENTS = [*REPO.glob("*.md"), *(REPO / "docs").glob("*.md")]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files(document):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text())
    assert not [link for link in links if not (document.parent / link).exists()]


def test_each_promise_names_a_test():
    promises = re.findall(r"\[`(test_\w+)`\]\(([\w/.]+)\)", (REPO / "SECURITY.md").read_text())
    assert promises
    for name, file in promises:
        tree = ast.parse((REPO / file).read_text())
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, file


def test_an_upload_takes_at_most_eight_files_to_its_maps():
    text = (REPO / "CONTRIBUTING.md").read_text()
    path = text.partition("## The path of an uploaded picture\n")[2].partition("\n## ")[0]
    assert 1 < path.count("→") < 8


def test_each_kind_of_addition_has_its_row():
    text = (REPO / "CONTRIBUTING.md").read_text()
    rows = re.findall(r"`([A-Z]+)`(?: in \[\S+\]\((\S+)\))?", text.partition("## What an addition takes\n")[2])
    assert len(rows) == 6
    for name, file in rows:
        written = (REPO / (file or "model/networks/attention.py")).read_text()
        assert re.search(rf"^{name}\b.* = ", written, re.MULTILINE), name


def run(document: str, heading: str, folder) -> dict:
    """Runs the first block of code under a heading, with the repository's files at hand; returns its names."""
    text = (REPO / document).read_text().partition(f"## {heading}\n\n")[2]
    code = re.match(r"(?:    .*\n|\n)+", text).group()
    (folder / "assets").symlink_to(REPO / "assets")
    there: dict = {}
    exec(textwrap.dedent(code), there)
    return there


def test_the_python_of_the_readme(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    there = run("README.md", "In Python", tmp_path)
    assert capsys.readouterr().out.startswith("frog ") and there["explanation"].levels["conv13"].grid == (8, 8)
    assert (tmp_path / "out" / "manifest.json").exists()


def test_the_python_of_the_library(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    explanation = run("docs/library.md", "One picture", tmp_path)["explanation"]
    terms = sum(level.logit for level in explanation.levels.values())
    assert explanation.logit == pytest.approx(explanation.logit_bias + terms, abs=1e-4)
    (tmp_path / "assets").unlink()
    result = run("docs/library.md", "A question", tmp_path)["result"]
    assert len(result.shares["conv13"]) == 2
    (tmp_path / "assets").unlink()
    there = run("docs/library.md", "The networks", tmp_path)
    assert {k: tuple(a.shape) for k, a in there["attention"].items()} == {
        "conv7": (1, 32, 32),
        "conv10": (1, 16, 16),
        "conv13": (1, 8, 8),
    }
    assert torch.allclose(there["logits"], there["bias"] + sum(there["terms"].values()), atol=1e-5)
    assert there["net"].info.class_names[there["logits"].argmax()] == "frog"
