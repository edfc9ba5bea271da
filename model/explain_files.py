"""Explains files and folders of pictures, one or 100,000: in batches, resumable, by one process or many.

What is written, in shards of ``SHARD`` pictures in the order of their paths:

    00000.jsonl      one JSON object for each picture: file, and ``Explanation.to_json`` without maps; or error
    00000.npz        {level: float32 [N, H, W]} of the N pictures that could be read, and ``files``, their paths
    00000/           on request: each map over its picture; 0012-cat-conv13.jpg belongs to line 12
    settings.json    checkpoint, side, and fingerprints of the weights and of the list of files

A shard's .jsonl is written last: a shard that has one is complete. Process r of w takes every w-th shard from r on.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from model.atomic import write_atomically
from model.explain import attending_network, explain_pixels, side_of
from model.explanation import SIDE, Explanation
from model.leftovers import files_in
from model.machine import granted_cores
from model.network import Network
from model.networks.attending import AttendingNetwork
from model.pictures import FORMATS, BadPicture, read_picture
from model.presets import crop_square, square_pixels
from model.render import jpeg

SHARD = 512  # pictures
SETTINGS = "settings.json"
UNREAD = {".heic", ".heif", ".hif", ".jxl", ".jp2", ".dng", ".cr2", ".cr3", ".nef", ".arw"}  # named as bad files
PATIENCE = 60  # seconds that other processes wait for the first one's settings


@dataclass(frozen=True)
class Summary:
    """The outcome for the files of one process.

    Attributes:
        answers: pictures answered now.
        bad: {file: what is wrong with it}, of all shards of this process, those of earlier runs included.
        skips: files whose shard an earlier run had written.
    """

    answers: int
    bad: dict[str, str]
    skips: int


class FolderError(ValueError):
    """An output folder that cannot be used; the message is one sentence."""


def list_pictures(paths: Iterable[Path], out: Path | None = None) -> list[Path]:
    """The given files, and all in the given folders, at any depth, with a picture's ending; sorted.

    What systems and programs leave behind is skipped, such as thumbnails and waste bins.

    Args:
        paths: files and folders.
        out: a folder for results; what lies there is skipped too, if it is in one of the given folders.

    Raises:
        FileNotFoundError: there is no such file or folder.
    """
    endings = {ending for ending, kind in Image.registered_extensions().items() if kind in FORMATS} | UNREAD
    files = set()
    for path in paths:
        if path.is_dir():
            here, results = path.resolve(), out and out.resolve()
            own = path / results.relative_to(here) if results and here in results.parents else None
            found = (file for file in files_in(path) if file.suffix.lower() in endings)
            files.update(file for file in found if own not in file.parents)
        elif path.exists():
            files.add(path)
        else:
            raise FileNotFoundError(f"there is no file or folder {path}")
    return sorted(files)


def explain_files(
    net: Network,
    files: Sequence[Path],
    out: Path,
    side: int = 0,
    batch: int = 64,
    pictures: bool = False,
    resume: bool = False,
    rank: int = 0,
    world: int = 1,
    progress: Callable[[int], object] = lambda count: None,
) -> Summary:
    """Explains the files of this process and writes what the module's docstring says.

    Args:
        net: with trained attention, in evaluation mode.
        files: all of them, the same for every process.
        out: made if it does not exist; it must be empty unless ``resume``.
        side: at which the network reads the pictures, in pixels; 0 is its own.
        batch: pictures in a forward pass.
        pictures: write each map over its picture, too.
        resume: skip the shards that exist.
        rank, world: which process this is, from 0, and of how many.
        progress: called with the number of files that are done.

    Raises:
        FolderError: the folder is not empty, or holds the answers of another run.
        OSError: it cannot be written.
        ValueError: see ``explain``.
    """
    net = attending_network(net)
    side = side_of(net, side)
    settings = describe(net, files, side, pictures)
    begin(out, settings, resume, rank)
    answers, skips, bad = 0, 0, {}
    with ThreadPoolExecutor(granted_cores()) as pool:
        for number in range(rank, -(-len(files) // SHARD), world):
            part, target = files[number * SHARD : (number + 1) * SHARD], out / f"{number:05d}.jsonl"
            if target.exists():
                lines = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
                skips += len(part)
                progress(len(part))
            else:
                lines = write_shard(net, part, target, side, batch, pictures, pool, progress)
                answers += sum("error" not in line for line in lines)
            bad |= {line["file"]: line["error"] for line in lines if "error" in line}
    return Summary(answers, bad, skips)


def describe(net: Network, files: Sequence[Path], side: int, pictures: bool) -> dict:
    """The settings that must be the same to resume a run."""
    names = "\n".join(map(str, files)).encode("utf-8", "surrogateescape")
    return {
        "checkpoint": net.name or type(net).__name__,
        "weights": fingerprint(net),
        "side": side,
        "pictures": pictures,
        "files": {"count": len(files), "sha256_of_names": hashlib.sha256(names).hexdigest()},
    }


def fingerprint(net: Network) -> str:
    """SHA-256 of all weights."""
    digest = hashlib.sha256()
    for tensor in net.state_dict().values():
        digest.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def begin(out: Path, settings: dict, resume: bool, rank: int) -> None:
    """The first process makes the folder and writes ``SETTINGS``; the others wait for it.

    Raises:
        FolderError: see ``explain_files``.
    """
    file = out / SETTINGS
    if rank:
        until = time.monotonic() + PATIENCE
        while read_settings(file) != settings:
            if time.monotonic() > until:
                raise FolderError(f"the first process did not begin {out} within {PATIENCE} seconds")
            time.sleep(0.1)
        return
    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()):
        before = read_settings(file)
        if not resume:
            raise FolderError(f"{out} is not empty; go on with --resume, or name a new folder")
        if before is None:
            raise FolderError(f"{out} is not empty, and holds no run to go on with")
        if other := [name for name in settings if before.get(name) != settings[name]]:
            raise FolderError(f"{out} holds a run with other {', '.join(other)}; name a new folder")
    write_atomically(file, (json.dumps(settings, indent=1) + "\n").encode())


def read_settings(file: Path) -> dict | None:
    """The saved settings; None if there are none that can be read."""
    try:
        settings = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return settings if isinstance(settings, dict) else None


@dataclass(frozen=True)
class PictureFile:
    """A file's square, for the network and for drawings; or what is wrong with the file."""

    file: Path
    pixels: Tensor | None = None  # uint8 [3, side, side]
    square: Image.Image | None = None
    error: str = ""


