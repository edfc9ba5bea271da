"""Whether the page answers, for a container's health check: ``python -m app.server.health``, exit code 0 if it does.

It asks where GRADIO_SERVER_NAME and GRADIO_SERVER_PORT say that the page listens.
"""

from __future__ import annotations

import os
import sys
import urllib.request

from app.server.address import read_port, url


def main() -> None:
    name, port = os.environ.get("GRADIO_SERVER_NAME"), os.environ.get("GRADIO_SERVER_PORT")
    try:
        address = f"{url(name or '127.0.0.1', read_port(port or '7860'))}/config"
    except ValueError as e:
        sys.exit(f"{e}.")
    directly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with directly.open(address, timeout=4):
            pass
    except OSError as e:
        sys.exit(f"{address} does not answer: {getattr(e, 'reason', e)}.")


if __name__ == "__main__":
    main()
