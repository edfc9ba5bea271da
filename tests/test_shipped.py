"""What is shipped keeps its word: each checkpoint's stated error is measured again, and every place states the same."""

import re
from pathlib import Path

import pytest

from model import Network, list_checkpoints

REPO = Path(__file__).resolve().parent.parent
ENTRIES = list_checkpoints()


def test_the_two_compatibilities_of_the_page_are_shipped():
    assert {"vgg-att3-dp-cifar10-s", "vgg-att3-pc-cifar10-s"} <= {entry.name for entry in ENTRIES}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_stated_error_is_measured_again(entry, data_dir):
    from training import data
    from training.evaluate import evaluate

    measured = evaluate(Network.from_pretrained(entry.folder), data.load(entry.info.dataset, data_dir))
    assert measured.images == entry.info.results["test_images"] == 10_000
    # Another machine's rounding may turn a picture or two that lie on the edge between classes.
    assert measured.error == pytest.approx(entry.info.results["error"], abs=3e-4)
    assert measured.error <= 0.12


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_card_and_readme_state_the_same_error(entry):
    stated = f"{100 * entry.info.results['error']:.2f} %"
    assert stated in (entry.folder / "README.md").read_text()
    row = re.search(rf"^\|.*`{re.escape(entry.name)}`.*$", (REPO / "README.md").read_text(), re.MULTILINE)
    assert row and stated in row.group(), f"README's table does not give {entry.name} with {stated}"
