"""The patches of Gradio: the tests that the file names exist, and those that fit nowhere else are here."""

import asyncio
import base64
import json
import re
import threading
from datetime import datetime, timedelta
from pathlib import Path

import gradio as gr
import pytest
from gradio import networking
from gradio.state_holder import SessionState
from gradio.utils import get_upload_folder

from app import ui
from app.server import gradio_patches, temporary
from app.server.gradio_patches import dumps, slider
from app.site import Site
from tests.app.test_api import call
from tests.conftest import REPO
from tools.browser import free_port

SOURCE = (REPO / gradio_patches.__file__).read_text()


def test_each_patch_names_a_test_that_is_there():
    names = re.findall(r"\btest_\w+\b(?!\.py)", SOURCE)
    there = "".join(path.read_text() for path in (REPO / "tests").rglob("test_*.py"))
    assert len(names) >= 8 and not [name for name in names if f"def {name}(" not in there]


def test_the_version_is_the_one_that_is_installed_here():
    (version,) = re.findall(r"Written for Gradio ([\d.]+\d)", SOURCE)
    assert f"gradio=={version}" in (REPO / "constraints.txt").read_text().splitlines()


@pytest.mark.parametrize(("typed", "taken"), [(4, 5), (40, 40), (400, 100), (None, 60), (-1, 5), (9.6, 10)])
def test_what_is_typed_is_brought_into_range(typed, taken):
    assert slider(5, 100, 60, step=5, label="Keep").preprocess(typed) == taken


def test_components_work_where_the_call_is_handled(networks, monkeypatch):
    page, threads = ui.build(Site(networks)), set()
    monkeypatch.setattr(gradio_patches.Upload, "preprocess", lambda self, value: threads.add(threading.get_ident()))
    monkeypatch.setattr(gr.JSON, "postprocess", lambda self, value: threads.add(threading.get_ident()))
    endpoint = next(fn for fn in page.fns.values() if fn.api_name == "explain")

    async def call() -> int:
        values = await page.preprocess_data(endpoint, [None, "a", "dp", 0, False], None)
        assert values == [None, "a", "dp", 0, False]
        await page.postprocess_data(endpoint, [{}, None, None, None], None)
        return threading.get_ident()

    assert threads == {asyncio.run(call())}


def test_a_component_that_changes_is_not_described_anew():
    with gr.Blocks() as page:
        box = gr.Textbox(label="before")
        gr.Button().click(lambda: None, None, box, api_name="change")
    (event,), session = page.fns.values(), SessionState(page)
    (update,) = asyncio.run(page.postprocess_data(event, gr.Textbox("x", label="after"), session))
    assert update == {"label": "after", "value": "x", "__type__": "update"}
    assert session[box._id].label == "after" and not any(session.config_values.values())


def test_what_a_tab_holds_is_gone_a_minute_after_the_visitor():
    with gr.Blocks() as page:
        screen = gr.State(None, time_to_live=3600)
    for seconds, is_closed, holds in ((0, True, True), (61, True, False), (61, False, True)):
        session = page.state_holder.session_data["visitor"] = SessionState(page)
        session[screen._id], session.is_closed = "maps", is_closed
        session._state_ttl[screen._id] = 3600, datetime.now() - timedelta(seconds=seconds)
        page.state_holder.delete_state("visitor", expired_only=True)
        assert (screen._id in session.state_data) == holds


def test_a_file_of_ours_is_shown_where_it_lies(monkeypatch):
    paths = []
    monkeypatch.setattr(gradio_patches, "check_path", lambda path, uploaded: paths.append(path))
    with gr.Blocks() as page:
        overlay = gradio_patches.Overlay(format="jpeg")
        gr.Button().click(lambda: None, None, overlay, api_name="show")
    (event,), file = page.fns.values(), temporary.save(b"picture", "a.jpg")
    (value,) = asyncio.run(page.postprocess_data(event, file, SessionState(page)))
    assert value["path"] == file and value["url"].endswith("/a.jpg") and not paths
    others = ["/etc/passwd", f"{Path(file).parent}/../../../x", f"{get_upload_folder()}x/y"]
    for path in others:
        gradio_patches.check_others(path, is_upload=False)
    gradio_patches.check_others(file, is_upload=True)
    assert paths == [*others, file]


def test_answers_are_written_by_orjson_and_are_the_same(server, picture_file):
    url = {"url": f"data:image/png;base64,{base64.b64encode(picture_file.read_bytes()).decode()}"}
    event, data = call(server.url, image=url, pictures=False)
    assert event == "complete" and ", " not in data  # which Python's own puts between two values
    for value in (json.loads(data), {"é": "\u2028"}, [1e-17, 0.1, None, True, "a\n"]):
        assert json.loads(dumps(value)) == value and dumps(value).isascii()


def test_a_slow_start_is_no_failed_start(networks, monkeypatch):
    monkeypatch.setattr(networking, "url_ok", lambda url: False)
    page = ui.build(Site(networks))
    try:
        ui.launch(page, "127.0.0.1", free_port(), wait=False)
    finally:
        page.close()
