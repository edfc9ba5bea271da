"""Serves the page: ``python -m app``, or ``python app/__main__.py`` (the app_file of a Hugging Face Space)."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.networks import Networks

if not __package__:  # run as a file: Python put app/ on the path, where its modules would be found under wrong names
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

BUNDLED = Path(__file__).resolve().parent.parent / "assets" / "checkpoints"
DATA = BUNDLED.parent.parent / "data"


def serve(
    host: Annotated[
        str, typer.Option(envvar="GRADIO_SERVER_NAME", help="Address to listen on; :: is every IPv6 address.")
    ] = "127.0.0.1",
    port: Annotated[
        str, typer.Option(envvar="GRADIO_SERVER_PORT", metavar="NUMBER", help="Port to listen on.")
    ] = "7860",
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 ...; by default cuda where there is one.")] = "",
    checkpoints: Annotated[
        Path, typer.Option(readable=False, help="Folder whose subfolders are checkpoints.")
    ] = BUNDLED,
    data: Annotated[
        Path,
        typer.Option(
            readable=False, help="Folder that holds cifar-10-batches-py or cifar-100-python, for the test images."
        ),
    ] = DATA,
    debug: Annotated[
        bool, typer.Option("--debug", help="Log stack traces, with this machine's paths in them.")
    ] = False,
) -> None:
    """Serve the page: a network trained to attend, live."""
    from app.server import address, gpu  # before torch, which the spaces package asks for

    checkpoints, data = checkpoints.expanduser(), data.expanduser()  # a shell leaves --data=~/data alone
    try:
        number = address.read_port(port)
    except ValueError as e:
        refuse(f"{e}: choose another with --port or GRADIO_SERVER_PORT.")
    if fault := address.bind_fault(host, number):  # before anything slow is loaded
        refuse(f"Cannot listen on port {number} of {host} ({fault}): choose another with --port.")
    if data != DATA and (not os.path.isdir(data) or is_closed(data)):
        refuse(f"{data} is not a folder that can be read: leave out --data, or name the one with cifar-10-batches-py.")
    if is_closed(checkpoints):
        refuse(f"This program (user id {os.getuid()}) may not read {checkpoints}.")
    from model.machine import limit_threads

    limit_threads()
    device, networks = load_networks(checkpoints, device, warm=not gpu.IS_LENT)

    from app.server import memory, temporary

    memory.begin()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as an interrupt does: nothing is left behind
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # not under nohup
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        temporary.begin()  # before gradio is imported, which asks once where its files go
    except OSError as e:
        refuse(f"Visitors' files cannot be kept ({e.strerror or e}): set GRADIO_TEMP_DIR to a writable folder.")
    from app import ui
    from app.site import Site

    page = ui.build(Site(networks, data=data))
    if not debug:
        sys.tracebacklimit = 0  # gradio prints a trace for every refused request: a log should say what, not where
    page_url = address.url(host, number).replace("//127.0.0.1:", "//localhost:")
    typer.echo(f"Learn To Pay Attention, on {device}: {page_url}")
    try:
        ui.launch(page, host, number)
    except OSError:
        refuse(f"Cannot listen on port {number} of {host}: choose another with --port.")


def is_closed(folder: Path) -> bool:
    """Whether a folder exists that this program may not read."""
    return os.path.isdir(folder) and not os.access(folder, os.R_OK | os.X_OK)


def load_networks(checkpoints: Path, choice: str, warm: bool) -> tuple[str, Networks]:
    """The device that computes, and the networks on it.

    By default the device is cuda where there is one. If it fails and nobody asked for it, the CPU takes its place, and
    a line says why.

    Args:
        checkpoints: a folder whose subfolders are checkpoints.
        choice: the device, as torch names it; "" leaves the choice to this function.
        warm: on a GPU, answer once with every network before visitors come.

    Raises:
        typer.Exit: that device or the checkpoints cannot be used.
    """
    import torch

    from app.networks import Networks
    from model import CheckpointError
    from model.machine import device_fault, find_gpu, first_line

    found, reason = (False, "") if choice else find_gpu()
    if reason:
        typer.echo(f"Using the CPU: the GPU cannot be used ({reason}).", err=True)
    device = choice or ("cuda" if found else "cpu")
    fault = device_fault(device)
    try:
        if not fault:
            device = str(torch.device(device))
            networks = Networks.load(checkpoints, device)
            if warm and not device.startswith("cpu"):
                networks.warm_up()
            return device, networks
    except CheckpointError as e:
        refuse(f"{str(e).rstrip('.')}.")
    except OSError as e:
        refuse(f"{checkpoints} cannot be read: {e.strerror or 'unknown reason'}.")
    except torch.OutOfMemoryError:
        fault = "its memory does not hold the checkpoints"
    except RuntimeError as e:
        fault = first_line(e)
    if choice or device == "cpu":
        refuse(f"The device {device} cannot be used here ({fault}): leave --device out, or say --device cpu.")
    typer.echo(f"Using the CPU: {device} cannot be used ({fault}).", err=True)
    return load_networks(checkpoints, "cpu", warm)


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
