"""Which environment variables count. Imported before gradio, which reads them at import and at launch."""

from __future__ import annotations

import os

# Gradio's other settings would open routes, start further servers or share the page; host and port are passed on.
USABLE = {"GRADIO_ROOT_PATH", "GRADIO_TEMP_DIR"}


def settle() -> None:
    """Removes proxies, as the page asks no other host for anything, and all of Gradio's settings but ``USABLE``.

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
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
