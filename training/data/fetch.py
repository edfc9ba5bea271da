"""Files that torchvision looks for, and fetches where they are missing and there is a network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

from training.data.splits import DataError


@contextmanager
def explain_failure(title: str, present: bool, what: str, where: Path) -> Iterator[None]:
    """Turns torchvision's failures into one DataError that says what to put where."""
    try:
        yield
    except (OSError, RuntimeError, HTTPException) as e:
        state = "damaged or incomplete" if present else "missing, and could not be fetched"
        raise DataError(f"{title} is {state}: put {what} into {where}") from e
