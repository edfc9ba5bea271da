"""Free memory goes back to the system."""

import subprocess
import sys

import pytest

from app.server import memory
from tests.conftest import REPO

PROGRAM = """
from pathlib import Path
from app.server import memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

before = resident()
blocks = [bytes(2000) for _ in range(50_000)]  # 100 MB
kept = blocks[::100]  # in between, so that the heap cannot shrink at its end
del blocks
print(resident() - before, memory.give_back(), resident() - before)
"""


@pytest.mark.skipif(not memory.give_back(), reason="the C library is not glibc")
def test_what_was_freed_goes_back_to_the_system():
    run = subprocess.run([sys.executable, "-c", PROGRAM], cwd=REPO, capture_output=True, text=True, check=True)
    held, done, left = run.stdout.split()
    assert done == "True" and float(held) > 50 > 30 > float(left)
