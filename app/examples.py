"""The pictures offered on the page: every one in assets/examples, and photographs that ship inside our dependencies."""

from __future__ import annotations

import base64
import importlib.util
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image

from app.images import PictureError, read_picture
from model.presets import crop_square

FOLDER = Path(__file__).resolve().parent.parent / "assets" / "examples"
SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif", ".tif", ".tiff", ".ppm", ".mpo"}
PHOTOGRAPHS = {  # name: package and file; shown where the package happens to be installed
    "cat (photo)": ("skimage", "data/chelsea.png"),
    "cheetah (photo)": ("gradio", "media_assets/images/cheetah1.jpg"),
}


@dataclass(frozen=True)
class Example:
    """One picture to click on.

    Attributes:
        name: what visitors call it; also its name in the page's address.
        path: where it is; never shown.
        thumbnail: a small square of it as a data URI.
    """

    name: str
    path: Path
    thumbnail: str


def list_examples(folder: Path = FOLDER) -> list[Example]:
    """The examples as they are now, so that a picture dropped into the folder appears at the next visit."""
    examples = {}
    for name, path in [*pictures_in(folder), *photographs()]:
        try:
            status = path.stat()
            examples[name] = Example(name, path, thumbnail(path, status.st_mtime_ns, status.st_size))
        except (OSError, PictureError):  # gone since it was listed, or no picture: it is not offered
            continue
    return list(examples.values())


def make_example(name: str, file: str) -> Example | None:
    """A visitor's picture to click on; None where it cannot be read."""
    try:
        return Example(name, Path(file), small_square(Path(file)))
    except PictureError:
        return None


def pictures_in(folder: Path) -> Iterator[tuple[str, Path]]:
    """(name, file) of every picture. The name is the file's, with its ending only if files differ in nothing else."""
    files = [f for f in sorted(folder.glob("*")) if f.suffix.lower() in SUFFIXES and not f.name.startswith(".")]
    count = Counter(without_underscores(path.stem) for path in files)
    for path in files:
        yield without_underscores(path.stem) if count[without_underscores(path.stem)] == 1 else path.name, path


def without_underscores(name: str) -> str:
    return name.replace("_", " ")


def photographs() -> Iterator[tuple[str, Path]]:
    for name, (package, file) in PHOTOGRAPHS.items():
        spec = importlib.util.find_spec(package)
        if spec and spec.origin and (path := Path(spec.origin).parent / file).is_file():
            yield name, path


@lru_cache(maxsize=256)
def thumbnail(path: Path, mtime: int, size: int) -> str:
    """``small_square``, cached. A file that changed has another ``mtime`` or ``size``, so it is read again."""
    return small_square(path)


def small_square(path: Path) -> str:
    """A 72-pixel square as a data URI.

    Raises:
        PictureError: the file is not a picture that can be read.
    """
    square: Image.Image = crop_square(read_picture(path, enough=72), 72)
    buffer = io.BytesIO()
    square.save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
