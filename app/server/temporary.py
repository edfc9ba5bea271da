"""Visitors' files: kept in this server's own folder for an hour, and deleted when the server ends.

Gradio's ``delete_cache`` knows only the files that pass through a component's output, and does nothing after a
crash.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Generator
from pathlib import Path

PREFIX = "learn-to-pay-attention-"
AGE = 3600  # seconds a file stays; they start anew when it is asked for again
PAUSE = 60  # seconds between two sweeps
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NO_ROOM = "This server has no room for another file at the moment: please try again later."
LARGEST = 2_000_000_000  # bytes of all files together; above it, the oldest are deleted early
KNOWN = 10_000  # files that are looked for again
saved: dict[tuple[bytes, str], Path] = {}  # by content and name
saving = threading.Lock()


def begin() -> Path:
    """Makes this server's folder, tells gradio of it, and sweeps it and what earlier servers left behind.

    Call it before gradio is imported. The folder is removed when the interpreter ends.
    """
    around = Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir()).expanduser()
    around.mkdir(parents=True, exist_ok=True)
    own = Path(tempfile.mkdtemp(prefix=PREFIX, dir=around)).resolve()  # which only its owner may read
    os.environ["GRADIO_TEMP_DIR"] = str(own)
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    threading.Thread(target=sweep_on, args=[around, own], daemon=True).start()
    return own


def sweep_on(around: Path, own: Path) -> None:
    while True:
        with contextlib.suppress(OSError):
            os.utime(own)  # so that no server's sweep takes it for one left behind
        sweep(around)
        time.sleep(PAUSE)


def sweep(around: Path) -> None:
    """Removes files and folders older than ``AGE`` from the folders in ``around`` that servers of this user made.

    If a folder's files have more than ``LARGEST`` bytes together, the oldest go too.
    """
    oldest = time.time() - AGE
    for folder in around.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # another server's may vanish meanwhile
            status = folder.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != own_id(status):
                continue
            for path in sorted(folder.rglob("*"), reverse=True):  # a folder's files before the folder
                with contextlib.suppress(OSError):
                    if path.lstat().st_mtime < oldest:
                        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
            if status.st_mtime < oldest:
                folder.rmdir()  # where it is empty
            shrink(folder)


def own_id(status: os.stat_result) -> int:
    """This user's id; on Windows, which has none, that of every file."""
    return os.getuid() if hasattr(os, "getuid") else status.st_uid


def shrink(folder: Path) -> None:
    """Removes the oldest files of a folder until the others have at most ``LARGEST`` bytes together."""
    files = []
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            status = path.lstat()
            if not stat.S_ISDIR(status.st_mode):
                files.append((status.st_mtime, status.st_size, path))
    excess = sum(size for _, size, _ in files) - LARGEST
    for _, size, path in sorted(files):
        if excess <= 0:
            return
        with contextlib.suppress(OSError):
            path.unlink()
            excess -= size


@contextlib.contextmanager
def room() -> Generator[None]:
    """Surrounds the writing of files: if the disk is full, a sentence tells the visitor.

    Raises:
        gr.Error: there is no room.
    """
    try:
        yield
    except OSError as e:
        if e.errno not in FULL:
            raise
        from gradio import Error

        raise Error(NO_ROOM, print_exception=False) from None


def touch(file: str | Path) -> bool:
    """Starts a file's hour anew; False if the file is gone."""
    try:
        os.utime(file)
    except OSError:
        return False
    return True


def save(content: bytes, name: str) -> str:
    """The path of a file of this name and content, which gradio sends as it is.

    Calls with the same name and content share one file as long as it is there, and each starts its hour anew. Its
    folder's name is random: an old path never leads to a new file, which would tell that somebody sent this picture.

    Raises:
        gr.Error: there is no room for it.
    """
    from gradio.utils import get_upload_folder

    key = hashlib.sha256(content).digest(), name
    with room(), saving:
        file = saved.get(key)
        if file is None or not touch(file):
            if len(saved) >= KNOWN:
                saved.clear()
            file = Path(get_upload_folder()) / secrets.token_hex(32) / name
            file.parent.mkdir(parents=True)
            file.write_bytes(content)
            saved[key] = file
    return str(file)
