"""A run's folder: settings, metrics, curves, confusion matrix, TensorBoard events, state.pt, and the checkpoint itself.

The folder is a checkpoint folder (config.json, model.safetensors, README.md). Every write is atomic and state.pt comes
last, so a stopped run can always be loaded, and can go on.
"""

from __future__ import annotations

import dataclasses
import errno
import io
import json
import os
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from model import CheckpointError, Network
from model.atomic import sweep, write_atomically
from model.format import CARD, CONFIG, WEIGHTS, read_config
from training import plots
from training.settings import Settings

STATE, SETTINGS, METRICS, CURVES = "state.pt", "settings.json", "metrics.jsonl", "curves.png"
EVENTS, CONFUSION, LOCK = "events.out.tfevents.run", "confusion.png", ".lock"
BEST = "best"
NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL}
FILES = (STATE, SETTINGS, METRICS, CURVES, EVENTS, CONFUSION, CONFIG, WEIGHTS, CARD)


class RunError(ValueError):
    """A run that cannot start or go on; the message is one sentence."""


class RunFolder:
    """Reads and writes one run's folder."""

    def __init__(self, path: str | Path):
        self.path = Path(path).expanduser()

    @property
    def has_state(self) -> bool:
        """Whether there is a saved state to go on from."""
        return os.path.exists(self.path / STATE)  # False, too, where no file can be

    @contextmanager
    def open(self, settings: Settings, resume: bool) -> Generator[None]:
        """Locks the folder for one run, new or resumed; meanwhile every other run is refused.

        A run that stopped before it saved a state cannot go on, so it does not count as a run.

        Args:
            settings: the run's.
            resume: go on with the run in the folder, if there is one.

        Raises:
            RunError: the folder cannot be written, is in use, holds another run or a checkpoint that no run made, or
                (without ``resume``) holds any run.
        """
        lock = FileLock(self.path / LOCK)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0)
        except Timeout:
            raise RunError(f"{self.path} is in use: another run is training in it") from None
        except (OSError, NotImplementedError) as e:
            if isinstance(e, OSError) and e.errno not in NO_LOCKS:
                raise RunError(f"{self.path} cannot be written: {e.strerror or e}") from e
            fault = "cannot lock files, so nothing keeps a second run out of it"
            print(f"note: {self.path} is on a mount that {fault}", file=sys.stderr, flush=True)
        try:
            self.begin(settings, resume)
            yield
        finally:
            with suppress(OSError):
                (self.path / LOCK).unlink()
            lock.release()  # the kernel holds the lock, so a killed run leaves none behind

    def begin(self, settings: Settings, resume: bool) -> None:
        """Writes the settings of a new run, or compares those of the run in the folder; see ``open``."""
        plain = json.loads(json.dumps(dataclasses.asdict(settings)))
        file = self.path / SETTINGS
        try:
            if self.has_state:
                if not resume:
                    raise RunError(f"{self.path} already holds a run: --resume goes on with it, or name another --out")
                there = self.read_settings()
                if other := [k for k in plain if there.get(k) != plain[k]]:
                    raise RunError(f"{self.path} holds a run with other settings ({', '.join(other)}: see {SETTINGS})")
            elif self.holds_checkpoint():
                raise RunError(f"{self.path} holds a checkpoint, which a run would overwrite: name another --out")
            else:
                write_atomically(file, (json.dumps(plain, indent=1) + "\n").encode())
            for folder in (self.path, self.path / BEST):
                sweep(folder, FILES)
        except OSError as e:
            raise RunError(f"{self.path} cannot be written: {e.strerror or e}") from e

    def holds_checkpoint(self) -> bool:
        """Whether the folder holds a checkpoint, other than one that a run left before it saved a state."""
        if not (self.path / SETTINGS).exists():
            return any((self.path / name).exists() for name in (CONFIG, WEIGHTS))
        return self.has_results

    @property
    def has_results(self) -> bool:
        """Whether the checkpoint in the folder was measured, which is the last step of a run."""
        try:
            return bool(read_config(self.path).get("results"))
        except CheckpointError:
            return False

    def read_settings(self) -> dict:
        """Reads settings.json; raises RunError if it is missing or damaged."""
        try:
            there = json.loads((self.path / SETTINGS).read_text("utf-8"))
        except (OSError, ValueError):
            there = None
        if not isinstance(there, dict):
            raise RunError(f"{self.path / SETTINGS} is missing or damaged, so the run cannot go on")
        return there

    def load_state(self) -> dict | None:
        """The saved state, on the CPU; None if nothing was saved yet.

        Raises:
            RunError: the file is damaged.
        """
        file = self.path / STATE
        if not self.has_state:
            return None
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
        except Exception as e:  # torch.load raises many kinds for a damaged file
            raise RunError(f"{file} is damaged, so the run cannot go on") from e

    def save_state(self, state: dict) -> None:
        """Replaces the saved state.

        Raises:
            RunError: it cannot be written; the one before is still there.
        """
        buffer = io.BytesIO()
        torch.save(state, buffer)
        try:
            write_atomically(self.path / STATE, buffer.getvalue())
        except OSError as e:
            raise RunError(f"{self.path} cannot be written ({e.strerror or e}); what it held is intact") from e

    def save_checkpoint(self, net: Network, best: bool = False) -> None:
        """Writes the checkpoint; also writes it to best/ if it is the best so far on held-out pictures.

        Raises:
            RunError: it cannot be written; the one before is still there.
        """
        try:
            net.save_pretrained(self.path)
            if best:
                net.save_pretrained(self.path / BEST)
        except CheckpointError as e:
            raise RunError(f"{e}; what it held is intact") from e

    def save_history(self, history: list[dict]) -> None:
        """Writes metrics.jsonl; then curves.png and the TensorBoard events, which the run can do without.

        Raises:
            RunError: metrics.jsonl cannot be written; the one before is still there.
        """
        try:
            write_atomically(self.path / METRICS, "".join(json.dumps(row) + "\n" for row in history).encode())
        except OSError as e:
            raise RunError(f"{self.path} cannot be written ({e.strerror or e}); what it held is intact") from e
        with plots.extra(CURVES):
            write_atomically(self.path / CURVES, curves(history))
        with plots.extra("the last epoch in TensorBoard"):
            add_events(self.path / EVENTS, history)


