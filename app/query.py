"""A second picture asks: its global feature in place of the first picture's own, at the first one's local features."""

from __future__ import annotations

import numpy as np
from PIL import Image

from app.drawing import words
from app.networks import Networks
from model.compare import Comparison
from model.networks.attention import COMPATIBILITIES

OWN, QUERIED = "own", "queried"
PAIR = (QUERIED, OWN)  # a difference above zero: the query drew attention there
STILL = f"{words.PC_LIMIT} So whoever asks, the maps and the answer stay exactly as they are."


def ask(
    networks: Networks, picture: Image.Image, query: Image.Image, checkpoint: str, compatibility: str
) -> Comparison:
    """A picture's own maps beside those that another picture's global feature asks of its local features.

    Returns:
        A comparison of ``OWN`` and ``QUERIED``; under pc they are equal, as no map depends on the global feature.

    Raises:
        CheckpointError: there are no such weights.
    """
    return Comparison(
        {
            OWN: networks.explain(picture, checkpoint, compatibility),
            QUERIED: networks.explain(picture, checkpoint, compatibility, query),
        }
    )


def to_json(found: Comparison) -> dict:
    """Both answers, how far each level's two maps agree, and that in words."""
    return {
        **{name: e.to_json() for name, e in found.explanations.items()},
        "correlation": found.correlations(PAIR),
        "note": note(found),
    }


def note(found: Comparison) -> str:
    """What the query moved most, or why it can move nothing."""
    if not COMPATIBILITIES[found.explanations[OWN].compatibility].uses_global:
        return STILL
    moved = {level: np.abs(found.difference(PAIR, level)) for level in found.levels}
    level = max(moved, key=lambda name: moved[name].max())
    if moved[level].max() < words.SEEN:
        return "The second picture's global feature moved no map."
    return (
        f"The second picture's global feature moved the map of {level} most: by up to {moved[level].max():.2f} × "
        f"uniform, at the {words.peak_place(moved[level])}. Its correlation with the picture's own is "
        f"{words.correlation(found.correlation(PAIR, level))}."
    )
