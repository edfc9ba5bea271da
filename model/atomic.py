"""Writes files whole or not at all: no reader sees half a file, and no killed program leaves one."""

from __future__ import annotations

import errno
import os
import tempfile
from contextlib import suppress
from pathlib import Path

# errors of a mount that cannot flush
UNKNOWN = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM, errno.EROFS}


def write_atomically(file: Path, content: bytes) -> None:
    """Writes ``content`` beside ``file``, flushes it, then renames: a reader sees the old file or the new one.

    It also works on mounts without modes or flushing, such as buckets and memory cards.
    """
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with open(descriptor, "wb") as f:
            f.write(content)
            f.flush()
            try:
                os.fsync(f.fileno())
            except OSError as e:
                if e.errno not in UNKNOWN:  # a full or broken disk
                    raise
        with suppress(OSError):
            os.chmod(name, 0o644)
        os.replace(name, file)  # after closing: Windows renames no open file
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def sweep(folder: Path, names: tuple[str, ...]) -> None:
    """Removes what a killed ``write_atomically`` left of these files; no program may be writing them."""
    for file in folder.glob(".*"):
        name, _, letters = file.name[1:].rpartition(".")
        if name in names and len(letters) == 8:
            file.unlink(missing_ok=True)
