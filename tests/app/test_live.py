"""A camera's frame as it is sent: it is read, or refused in a sentence."""

import base64

import pytest

from app.images import PictureError
from app.live import LARGEST, SIDE, answer_frame, read_frame
from model import render


def payload(content: bytes, at=17) -> dict:
    return {"picture": f"data:image/jpeg;base64,{base64.b64encode(content).decode()}", "at": at}


def test_a_frame_is_the_centred_square(picture):
    frame = read_frame(payload(render.jpeg(picture)))
    assert frame.picture.size == (SIDE, SIDE) and frame.picture.mode == "RGB" and frame.at == 17


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"picture": 3, "at": 1},
        {"picture": "/etc/passwd"},
        {"picture": "http://127.0.0.1/a.png"},
        payload(b"\x89PNG\r\n\x1a\n" + bytes(99)),
        payload(bytes(LARGEST)),
    ],
)
def test_what_is_no_frame_is_refused_in_a_sentence(value):
    frame, answer, message = answer_frame(value, lambda frame: pytest.fail("was asked"))
    assert (frame, answer) == (None, None) and "<p" in message and "/etc" not in message


def test_a_refusal_of_the_network_is_shown_and_the_camera_goes_on(picture):
    def refuse(frame):
        raise PictureError("Not this one.")

    frame, answer, message = answer_frame(payload(render.jpeg(picture)), refuse)
    assert frame.at == 17 and answer is None and "Not this one." in message


def test_a_time_that_is_no_number_is_none(picture):
    assert read_frame(payload(render.jpeg(picture), at="<b>")).at == 0
