"""The networks can be imported, whatever backend of matplotlib the environment sets."""

import os
import subprocess
import sys

import pytest

from tests.conftest import REPO

ASK = "import model, matplotlib; print(dict.__getitem__(matplotlib.rcParams, 'backend'))"


@pytest.mark.parametrize(("backend", "is_known"), [("Qt4Agg", False), ("svg", True)])
def test_a_backend_that_matplotlib_lacks_is_ignored_and_another_is_used(backend, is_known):
    environment = {**os.environ, "MPLBACKEND": backend}  # Qt4Agg: which it had once
    process = subprocess.run([sys.executable, "-c", ASK], cwd=REPO, env=environment, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    assert (process.stdout.strip() == backend) == is_known
