"""A run's folder on a mount that cannot do everything."""

import errno
import fcntl
import os

import pytest

from training.recipes import Recipe
from training.run_folder import RunError, RunFolder
from training.settings import Settings

SETTINGS = Settings("vgg", "cifar10", Recipe("fast", ((32, 1),)))


@pytest.mark.parametrize("number", [errno.ENOTSUP, errno.ENOLCK])
def test_a_mount_that_cannot_lock_files(number, tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with RunFolder(tmp_path / "run").open(SETTINGS, resume=False):
        assert (tmp_path / "run" / "settings.json").is_file()
    assert "cannot lock files" in capsys.readouterr().err


def test_a_folder_that_cannot_be_is_no_run(tmp_path):
    assert not RunFolder("x" * 300).has_state
    (tmp_path / "settings.json").mkdir()
    with pytest.raises(RunError, match="settings.json is missing or damaged"):
        RunFolder(tmp_path).read_settings()


def test_a_folder_in_use_is_refused(tmp_path):
    folder, again = RunFolder(tmp_path), RunFolder(tmp_path)
    with (
        folder.open(SETTINGS, resume=False),
        pytest.raises(RunError, match="is in use"),
        again.open(SETTINGS, resume=True),
    ):
        pass
