"""The examples in docstrings run and give what they say."""

import doctest
import importlib

import pytest

from tests.conftest import REPO

WITH_EXAMPLES = [file for file in sorted((REPO / "model").rglob("*.py")) if ">>> " in file.read_text("utf-8")]


@pytest.mark.parametrize("file", WITH_EXAMPLES, ids=lambda file: file.stem)
def test_the_examples_run(file, monkeypatch):
    monkeypatch.chdir(REPO)
    results = doctest.testmod(importlib.import_module(".".join(file.relative_to(REPO).with_suffix("").parts)))
    assert results.attempted and not results.failed
