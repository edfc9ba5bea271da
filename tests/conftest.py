"""What the tests of every package share."""

import os
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder holding ``cifar-10-batches-py/``: ``$DATA_DIR``, else ``data/``; skips where they are absent."""
    root = Path(os.environ.get("DATA_DIR") or REPO / "data")
    if not (root / "cifar-10-batches-py" / "test_batch").is_file():
        restore = "../shared/data/restore_cifar10.py"
        fetch = f"python {restore} data" if (REPO / restore).is_file() else "make data"
        pytest.skip(f"CIFAR-10 is not in {'$DATA_DIR' if os.environ.get('DATA_DIR') else 'data/'}; to get it: {fetch}")
    return root