def read(file: Path, side: int, draw: bool) -> PictureFile:
    try:
        picture = read_picture(file)
    except BadPicture as e:
        return PictureFile(file, error=str(e))
    return PictureFile(file, square_pixels(picture, side), crop_square(picture, SIDE) if draw else None)


def read_ahead(
    files: Sequence[Path], side: int, batch: int, draw: bool, pool: ThreadPoolExecutor
) -> Iterator[list[PictureFile]]:
    """Batches of files, each read while the caller is busy with the one before."""
    coming = None
    for i in range(0, len(files), batch):
        following = [pool.submit(read, file, side, draw) for file in files[i : i + batch]]
        if coming:
            yield [future.result() for future in coming]
        coming = following
    yield [future.result() for future in coming or ()]


def write_shard(
    net: AttendingNetwork,
    files: Sequence[Path],
    target: Path,
    side: int,
    batch: int,
    pictures: bool,
    pool: ThreadPoolExecutor,
    progress: Callable[[int], object],
) -> list[dict]:
    """Explains the files of one shard, writes it, and returns its lines."""
    lines: list[dict] = []
    maps: dict[str, list[np.ndarray]] = {level: [] for level in net.levels}
    for some in read_ahead(files, side, batch, pictures, pool):
        pixels = [one.pixels for one in some if one.pixels is not None]
        answers = iter(explain_pixels(net, torch.stack(pixels)) if pixels else ())
        for one in some:
            if one.error:
                lines.append({"file": str(one.file), "error": one.error})
                continue
            explanation = next(answers)
            if pictures:
                draw(dataclasses.replace(explanation, square=one.square), one.file, target.with_suffix(""), len(lines))
            for level, part in explanation.levels.items():
                maps[level].append(part.attention.astype(np.float32))
            answer = explanation.to_json(maps=False)
            del answer["seconds"]  # of a whole batch
            lines.append({"file": str(one.file), **answer})
        progress(len(some))
    arrays: dict[str, Any] = {level: np.stack(parts) for level, parts in maps.items() if parts}
    buffer = io.BytesIO()
    names = [line["file"] for line in lines if "error" not in line]
    np.savez(buffer, files=np.array(names, str), **arrays)
    write_atomically(target.with_suffix(".npz"), buffer.getvalue())
    write_atomically(target, "".join(json.dumps(line) + "\n" for line in lines).encode())
    return lines


def draw(explanation: Explanation, file: Path, folder: Path, row: int) -> None:
    """Writes each map over the picture into the shard's folder."""
    folder.mkdir(exist_ok=True)
    for level, picture in explanation.overlays().items():
        write_atomically(folder / f"{row:04d}-{file.stem[:100]}-{level}.jpg", jpeg(picture))
