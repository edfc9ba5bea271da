"""Every change to Gradio's behaviour, in one file: what, why, and the test that fails without it.

Written for Gradio 6.31.0. After an upgrade, remove each change and run its test: if it passes, the change can go.
"""

from __future__ import annotations

import base64
import functools
import json
import secrets
from abc import ABCMeta
from collections.abc import Callable
from types import MethodType, SimpleNamespace
from typing import Any

import anyio
import gradio as gr
import orjson
from fastapi import Request
from fastapi.responses import JSONResponse
from gradio import blocks, processing_utils, route_utils, routes
from gradio.data_classes import Base64ImageData, ImageData
from gradio.state_holder import SessionState
from gradio.utils import get_upload_folder, is_in_or_equal
from pydantic import RootModel

from app.images import LARGEST
from app.server import temporary

BAD_VALUE = (
    "A value of this request cannot be read. Send a picture as an uploaded file (in Python with gradio_client's "
    "handle_file) or as a data: URL, not as a web address, and a number as a number."
)


# -- Nothing of a visitor's inputs and outputs is kept ----------------------------------------------------------------
# Gradio describes every component anew for each visitor, and for each call of a program. It keeps the last values in
# these descriptions, pictures too. It also describes a component anew when an answer changes it. All this is for a kind
# of link that this page does not have. The first took two thirds of the time of a call, the last two fifths of a live
# camera's. Gradio also keeps what a visitor's tab holds for an hour after the visitor has left.
# tests/app/server/test_gate.py: test_nothing_of_a_call_stays, and
# tests/app/server/test_gradio_patches.py: test_a_component_that_changes_is_not_described_anew and
# test_what_a_tab_holds_is_gone_a_minute_after_the_visitor

AWAY = 60  # seconds; a visitor who comes back later is answered anew


def begin(self: SessionState, page: gr.Blocks) -> None:
    """A session that describes no component, and ends soon after its visitor has left."""
    begin_as_gradio(self, SimpleNamespace(default_config=page.default_config, blocks={}))
    self.blocks_config.config_for_block = lambda key, rendered, block: {}
    self.STATE_TTL_WHEN_CLOSED = AWAY


begin_as_gradio, SessionState.__init__ = SessionState.__init__, begin


# -- No file's name is kept for ever ----------------------------------------------------------------------------------
# Gradio notes the path of every file that it takes or shows, to delete it later. Here ``temporary`` does that.
# tests/app/server/test_gate.py: test_nothing_of_a_call_stays

no_paths = property(lambda self: set(), lambda self, paths: None)
blocks.Block.temp_files = blocks.Blocks.upload_file_set = no_paths


# -- A call is short --------------------------------------------------------------------------------------------------
# Gradio hands every value of a call to another thread, one after another. None of this page's components does as much
# work as that costs. It also looks at each number of an endpoint's answer three times, and writes it by Python's json,
# which takes thirty times as long as orjson.
# tests/app/server/test_gradio_patches.py: test_components_work_where_the_call_is_handled and
# test_answers_are_written_by_orjson_and_are_the_same


async def run(function: Callable, *values: Any, **settings: Any) -> Any:
    """Calls a component's method at once, and anything else in another thread, as Gradio does."""
    if isinstance(getattr(function, "__self__", None), gr.components.Component):
        return function(*values)
    return await anyio.to_thread.run_sync(function, *values, **settings)


def dumps(value: Any) -> str:
    """A value as JSON, in ASCII, since some programs read other characters as the end of a line."""
    text = orjson.dumps(value, default=str).decode()
    return text if text.isascii() else json.dumps(value, default=str)


class Plain(RootModel):
    """A value that is written as it is."""

    root: Any


gr.JSON.postprocess = lambda self, value: Plain.model_construct(root=value)
blocks.anyio = SimpleNamespace(to_thread=SimpleNamespace(run_sync=run))
routes.json = SimpleNamespace(dumps=dumps, loads=json.loads, JSONDecodeError=json.JSONDecodeError)


