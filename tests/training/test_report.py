"""The tables that are written into the documents."""

from pathlib import Path

import pytest

from model.checkpoints import Entry
from model.format import Info
from training.report import ask_table, replace_block, shorten, stated_error

MEASURED = {
    "grid": [1, 2],
    "question": "class",
    "pictures": 1000,
    "shares": {"conv7": 0.51, "conv13": 0.977},
    "named": 0.98,
    "absent_named": 0.1,
    "auroc": 0.95,
}


def entry(results: dict) -> Entry:
    return Entry("net-ask", Path("net-ask"), "net-ask", "dp", Info(results=results))


def test_the_table_of_questions_has_a_row_for_each_kind_of_scene():
    by_picture = {**MEASURED, "question": "picture"}
    table = ask_table([entry({"ask": [by_picture, MEASURED]}), entry({"error": 0.1})])
    assert table.startswith("Scenes composed of test pictures, 1,000 of each kind")
    assert table.splitlines()[3:] == [
        "| checkpoint | 1 x 2 |",
        "|---|---|",
        "| `net-ask` | 0.977, named 98.0 % |",
        "| chance | 0.500 |",
    ]


def test_without_a_measurement_there_is_no_table():
    assert ask_table([entry({"error": 0.1})]) == ""


def test_only_what_stands_between_the_marks_is_replaced():
    begin, end = "<!-- x: written by python -m training report -->", "<!-- end of x -->"
    assert replace_block(f"a\n{begin}\nold\n{end}\nb", "x", "new") == f"a\n{begin}\n\nnew\n\n{end}\nb"
    assert replace_block(f"a\n{begin}\n\nold\n\n{end}\nb", "x", "") == f"a\n{begin}\n{end}\nb"
    with pytest.raises(ValueError, match="there must be one line"):
        replace_block("a", "x", "new")


def test_a_machine_and_its_commits_are_written_shortly():
    assert shorten("Intel(R) Xeon(R) Processor CPU, 1 threads") == "Intel Xeon, 1 thread"
    assert shorten("97aafa6d49f2, then 51d0cfcfeadd with changes") == "97aafa6, then 51d0cfc with changes"


def test_the_errors_on_other_test_sets_are_stated_too():
    assert stated_error(entry({"error": 0.1})) == "10.00 %"
    assert (
        stated_error(entry({"error": 0.16, "more_tests": {"CIFAR-10": {"error": 0.0741}}}))
        == "16.00 % (CIFAR-10: 7.41 %)"
    )
