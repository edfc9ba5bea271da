"""Everything on the page as one zip: overlays, raw maps, and manifest.json, which is written last."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path

from app.drawing import words
from app.server import temporary
from model import render
from model.explanation import Explanation


def write_zip(explanation: Explanation, view: render.View, folder: str | Path) -> Path:
    """Writes the zip into a new subfolder of ``folder``.

    Args:
        explanation: what to save.
        view: how the overlays are drawn.
        folder: made if it does not exist.

    Returns:
        The path of a file named after the class and the checkpoint.

    Raises:
        gr.Error: there is no room for it.
    """
    name = "".join(c if c.isalnum() or c in "-_." else "-" for c in f"{explanation.answer}-{explanation.name}.zip")
    in_words = {level: words.alt(level, part) for level, part in explanation.levels.items()}
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, content in explanation.files(view, {"in_words": in_words}).items():
            archive.writestr(file, content)
    with temporary.room():
        Path(folder).mkdir(parents=True, exist_ok=True)
        path = Path(tempfile.mkdtemp(dir=folder)) / name
        path.write_bytes(whole.getvalue())
    return path
