"""A small line chart as inline SVG: how a probability falls with the share of pixels blurred, beside two references."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

SIZE = 150
LEFT, RIGHT, TOP, BOTTOM = 34, 142, 8, 112  # of the plot, in units of the view box
TICKS = (0, 0.5, 1)


def chart(
    label: str, shares: Sequence[float], fall: Sequence[float], moved_fall: Sequence[float], random: Sequence[float]
) -> str:
    """Three lines: a map's is solid with discs, the moved map's is dotted, random pixels' is dashed with squares.

    Args:
        label: the chart in words, with its numbers, for screen readers.
        shares: of the pixels, ascending, from 0.
        fall, moved_fall, random: a probability for each share.
    """
    end = shares[-1]

    def x(share: float) -> float:
        return LEFT + (RIGHT - LEFT) * share / end

    def y(probability: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * probability

    def line(values: Sequence[float], name: str) -> str:
        points = " ".join(f"{x(s):.1f},{y(p):.1f}" for s, p in zip(shares, values, strict=True))
        return f'<polyline class="{name}" points="{points}"/>'

    grid = "".join(
        f'<line x1="{LEFT}" x2="{RIGHT}" y1="{y(p):.0f}" y2="{y(p):.0f}"/>'
        f'<text x="{LEFT - 5}" y="{y(p) + 3.5:.1f}" text-anchor="end">{100 * p:.0f} %</text>'
        for p in TICKS
    )
    ticks = "".join(
        f'<text x="{x(s):.0f}" y="{BOTTOM + 14}" text-anchor="middle">{100 * s:.0f}</text>'
        for s in shares
        if round(100 * s) % 10 == 0
    )
    squares = "".join(
        f'<rect class="random" x="{x(s) - 2.2:.1f}" y="{y(p) - 2.2:.1f}" width="4.4" height="4.4"/>'
        for s, p in zip(shares, random, strict=True)
    )
    discs = "".join(
        f'<circle class="map" cx="{x(s):.1f}" cy="{y(p):.1f}" r="2.8"/>' for s, p in zip(shares, fall, strict=True)
    )
    middle = (LEFT + RIGHT) / 2
    return (
        f'<svg class="chart" viewBox="0 0 {SIZE} {SIZE}" role="img" aria-label="{escape(label)}">{grid}{ticks}'
        f'<text x="{middle:.0f}" y="{BOTTOM + 30}" text-anchor="middle">% of pixels blurred</text>'
        f"{line(random, 'random')}{squares}{line(moved_fall, 'moved')}{line(fall, 'map')}{discs}</svg>"
    )


def sample(name: str) -> str:
    """A piece of the line called ``map``, ``moved`` or ``random``, for a legend."""
    mark = {
        "map": '<circle class="map" cx="14" cy="6" r="2.8"/>',
        "moved": "",
        "random": '<rect class="random" x="11.8" y="3.8" width="4.4" height="4.4"/>',
    }[name]
    return (
        f'<svg class="chart sample" viewBox="0 0 28 12" aria-hidden="true"><polyline class="{name}" '
        f'points="0,6 28,6"/>{mark}</svg>'
    )