# -- Refusals are sentences -------------------------------------------------------------------------------------------
# tests/app/test_api.py: test_bad_arguments_are_refused_in_a_sentence_without_paths and
# test_a_call_of_another_form_is_answered_in_a_sentence


def refuse_in_a_sentence(page: gr.Blocks) -> None:
    """Answers values that gradio refuses in a sentence; by itself it answers ``null`` and logs a traceback."""
    take = page.preprocess_data

    @functools.wraps(take)
    async def take_or_refuse(*args: Any, **kwargs: Any) -> list:
        try:
            return await take(*args, **kwargs)
        except gr.Error:
            raise
        except Exception as e:
            foreseen = isinstance(e, ValueError)  # pydantic's and gradio's refusals are; anything else is logged
            raise gr.Error(BAD_VALUE, print_exception=not foreseen) from e

    page.preprocess_data = take_or_refuse


def wrong_argument(request: Request, e: Exception) -> JSONResponse:
    """An answer of status 400 to a call of an unknown endpoint or with a wrong argument; gradio would crash.

    Raises:
        Exception: ``e`` itself, if it has another cause.
    """
    name = request.url.path.partition("/call/")[2]
    sentence, _, _ = str(e).strip("'").partition(". ")
    if isinstance(e, KeyError) and name and sentence.strip("/") == name.removeprefix("v2/").strip("/"):
        sentence = f"There is no endpoint {sentence}"
    elif not name or not sentence.startswith(("Parameter `", "No value provided")):
        raise e
    return JSONResponse({"error": f"{sentence}. The page's footer, Use via API, lists what there is."}, 400)


def no_room(request: Request, e: OSError) -> JSONResponse:
    """An answer of status 507 where the disk is full; Gradio receives an upload before anything of ours is called.

    tests/app/test_start.py: test_a_full_disk_gets_a_sentence

    Raises:
        OSError: ``e`` itself, if it has another cause.
    """
    if e.errno not in temporary.FULL:
        raise e
    return JSONResponse({"detail": temporary.NO_ROOM}, 507)


# -- Uploads are read by our own reader alone -------------------------------------------------------------------------
# Gradio's preprocess opens a picture first, and its errors are not written for visitors. It also fetches web addresses.
# tests/app/test_api.py: test_no_web_address_is_fetched, test_what_a_visitor_sees_takes_no_picture_inside,
# test_a_picture_inside_is_as_limited_as_an_upload and test_only_what_is_documented_is_public


def take_unopened(self: gr.Image, data: Any) -> str | bytes | None:
    """The path of an upload, or the content of a ``data:`` URL that a program sent to an endpoint.

    The endpoints' inputs are invisible. An input that a visitor sees takes uploads alone, as the page uses their names
    and times. Gradio checks that a path was uploaded only if the value says that it is a file; a program may omit that.

    Raises:
        gr.Error: the content is larger than an upload may be.
        ValueError: the path is not of an upload.
    """
    if data is None:
        return None
    if data.url and data.url.startswith("data:") and not self.visible:
        if len(data.url) > LARGEST * 4 // 3 + 100:  # base64
            too_large = f"This picture has more than {LARGEST // 10**6} MB: please use a smaller one."
            raise gr.Error(too_large, print_exception=False)
        try:
            return base64.b64decode(data.url.partition(",")[2])
        except ValueError:
            return b""
    if not data.path or not is_in_or_equal(data.path, get_upload_folder()):
        raise ValueError("not an upload")
    return data.path


async def uploads_only(self: gr.Image, where: str) -> str | None:
    """Gradio would fetch a web address whole, of any size, into memory.

    Raises:
        ValueError: it is a web address.
    """
    if where.lower().startswith(("http://", "https://")):
        raise ValueError("not an upload")
    return await gr.Image.async_move_resource_to_block_cache(self, where)


def example(self: gr.Image) -> dict:
    """The picture in the page's examples of calls; gradio's own is a web address, which would be refused."""
    return {"path": "cat.png", "meta": {"_type": "gradio.FileData"}}


