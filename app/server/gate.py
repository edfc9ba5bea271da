"""Stands before gradio: refuses requests that are too large, and closes gradio's routes that the page does not use."""

from __future__ import annotations

from fastapi import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CLOSED_ROUTES = (  # the beginnings of addresses after /gradio_api/
    "process_recording",  # keeps what is sent, for ever
    "deep_link",  # writes a visitor's values to disk
    "file=http",  # fetches what lies at a web address, of any size
    "file/",  # the same by its old name
    "proxy=",
    "vibe-",
)


class Gate:
    """An ASGI application in front of another.

    Args:
        app: the other.
        most: bytes of a request's body; a longer one is answered by 413, in a sentence.
    """

    def __init__(self, app: ASGIApp, most: int):
        self.app, self.most = app, most
        self.too_large = f"A request may have at most {most // 10**6} MB: please send a smaller picture."

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if scope["path"].lower().partition("/gradio_api/")[2].startswith(CLOSED_ROUTES):
            return await refusal(404, "There is nothing here.")(scope, receive, send)
        length = dict(scope["headers"]).get(b"content-length", b"")
        if length.isdigit() and int(length) > self.most:
            return await refusal(413, self.too_large)(scope, receive, send)
        size = 0

        async def count_and_receive() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self.most:  # no header had declared it
                raise HTTPException(413, self.too_large)
            return message

        await self.app(scope, count_and_receive, send)


def refusal(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"detail": sentence}, status, {"Connection": "close"})
