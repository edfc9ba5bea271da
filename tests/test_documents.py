"""What the documents point to is there."""

import ast
import re

import pytest

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
    assert len(rows) == 5
    for name, file in rows:
        written = (REPO / (file or "model/networks/attention.py")).read_text()
        assert re.search(rf"^{name}\b.* = ", written, re.MULTILINE), name
