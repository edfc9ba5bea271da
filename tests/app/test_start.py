"""How the page starts on hosts, in containers and behind proxies; each time by the real command."""

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
from pathlib import Path

import pytest
from PIL import Image

from app import sampling
from app.server import temporary
from tests.app.serving import Server, make_checkpoints
from tests.app.test_api import call, file, get, upload
from tests.conftest import REPO

SPACE = {
    "SYSTEM": "spaces",
    "SPACE_ID": "user/space",
    "SPACE_HOST": "user-space.hf.space",
    "GRADIO_SERVER_NAME": "0.0.0.0",
    "GRADIO_SSR_MODE": "true",
    "GRADIO_MCP_SERVER": "true",
    "GRADIO_HOT_RELOAD": "true",
    "GRADIO_NUM_WORKERS": "2",
    "GRADIO_SHARE": "true",
    "GRADIO_NUM_PORTS": "x",
    "GRADIO_VIBE_MODE": "1",
    "GRADIO_ALLOWED_PATHS": "/",
    "GRADIO_ROOT_PATH": "demo",
}
PROXIES = {
    "ALL_PROXY": "socks5://127.0.0.1:9",
    "HTTP_PROXY": "socks://127.0.0.1:9/",
    "NO_PROXY": "localhost,[::1],fe80::/10",
}
CLOSED_HOME = {"HOME": "/proc", "MPLCONFIGDIR": "", "XDG_CACHE_HOME": "", "XDG_CONFIG_HOME": ""}  # even for root
NOBODY = 1002700000  # a user id without a name, as some clusters give


def serve_at(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "app", *arguments]


def healthy(environment: dict[str, str]) -> bool:
    line = [sys.executable, "-m", "app.server.health"]
    return subprocess.run(line, cwd=REPO, env={**os.environ, **environment}, timeout=60).returncode == 0


def has_ipv6() -> bool:
    from app.server.address import bind_fault

    return not bind_fault("::1", 0)


def test_the_page_starts_as_in_a_space_behind_unknown_proxies_with_a_home_that_cannot_be_written(
    checkpoints, picture_file, tmp_path
):
    command = serve_at("--checkpoints", str(checkpoints), "--device", "cpu")
    server = Server(command, tmp_path, cwd=REPO, **SPACE, **PROXIES, **CLOSED_HOME)
    try:
        event, data = call(server.url, image=file(upload(server.url, "disc.png", picture_file.read_bytes())))
        assert event == "complete" and json.loads(data)[0]["levels"]
        assert not json.loads(get(f"{server.url}/config"))["vibe_mode"]
        for route in ("gradio_api/file=/etc/passwd", "gradio_api/file=http://127.0.0.1:9/x", "monitoring"):
            with pytest.raises(OSError, match=r"HTTP Error 40[34]"):
                get(f"{server.url}/{route}")
        log = server.log.read_text()
        assert "Traceback" not in log and "share" not in log and "/proc" not in log
        assert healthy({"GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_SERVER_PORT": str(server.port)})
    finally:
        server.stop()
    assert not healthy({"GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_SERVER_PORT": str(server.port)})


@pytest.fixture
def open_folder():
    """A folder that every user may enter, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def test_the_page_starts_with_an_unknown_user_id_and_no_home(picture_file, open_folder):
    """On IPv6, too, and with test pictures that this user may not read."""
    nobody = ["setpriv", f"--reuid={NOBODY}", "--regid=0", "--clear-groups"]
    if os.getuid() or not shutil.which("setpriv") or subprocess.run([*nobody, "test", "-r", REPO]).returncode:
        pytest.skip("needs root, setpriv and a copy of the project that other users may read")
    closed = open_folder / "data" / "cifar-10-batches-py"
    closed.mkdir(0o700, parents=True)
    closed.parent.chmod(0o755)
    checkpoints = make_checkpoints(open_folder / "checkpoints", ("dp",))
    checkpoints.chmod(0o755)
    host = "::" if has_ipv6() else "0.0.0.0"
    homeless = {"HOME": "/nonexistent", "USER": "", "LOGNAME": "", "GRADIO_SERVER_NAME": host}
    command = serve_at("--checkpoints", str(checkpoints), "--data", str(closed.parent))
    server = Server([*nobody, *command], open_folder, cwd=REPO, **homeless)
    try:
        image = file(upload(server.url, "disc.png", picture_file.read_bytes()))
        for name in ("explain", "others"):
            event, data = call(server.url, name, image=image)
            assert event == "complete", data
        event, data = call(server.url, "test_images")
        assert event == "error" and json.loads(data)["error"] == sampling.CLOSED.format(user=NOBODY, title="CIFAR-10")
        assert "Traceback" not in server.log.read_text()
        assert healthy({"GRADIO_SERVER_NAME": host, "GRADIO_SERVER_PORT": str(server.port)})
    finally:
        server.stop()
    for option, folder in (("--data", closed), ("--data", closed / "below"), ("--checkpoints", closed)):
        line = [*nobody, *serve_at(option, str(folder), "--port", str(server.port))]
        refused = subprocess.run(line, cwd=REPO, capture_output=True, text=True, timeout=60)
        assert refused.returncode == 2 and refused.stderr.count("\n") == 1 and "read" in refused.stderr, refused.stderr


@pytest.mark.skipif(not shutil.which("prlimit"), reason="needs prlimit, of util-linux")
def test_a_full_disk_gets_a_sentence(checkpoints, picture_file, tmp_path):
    """No file may be larger than 20 kB here: an upload fails, and a drawing, and nothing else."""
    limited = ["prlimit", "--fsize=20000", *serve_at("--checkpoints", str(checkpoints), "--device", "cpu")]
    server = Server(limited, tmp_path, cwd=REPO)
    try:
        with pytest.raises(urllib.error.HTTPError) as refused:
            upload(server.url, "large.png", os.urandom(3_000_000))
        assert refused.value.code == 507 and json.loads(refused.value.read()) == {"detail": temporary.NO_ROOM}
        small = io.BytesIO()
        Image.open(picture_file).resize((40, 24)).save(small, "PNG")
        image = file(upload(server.url, "small.png", small.getvalue()))
        event, data = call(server.url, image=image)
        assert event == "error" and json.loads(data)["error"] == temporary.NO_ROOM
        event, data = call(server.url, image=image, pictures=False)
        assert event == "complete" and json.loads(data)[0]["levels"]
        log = server.log.read_text()
        assert "Traceback" not in log and str(tmp_path) not in log
    finally:
        server.stop()
