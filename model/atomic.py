"""Files that are whole or not there: a reader, or a killed program, never leaves half of one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_atomically(file: Path, content: bytes) -> None:
    """Writes ``content`` beside ``file``, flushes it, then renames: a reader sees the old file or the new one."""
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as f:
        try:
            f.write(content)
            f.flush()
            os.fsync(f.fileno())
            os.chmod(f.name, 0o644)
            os.replace(f.name, file)
        except BaseException:
            os.unlink(f.name)
            raise


def sweep(folder: Path, names: tuple[str, ...]) -> None:
    """Removes what a killed ``write_atomically`` left of files of these names; nobody may be writing them."""
    for file in folder.glob(".*"):
        name, _, drawn = file.name[1:].rpartition(".")
        if name in names and len(drawn) == 8:
            file.unlink(missing_ok=True)
