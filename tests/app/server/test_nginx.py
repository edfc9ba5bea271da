"""The page behind nginx: two replicas, the shipped configuration, a real browser."""

import json
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.app.serving import FAMILY, Server
from tests.app.test_api import call, file, get, opener, upload
from tests.conftest import REPO
from tools.browser import free_port

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed (on Debian: apt-get install nginx-light)")

MAIN = """daemon off; pid {folder}/pid; worker_processes 1; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  log_format replica "$cookie_visitor|$upstream_addr"; access_log {folder}/access.log replica;
  include {folder}/page.conf;
  include {folder}/upstream.conf;
}}
"""
DOCKER = re.compile(r"^ +resolver .*;\n +server page:7860 .*;\n", re.MULTILINE)  # how Docker's replicas are found


class Behind:
    """Two replicas behind nginx."""

    def __init__(self, replicas: list[Server], folder: Path):
        self.replicas, self.folder, self.port = replicas, folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}/demo"
        shipped = (REPO / "deploy" / "page.conf").read_text()
        assert "listen 8080;" in shipped
        (folder / "page.conf").write_text(shipped.replace("listen 8080;", f"listen 127.0.0.1:{self.port};"))
        each = "".join(f"    server 127.0.0.1:{r.port} max_fails=1 fail_timeout=10s;\n" for r in replicas)
        upstream, changes = DOCKER.subn(each, (REPO / "deploy" / "upstream.conf").read_text())
        assert changes == 1
        (folder / "upstream.conf").write_text(upstream)
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder))
        self.process = subprocess.Popen([NGINX, "-p", folder, "-c", folder / "nginx.conf"], stderr=subprocess.PIPE)
        for _ in range(100):
            assert self.process.poll() is None, self.process.stderr.read()
            try:
                get(f"{self.url}/config")
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError((folder / "error.log").read_text())

    def replica_of(self, visitor: str) -> int:
        """Which replica answers a visitor, by its port."""
        request = urllib.request.Request(f"{self.url}/config", headers={"Cookie": f"visitor={visitor}"})
        opener.open(request, timeout=60).close()
        time.sleep(0.1)
        lines = (self.folder / "access.log").read_text().splitlines()
        asked = next(line for line in reversed(lines) if line.startswith(f"{visitor}|"))
        return int(asked.rpartition(":")[2])  # the last of them, where the first did not answer


@pytest.fixture(scope="module")
def behind(checkpoints, tmp_path_factory):
    command = [sys.executable, "-m", "app", "--checkpoints", str(checkpoints), "--device", "cpu"]
    started, nginx = [], None
    try:
        for _ in range(2):
            started.append(Server(command, tmp_path_factory.mktemp("replica"), REPO, GRADIO_ROOT_PATH="/demo"))
        nginx = Behind(started, tmp_path_factory.mktemp("nginx"))
        yield nginx
    finally:
        if nginx:
            nginx.process.terminate()
            nginx.process.wait(20)
        for server in started:
            server.stop()


def test_programs_are_answered_under_the_path(behind, picture_file):
    path = upload(behind.url, "disc.png", picture_file.read_bytes())
    event, data = call(behind.url, image=file(path))
    assert event == "complete"
    answer, *pictures = json.loads(data)
    assert answer["checkpoint"] == FAMILY
    for picture in pictures:
        assert picture["url"].startswith(f"{behind.url}/gradio_api/file=")
        assert get(picture["url"]).startswith(b"\xff\xd8")


def test_the_page_in_a_browser(behind, picture_file, chromium):
    """Upload and answer; nothing is asked of another address, and the browser is given a cookie."""
    page = chromium.new_page()
    addresses, errors = [], []
    page.on("request", lambda request: addresses.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"http://127.0.0.1:{behind.port}/")
    page.locator("input[type=file]").first.set_input_files(picture_file)
    expect(page.locator("#maps img").nth(2)).to_be_visible()
    (cookie,) = [c for c in page.context.cookies() if c["name"] == "visitor"]
    page.close()
    elsewhere = [u for u in addresses if not u.startswith((f"{behind.url}/", "data:", "blob:"))]
    assert elsewhere == [f"http://127.0.0.1:{behind.port}/"] and not errors
    assert cookie["httpOnly"] and cookie["path"] == "/demo/"


@pytest.mark.parametrize("route", ["process_recording", "file=http://127.0.0.1:9/x", "file=/etc/passwd", "deep_link"])
def test_closed_routes_stay_closed(behind, route):
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(f"{behind.url}/gradio_api/{route}")
    assert refused.value.code in (403, 404)


def test_a_request_that_is_too_large_gets_one_sentence(behind):
    request = urllib.request.Request(f"{behind.url}/gradio_api/upload", b"", {"Content-Length": "90000000"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        opener.open(request, timeout=60)
    assert refused.value.code == 413
    assert json.loads(refused.value.read()) == {
        "detail": "A request may have at most 81 MB: please send a smaller picture."
    }


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_headers(behind, scheme):
    request = urllib.request.Request(f"{behind.url}/config", headers={"X-Forwarded-Proto": scheme})
    with opener.open(request, timeout=60) as answer:
        assert json.loads(answer.read())["root"] == behind.url.replace("http:", f"{scheme}:")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert (answer.headers["Strict-Transport-Security"] is not None) == (scheme == "https")
        assert ("Secure" in answer.headers["Set-Cookie"]) == (scheme == "https")


def test_the_end_of_one_replica_is_noticed_by_its_own_visitors_alone(behind, picture_file, chromium):
    """Last: it kills one."""
    visitors = {f"visitor{i}": behind.replica_of(f"visitor{i}") for i in range(20)}
    dead, alive = behind.replicas
    assert set(visitors.values()) == {dead.port, alive.port}
    assert all(behind.replica_of(visitor) == port for visitor, port in visitors.items())
    pages = {}
    for server in (dead, alive):
        visitor = next(visitor for visitor, port in visitors.items() if port == server.port)
        context = chromium.new_context()
        context.add_cookies([{"name": "visitor", "value": visitor, "url": f"{behind.url}/"}])
        pages[server] = page = context.new_page()
        page.goto(f"{behind.url}/")
        choose(page, picture_file)
    dead.process.kill()  # as kill -9
    dead.process.wait(20)
    assert {behind.replica_of(visitor) for visitor in visitors} == {alive.port}  # so the other's stay where they were
    event, data = call(behind.url, image=file(upload(behind.url, "disc.png", picture_file.read_bytes())))
    assert event == "complete", data

    page = pages[alive]  # goes on, and still has its picture
    before = page.locator("#maps img").first.get_attribute("src")
    page.get_by_label("Nearest").check()
    expect(page.locator("#maps img").first).not_to_have_attribute("src", before)
    assert page.locator("#ask .upload-container img").evaluate("image => image.naturalWidth")
    expect(page.locator(".toast-body")).to_have_count(0)
    pages[dead].reload()
    choose(pages[dead], picture_file)
    for page in pages.values():
        page.context.close()


def choose(page: Page, picture: Path) -> None:
    """Uploads a picture, and waits for its answer."""
    page.locator("#maps img").nth(2).wait_for()  # of the first example
    before = page.locator("#maps img").first.get_attribute("src")
    page.locator("input[type=file]").first.set_input_files(picture)
    expect(page.locator("#maps img").first).not_to_have_attribute("src", before)
