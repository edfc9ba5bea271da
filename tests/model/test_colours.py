"""The environment of other work does not keep the networks from being imported."""

import os
import subprocess
import sys

import pytest

from tests.conftest import REPO

ASK = "import model, matplotlib; print(dict.__getitem__(matplotlib.rcParams, 'backend'))"


@pytest.mark.parametrize(("backend", "kept"), [("Qt4Agg", False), ("svg", True)])
def test_a_backend_that_matplotlib_lacks_is_passed_over_and_another_kept(backend, kept):
    environment = {**os.environ, "MPLBACKEND": backend}  # Qt4Agg: which it had once
    ended = subprocess.run([sys.executable, "-c", ASK], cwd=REPO, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert (ended.stdout.strip() == backend) == kept
