"""Serves the page: ``python -m app``, or ``python app/__main__.py`` (the app_file of a Hugging Face Space)."""

from __future__ import annotations

import signal
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

if not __package__:  # run as a file: Python put app/ on the path, where its modules would be found under wrong names
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

BUNDLED = Path(__file__).resolve().parent.parent / "assets" / "checkpoints"
DATA = BUNDLED.parent.parent / "data"


def serve(
    host: Annotated[str, typer.Option(envvar="GRADIO_SERVER_NAME", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="GRADIO_SERVER_PORT", min=1, max=65535, help="Port to listen on.")] = 7860,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 ...; by default cuda where there is one.")] = "",
    checkpoints: Annotated[Path, typer.Option(help="Folder whose subfolders are checkpoints.")] = BUNDLED,
    data: Annotated[Path, typer.Option(help="Folder that holds cifar-10-batches-py, for the test images.")] = DATA,
    debug: Annotated[
        bool, typer.Option("--debug", help="Log stack traces, with this machine's paths in them.")
    ] = False,
) -> None:
    """Serve the page: a network trained to attend, live."""
    refuse_taken_port(host, port)
    if data != DATA and not data.is_dir():
        refuse(f"{data} is no folder: leave --data out, or name the one that holds cifar-10-batches-py.")
    from app.server import gpu  # isort: skip - before torch
    import torch

    from app.networks import Networks
    from model import CheckpointError

    try:
        device = str(torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu")))
        torch.ones(1, device=device).item()
    except (RuntimeError, AssertionError, ImportError):
        refuse(f"There is no device {device} here: leave --device out, or say cpu.")
    try:
        networks = Networks.load(checkpoints, device)
        if device.startswith("cuda") and not gpu.LENT:
            networks.warm_up()
    except CheckpointError as e:
        refuse(f"{str(e).rstrip('.')}.")
    except OSError as e:
        refuse(f"{checkpoints} cannot be read: {e.strerror or 'unknown reason'}.")
    except torch.OutOfMemoryError:
        refuse(f"The memory of {device} does not hold the checkpoints: let others leave it, or say --device cpu.")

    from app.server import temporary

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as an interrupt does: nothing is left behind
    try:
        temporary.begin()  # before gradio is imported, which asks once where its files go
    except OSError as e:
        refuse(f"Visitors' files cannot be kept ({e.strerror or e}): let GRADIO_TEMP_DIR name a folder to write in.")
    from app import ui
    from app.site import Site

    page = ui.build(Site(networks, data=data))
    if not debug:
        sys.tracebacklimit = 0  # gradio prints a trace for every refused request: a log is to say what, not where
    shown = "localhost" if host in ("0.0.0.0", "127.0.0.1", "::") else host
    typer.echo(f"Learn To Pay Attention, on {device}: http://{shown}:{port}")
    try:
        ui.launch(page, host, port)
    except OSError:
        refuse(f"Port {port} of {host} cannot be listened on: choose another with --port.")


def refuse_taken_port(host: str, port: int) -> None:
    """Before anything slow is loaded."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(address)
    except (OSError, UnicodeError) as e:
        why = getattr(e, "strerror", None) or "that is no name of a host"
        refuse(f"Port {port} of {host} cannot be listened on ({why}): choose another with --port.")


def refuse(sentence: str) -> None:
    """Ends the command with one sentence for the person who gave it.

    Raises:
        typer.Exit: always, with code 2.
    """
    typer.echo(sentence, err=True)
    raise typer.Exit(2)


def main() -> None:
    typer.run(serve)


if __name__ == "__main__":
    main()