def add_events(file: Path, history: list[dict]) -> None:
    """Adds the epochs that TensorBoard's event file lacks.

    TensorBoard keeps the file open and reads on where it stopped, so the file grows and is never replaced. First, what
    a killed run left half written is cut off.
    """
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    last = history[-1]["epoch"]
    file.touch()
    with file.open("r+b") as f:
        there, length = -1, 0
        for event, end in whole_events(f.read()):
            if event.step >= last:  # the run was killed before it saved its state, and repeats the epoch
                break
            there, length = event.step, end
        f.truncate(length)
        f.seek(length)
        writer = RecordWriter(f)
        when = time.time() - sum(row["seconds"] for row in history)
        if there < 0:
            writer.write(Event(wall_time=when, file_version="brain.Event:2").SerializeToString())
        for row in history:
            when += row["seconds"]
            if row["epoch"] > there:
                tags = sorted(row.keys() - {"epoch", "side", "seconds"})
                summary = Summary(value=[Summary.Value(tag=tag, simple_value=row[tag]) for tag in tags])
                writer.write(Event(wall_time=when, step=row["epoch"], summary=summary).SerializeToString())


def whole_events(content: bytes) -> Iterator[tuple]:
    """The events in a file's content and where each ends, up to the first incomplete one."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import masked_crc32c

    start = 0  # of a record: its length in 8 bytes, their check sum in 4, the event, its check sum in 4
    while start + 12 <= len(content):
        end = start + 16 + int.from_bytes(content[start : start + 8], "little")
        event, check = content[start + 12 : end - 4], content[end - 4 : end]
        if end > len(content) or check != masked_crc32c(event).to_bytes(4, "little"):
            return
        yield Event.FromString(event), end
        start = end


def curves(history: list[dict]) -> bytes:
    """Loss and errors by epoch, as a PNG."""
    epochs = [row["epoch"] for row in history]
    with plots.canvas(figsize=(8, 3)) as (figure, _):
        left, right = figure.subplots(1, 2)
        left.plot(epochs, [row["train_loss"] for row in history], marker=".")
        left.set(xlabel="epoch", ylabel="training loss")
        right.plot(epochs, [100 * row["train_error"] for row in history], marker=".", label="training, augmented")
        held_out = [(row["epoch"], 100 * row["held_out_error"]) for row in history if "held_out_error" in row]
        if held_out:
            right.plot(*zip(*held_out, strict=True), marker=".", label="held out")
        right.set(xlabel="epoch", ylabel="error, %")
        right.legend()
        return plots.png(figure)
