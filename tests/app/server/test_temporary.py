"""Visitors' files: swept by age, whole when they appear, and gone when the server ends, however it ends."""

import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from gradio_client import Client, handle_file

from app.server import temporary
from tests.app.serving import FAMILY, Server
from tests.conftest import REPO

OLD = time.time() - temporary.AGE - 60


def file(path: Path, old: bool) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"a picture")
    if old:
        os.utime(path, (OLD, OLD))
    return path


def test_a_system_without_user_ids_is_swept_too(tmp_path, monkeypatch):
    old = file(tmp_path / f"{temporary.PREFIX}own" / "a" / "old.png", True)
    monkeypatch.delattr(os, "getuid")  # as on Windows
    temporary.sweep(tmp_path)
    assert not old.exists()


def test_a_sweep_takes_what_is_old_from_our_folders_alone(tmp_path):
    own = tmp_path / f"{temporary.PREFIX}own"
    new, old = file(own / "a" / "new.png", False), file(own / "b" / "old.png", True)
    left = file(tmp_path / f"{temporary.PREFIX}dead" / "c" / "old.png", True)  # by a server that was killed
    others = file(tmp_path / "gradio" / "old.png", True), file(tmp_path / "old.png", True)
    outside = file(tmp_path / "outside" / "old.png", True)
    (tmp_path / f"{temporary.PREFIX}link").symlink_to(outside.parent)
    (own / "link").symlink_to(outside.parent)
    temporary.sweep(tmp_path)
    assert new.exists() and not old.exists() and not left.exists()
    assert outside.exists() and all(f.exists() for f in others)
    for folder in (own / "a", own / "b", own, left.parent, left.parent.parent):
        os.utime(folder, (OLD, OLD))  # empty for an hour
    temporary.sweep(tmp_path)
    assert new.exists() and not old.parent.exists() and not left.parent.parent.exists()


def test_when_the_folder_is_full_the_oldest_files_are_deleted(tmp_path, monkeypatch):
    monkeypatch.setattr(temporary, "LARGEST", 20)  # two files of nine bytes
    own = tmp_path / f"{temporary.PREFIX}own"
    files = [file(own / name / "a.png", False) for name in "abcd"]
    for age, path in zip((30, 40, 10, 20), files, strict=True):
        os.utime(path, (time.time() - age, time.time() - age))
    temporary.sweep(tmp_path)
    assert [path.exists() for path in files] == [False, False, True, True]
    temporary.sweep(tmp_path)
    assert [path.exists() for path in files] == [False, False, True, True]


def test_a_server_that_nobody_asked_for_long_keeps_its_folder(tmp_path, monkeypatch):
    own = tmp_path / f"{temporary.PREFIX}own"
    own.mkdir()
    os.utime(own, (OLD, OLD))

    def once(seconds):
        raise InterruptedError

    monkeypatch.setattr(temporary.time, "sleep", once)
    with pytest.raises(InterruptedError):
        temporary.sweep_on(tmp_path, own)
    assert own.exists()


def test_a_saved_file_is_shared_while_it_is_there_and_as_good_as_new_when_asked_for_again(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    path = Path(temporary.save(b"pixels", "cat.png"))
    assert path.name == "cat.png" and path.read_bytes() == b"pixels" and path.is_relative_to(tmp_path)
    os.utime(path, (OLD, OLD))
    inode = path.stat().st_ino
    assert temporary.save(b"pixels", "cat.png") == str(path)
    assert path.stat().st_mtime > OLD + 60 and path.stat().st_ino == inode
    assert temporary.save(b"others", "cat.png") != str(path)
    path.unlink()
    assert temporary.save(b"pixels", "cat.png") != str(path)  # nothing new is ever where something was
    assert not path.exists()


def test_a_file_that_many_save_at_once_is_always_whole(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    content, torn = os.urandom(1_000_000), []

    def visitor():
        for _ in range(20):
            path = Path(temporary.save(content, "cat.png"))
            torn.extend([1] if path.read_bytes() != content else [])

    threads = [threading.Thread(target=visitor) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not torn and [f.name for f in tmp_path.rglob("*") if f.is_file()] == ["cat.png"]


@pytest.mark.parametrize("name", ["explain", "attack"])
def test_an_endpoints_file_is_not_written_again_while_others_may_be_reading_it(server, picture_file, name):
    client = Client(server.url, verbose=False, download_files=False)

    def ask() -> Path:
        _, picture, *_ = client.predict(image=handle_file(picture_file), api_name=f"/{name}")
        return Path(picture["path"])

    path = ask()
    path.write_bytes(b"marked")
    try:
        assert ask() == path and path.read_bytes() == b"marked"
    finally:
        path.unlink()


@pytest.mark.parametrize("end", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_nothing_is_left_when_the_server_ends(checkpoints, picture_file, tmp_path, end):
    server = Server([sys.executable, "-m", "app", "--checkpoints", str(checkpoints)], tmp_path, cwd=REPO)
    try:
        client = Client(server.url, verbose=False, download_files=False)
        client.predict(handle_file(picture_file), FAMILY, "dp", api_name="/explain")
        (own,) = (tmp_path / "gradio").iterdir()
        assert own.name.startswith(temporary.PREFIX) and any(f.is_file() for f in own.rglob("*"))
        assert own.stat().st_mode & 0o077 == 0  # nobody else may read
        server.process.send_signal(getattr(signal, end))
        assert server.process.wait(60) == 0
    finally:
        server.stop()
    assert not list((tmp_path / "gradio").iterdir())


def test_uploads_to_another_disk_than_the_systems_are_found(checkpoints, picture, tmp_path):
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second disk")
    large = tmp_path / "large.bmp"
    picture.resize((2890, 2890)).save(large)  # 25 MB
    with tempfile.TemporaryDirectory(dir=other) as folder:
        command = [sys.executable, "-m", "app", "--checkpoints", str(checkpoints), "--device", "cpu"]
        server = Server(command, tmp_path, cwd=REPO, GRADIO_TEMP_DIR=folder, TMPDIR=str(tmp_path))
        try:
            client = Client(server.url, verbose=False, download_files=False)
            for _ in range(5):
                answer, *_ = client.predict(image=handle_file(large), pictures=False, api_name="/explain")
                assert 0 < answer["probability"] <= 1
        finally:
            server.stop()
