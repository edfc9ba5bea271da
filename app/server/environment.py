"""Which environment variables count. Imported before gradio, which reads them at import and at launch."""

from __future__ import annotations

import os

# Gradio's other settings would open routes, start further servers or share the page; host and port are passed on.
USABLE = {"GRADIO_ROOT_PATH", "GRADIO_TEMP_DIR"}

# After each call, Gradio makes a table of its last 10,000 calls, for a page of statistics that is closed here. For an
# endpoint that does nothing, this takes two fifths of the time of a call.
# tests/app/server/test_gate.py: test_nothing_of_a_call_stays
NO_STATISTICS = {"GRADIO_ANALYTICS_MAX_EVENTS": "1", "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(10**9)}


def settle() -> None:
    """Removes proxies, as the page asks no other host for anything, and all of Gradio's settings but ``USABLE``.

    Gradio then sends no statistics of its use, and makes none of its calls.

    Gradio makes an HTTP client from the proxies when it is imported, and calls itself through them at launch. Both fail
    if the client does not know the kind of a setting, such as socks:// or NO_PROXY=[::1]. A root path without its first
    slash gets one.
    """
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or (name.startswith("GRADIO_") and name not in USABLE):
            del os.environ[name]
    root = os.environ.get("GRADIO_ROOT_PATH", "").strip()
    if root and not root.startswith(("/", "http://", "https://")):
        os.environ["GRADIO_ROOT_PATH"] = f"/{root}"  # without it gradio answers nothing
    os.environ.update(NO_STATISTICS, GRADIO_ANALYTICS_ENABLED="False")
