"""Reads files through torchvision, which fetches them if they are missing or damaged and there is a network."""

from __future__ import annotations

import socket
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import TypeVar

from training.data.splits import DataError

PATIENCE = 60  # seconds without a byte, after which a fetch is given up
T = TypeVar("T")


def read_or_fetch(read: Callable[[bool], T], title: str, present: bool, what: str, where: Path) -> T:
    """Calls ``read(False)`` if the files are present. If they are missing or damaged, ``read(True)`` fetches them.

    Raises:
        DataError: the files are damaged or missing, and cannot be fetched; it says what to put where.
        PermissionError: this program may not read them.
    """
    before = socket.getdefaulttimeout()
    try:
        if present:
            try:
                return read(False)
            except RuntimeError:  # how torchvision reports a wrong check sum
                pass
        socket.setdefaulttimeout(PATIENCE)
        return read(True)
    except PermissionError:
        raise
    except (OSError, RuntimeError, HTTPException) as e:
        state = "damaged or incomplete" if present else "missing"
        raise DataError(f"{title} is {state}, and could not be fetched: put {what} into {where}") from e
    finally:
        socket.setdefaulttimeout(before)