def alter(component: type, name: str, **methods: Callable) -> type:
    """A component with other methods.

    A class statement would run gradio's metaclass. It writes a .pyi beside this file, which nobody needs and a server
    may not be allowed to do.
    """
    return ABCMeta.__new__(
        type(component), name, (component,), {"__module__": __name__, "is_template": True, **methods}
    )


Upload = alter(
    gr.Image,
    "Upload",
    preprocess=take_unopened,
    async_move_resource_to_block_cache=uploads_only,
    example_payload=example,
)


# -- Each upload has a folder of its own ------------------------------------------------------------------------------
# Gradio names it by the file's content. A visitor who once sent a picture could learn later that it was sent again.
# tests/app/test_api.py: test_a_path_does_not_tell_that_a_picture_was_sent_again


def begin_upload(self: route_utils.GradioUploadFile, *file, **facts) -> None:
    begin_upload_as_gradio(self, *file, **facts)
    self.sha.update(secrets.token_bytes(32))


begin_upload_as_gradio = route_utils.GradioUploadFile.__init__
route_utils.GradioUploadFile.__init__ = begin_upload


# -- A picture may come without a file, and a file of ours is shown where it lies -------------------------------------
# Gradio writes each picture that it shows to disk; a live camera gives dozens a second. And it checks a file's path
# four times, though ``temporary`` put it there.
# tests/browser/test_live.py: test_the_answer_follows_the_camera_until_it_is_stopped, and
# tests/app/server/test_gradio_patches.py: test_a_file_of_ours_is_shown_where_it_lies


def take_content(self: gr.Image, value: str | None) -> ImageData | Base64ImageData | None:
    """A picture's path, or its content as a ``data:`` URL, as the page takes it."""
    if value is not None and value.startswith("data:"):
        return ImageData(url=value)
    return gr.Image.postprocess(self, value)


async def stay(self: gr.Image, file: str) -> str:
    """The path of a file that ``temporary`` saved."""
    return file


def check_others(path: str, is_upload: bool) -> None:
    """Gradio's check of each value's path; a file of ``temporary`` that is shown needs no check."""
    if is_upload or ".." in str(path) or not str(path).startswith(f"{get_upload_folder()}/"):
        check_path(path, is_upload)


check_path, processing_utils._check_allowed = processing_utils._check_allowed, check_others
Overlay = alter(gr.Image, "Overlay", postprocess=take_content, async_move_resource_to_block_cache=stay)


# -- Values that Gradio would refuse before us ------------------------------------------------------------------------
# Gradio refuses what is not among the choices that the server offered last; a visitor may have chosen before those
# came. The code that takes the value decides what replaces a missing choice.
# tests/browser/test_checkpoints.py: test_a_choice_made_before_the_new_choices_came_is_no_error

Switch = alter(gr.Radio, "Switch", preprocess=lambda self, value: value)


def as_text(*components: gr.components.Component) -> None:
    """Lets an endpoint take any value, as text, so that the refusal is ours.

    tests/app/test_api.py: test_bad_arguments_are_refused_in_a_sentence_without_paths
    """
    for component in components:
        component.preprocess = MethodType(lambda self, value: "" if value is None else str(value), component)


def as_it_came(*components: gr.components.Component) -> None:
    """Lets an endpoint take any value as it is, so that the refusal is ours.

    tests/app/test_sampling.py: test_api_refuses_in_a_sentence; tests/app/test_api.py: the test named above
    """
    for component in components:
        component.preprocess = MethodType(lambda self, value: value, component)


def slider(low: int, high: int, start: int, **settings) -> gr.Slider:
    """Gradio's slider, with a number box that may be typed into.

    A number is rounded and brought into range; an empty box is ``start``.

    tests/app/server/test_gradio_patches.py: test_what_is_typed_is_brought_into_range
    """
    control = gr.Slider(low, high, start, **settings)
    # Gradio's own raises, and a visitor who types 40 passes 4 on the way
    control.preprocess = MethodType(
        lambda self, value: start if value is None else round(min(max(value, low), high)), control
    )
    return control
