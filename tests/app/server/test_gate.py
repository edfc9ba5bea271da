"""The gate refuses requests that are too large and routes that the page does not use; sessions keep no picture."""

import base64
import http.client
import json
import pickle
import urllib.error

import pytest

from app import ui
from app.images import LARGEST
from app.site import Site
from tests.app.serving import FAMILY
from tests.app.test_api import call, get, post, upload
from tools.browser import free_port

QUEUED = b'{"data": [null, "x", "dp"]}'


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("run/explain", QUEUED),
        ("api/explain", QUEUED),
        ("process_recording", b"x"),
        ("deep_link?session_hash=x", None),
        ("file=http://127.0.0.1:9/cat.png", None),
        ("file=HTTP://127.0.0.1:9/cat.png", None),
        ("file/http://127.0.0.1:9/cat.png", None),
        ("proxy=http://127.0.0.1:9/cat.png", None),
    ],
)
def test_routes_that_the_page_does_without_are_closed(server, route, body):
    url = f"{server.url}/gradio_api/{route}"
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(url, body) if body else get(url)
    assert refused.value.code == 404


@pytest.mark.parametrize("name", ["vibe-check.png", "deep_link.png", "file.png"])
def test_a_pictures_name_closes_no_door(server, picture_file, name):
    path = upload(server.url, name, picture_file.read_bytes())
    assert get(f"{server.url}/gradio_api/file={path}") == picture_file.read_bytes()


def send(url: str, length: int, chunked: bool) -> tuple[int, str]:
    """The status and the message with which a long request is refused."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    connection.putrequest("POST", "/gradio_api/call/v2/explain")
    connection.putheader("Content-Type", "application/json")
    connection.putheader(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(length))))
    connection.endheaders()
    if chunked:
        piece = b" " * 1_000_000
        for _ in range(length // len(piece)):
            try:
                connection.send(b"%x\r\n%b\r\n" % (len(piece), piece))
            except OSError:  # refused before all was sent
                break
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())["detail"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_request_larger_than_any_picture_is_refused(server, chunked):
    status, sentence = send(server.url, ui.BODY + 2_000_000, chunked)
    assert status == 413 and sentence == "A request may have at most 80 MB: please send a smaller picture."


def test_a_larger_upload_than_any_picture_is_refused(server):
    with pytest.raises(urllib.error.HTTPError) as refused:
        upload(server.url, "a.png", bytes(LARGEST + 1))
    assert refused.value.code == 413


def test_nothing_of_a_call_stays(networks, picture_file):
    page = ui.build(Site(networks))
    content = base64.b64encode(picture_file.read_bytes())
    ui.launch(page, "127.0.0.1", port := free_port(), wait=False)
    try:
        url = {"url": f"data:image/png;base64,{content.decode()}"}
        event, data = call(f"http://127.0.0.1:{port}", image=url, checkpoint=FAMILY, compatibility="dp")
        assert event == "complete"
        (session,) = page.app.state_holder.session_data.values()
        assert not any(session.config_values.values())  # neither the components' descriptions nor their values
        state = pickle.dumps(list(session.state_data.values()))
        assert content not in state and b"peak_x_uniform" not in state
        upload(page.local_url.rstrip("/"), "disc.png", picture_file.read_bytes())
        assert page.temp_file_sets and not any(page.temp_file_sets)  # nor does the name of a file
        assert "peak_x_uniform" in data
        assert not page._queue.cached_event_analytics_summary["functions"]  # nor are statistics made
    finally:
        page.close()
