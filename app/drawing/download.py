"""What is on the page as one zip: overlays, raw maps, and manifest.json, written last."""

from __future__ import annotations

import dataclasses
import io
import json
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from app.drawing import words
from app.explain import Explanation
from model import render


def write_zip(explanation: Explanation, view: render.View, folder: str | Path) -> Path:
    """Writes the zip into a new subfolder of ``folder``.

    Args:
        explanation: what to save.
        view: how the overlays are drawn.
        folder: made if it does not exist.

    Returns:
        The path of a file named after the class and the checkpoint.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    name = "".join(c if c.isalnum() or c in "-_." else "-" for c in f"{explanation.answer}-{explanation.name}.zip")
    path = Path(tempfile.mkdtemp(dir=folder)) / name
    scales = render.limits(explanation.maps, view)
    files = {"square.png": render.png(explanation.square), "seen.png": render.png(explanation.seen)}
    for level, attention in explanation.maps.items():
        files[f"{level}.png"] = render.png(render.overlay(explanation.square, attention, scales[level], view))
        files[f"{level}.npy"] = npy(attention)
    manifest = {
        **explanation.to_json(maps=False),
        "scale_scores": explanation.scale_scores,
        "view": dataclasses.asdict(view),
        "scales_x_uniform": scales,
        "in_words": {level: words.alt(level, part) for level, part in explanation.levels.items()},
        "files": sorted(files),
        "note": "Each .npy sums to 1. A map highlights where features were taken from, not why the class was chosen.",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, content in files.items():
            archive.writestr(file, content)
        archive.writestr("manifest.json", json.dumps(manifest, indent=1) + "\n")
    return path


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()
