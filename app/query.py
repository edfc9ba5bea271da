"""A second picture asks: its global feature in place of the first picture's own, at the first one's local features."""

from __future__ import annotations

from PIL import Image

from app.compare import Comparison
from app.explain import Networks
from app.words import PC_LIMIT

OWN, QUERIED = "own", "queried"
PAIR = (QUERIED, OWN)  # a difference above zero: the query drew attention there
STILL = f"{PC_LIMIT} So whoever asks, the maps and the answer stay exactly as they are."


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
    """Both answers, how far each level's two maps agree, and under pc why they do."""
    return {
        **{name: e.to_json() for name, e in found.explanations.items()},
        "correlation": found.correlations(PAIR),
        "note": note(found),
    }


def note(found: Comparison) -> str:
    """Why nothing moved, where nothing can; else empty."""
    return STILL if found.explanations[OWN].compatibility == "pc" else ""
