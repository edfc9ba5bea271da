"""What the tests of every package share."""

import os
import signal
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
OTHER_MACHINE = "--host-resolver-rules=MAP lan.test 127.0.0.1"

# In the background, or under nohup, these two are ignored, and what tests start would ignore them too.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, lambda *_: None)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder holding ``cifar-10-batches-py/``: ``$DATA_DIR``, else ``data/``; skips where they are absent."""
    root = Path(os.environ.get("DATA_DIR") or REPO / "data")
    if not (root / "cifar-10-batches-py" / "test_batch").is_file():
        restore = "../shared/data/restore_cifar10.py"
        fetch = f"python {restore} data" if (REPO / restore).is_file() else "make data"
        pytest.skip(f"CIFAR-10 is not in {'$DATA_DIR' if os.environ.get('DATA_DIR') else 'data/'}; to get it: {fetch}")
    return root


@pytest.fixture(scope="module")  # Playwright allows one at a time in a process
def chromium():
    from playwright.sync_api import expect, sync_playwright

    from tools.browser import CHROMIUM, FLAGS
    from tools.camera import CAMERA

    if not os.access(CHROMIUM, os.X_OK):
        pytest.skip(f"{CHROMIUM} is not installed: make test installs it, or apt-get install chromium")
    expect.set_options(timeout=120_000)  # a busy machine is no reason to fail
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *CAMERA, OTHER_MACHINE])
        yield browser
        browser.close()
