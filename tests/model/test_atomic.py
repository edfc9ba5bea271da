"""A mount that refuses modes or flushing is still written to; a real fault of the disk leaves the file as it was."""

import errno
import os
from pathlib import Path

import pytest

from model.atomic import write_atomically


def refuse(number):
    def call(*_, **__):
        raise OSError(number, os.strerror(number))

    return call


@pytest.mark.parametrize(
    ("call", "number"),
    [("chmod", errno.EPERM), ("chmod", errno.ENOTSUP), ("fsync", errno.EINVAL), ("fsync", errno.ENOSYS)],
)
def test_a_mount_without_modes_or_flushing(call, number, tmp_path, monkeypatch):
    monkeypatch.setattr(os, call, refuse(number))
    write_atomically(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(("call", "number"), [("fsync", errno.EIO), ("fsync", errno.ENOSPC), ("replace", errno.EACCES)])
def test_a_fault_of_the_disk(call, number, tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"old")
    monkeypatch.setattr(os, call, refuse(number))
    with pytest.raises(OSError):
        write_atomically(tmp_path / "a", b"new")
    monkeypatch.undo()
    assert (tmp_path / "a").read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="shows what is open on Linux")
def test_the_file_is_closed_before_it_is_renamed(tmp_path, monkeypatch):
    def rename(source, target):  # as Windows does
        assert source not in [os.path.realpath(fd) for fd in Path("/proc/self/fd").iterdir()]
        os.rename(source, target)

    monkeypatch.setattr(os, "replace", rename)
    write_atomically(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new" and (tmp_path / "a").stat().st_mode & 0o777 == 0o644
