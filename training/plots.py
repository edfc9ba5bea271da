"""Figures as PNG, drawn with matplotlib: any class name can be a label, and a failed drawing loses no result."""

from __future__ import annotations

import io
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # matplotlib takes a second
    from matplotlib.figure import Figure

LONGEST = 24  # letters of a label


@contextmanager
def extra(what: str) -> Generator[None]:
    """Wraps a drawing that a run can do without: if it fails, a line on stderr says so and the run goes on."""
    try:
        yield
    except Exception as e:  # a bad font or setting or a full disk must not cost the result
        reason = getattr(e, "strerror", None) or str(e).partition("\n")[0] or type(e).__name__
        print(f"note: {what} is left out, as it could not be made: {reason}", file=sys.stderr, flush=True)


@contextmanager
def canvas(labels: Sequence[str] = (), **size) -> Generator[tuple]:
    """Gives a figure, and the labels in a form that it can draw. The user's matplotlib settings do not change it.

    A long label is cut. If the fonts here lack a letter, all labels become numbers, and a line on stderr says which
    number is which.
    Draw labels with ``parse_math=False``: a "$" in a name is a "$".

    Args:
        labels: to be drawn, such as class names.
        size: matplotlib's ``figsize``.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        short = [shorten(label) for label in labels]
        families, lacking = fonts(set("".join(short)))
        matplotlib.rcParams["font.family"] = families
        if lacking:
            legend = ", ".join(f"{k} is {label}" for k, label in enumerate(short))
            print(f"note: labels are drawn as numbers, as no font here has their letters: {legend}", file=sys.stderr)
            short = [str(k) for k in range(len(short))]
        yield Figure(layout="constrained", **size), short


def shorten(label: str) -> str:
    """The label in one line of at most ``LONGEST`` letters, all of which can be drawn."""
    line = "".join(letter if letter.isprintable() else " " for letter in label)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


def fonts(letters: set[str]) -> tuple[list[str], bool]:
    """The families that together have these letters, in the order in which to try them; and whether any are missing."""
    from matplotlib import font_manager

    families, missing = ["DejaVu Sans"], {ord(letter) for letter in letters}
    missing -= characters(font_manager.findfont("DejaVu Sans"))
    for font in sorted(font_manager.fontManager.ttflist, key=lambda font: font.name):
        if not missing:
            break
        if font.name.startswith("Last Resort"):  # it draws a box for every letter
            continue
        if font.style == "normal" and font.name not in families and (here := missing & characters(font.fname)):
            families.append(font.name)
            missing -= here
    return families, bool(missing)


def characters(file: str) -> set[int]:
    """The code points that a font file has; none where it cannot be read."""
    from matplotlib.ft2font import FT2Font

    try:
        return set(FT2Font(file).get_charmap())
    except (OSError, RuntimeError, ValueError):
        return set()


def png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()
