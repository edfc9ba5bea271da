"""Turns what is typed on the command line into the values of a recipe."""

from __future__ import annotations

import math


def largest_side() -> int:
    """The largest side that a network takes; asked late, as importing torch takes seconds that --help does not need."""
    from model.networks.layers import LARGEST_INPUT

    return LARGEST_INPUT


def parse_stages(text: str) -> tuple[tuple[int, int], ...]:
    """Reads "16x4,24x3,32x3": four epochs at 16 pixels, three at 24, three at 32. "0x9" is nine at the data's own side.

    Raises:
        ValueError: the text is not of that form.
    """
    try:
        stages = tuple((int(side), int(epochs)) for side, epochs in (part.split("x") for part in text.split(",")))
    except ValueError:
        stages = ()
    if not stages or any(not (8 <= side <= largest_side() or side == 0) or epochs < 1 for side, epochs in stages):
        form = f"16x4,24x3,32x3 (pixels x epochs, sides of 8 to {largest_side()})"
        raise ValueError(f"stages are written like {form}, not {text!r}")
    return stages


def parse_numbers(text: str) -> tuple[float, ...]:
    """Reads "0.3,0.1": numbers that are not negative, with commas between them. "none" is an empty list.

    Raises:
        ValueError: the text is not of that form.
    """
    try:
        numbers = () if text == "none" else tuple(map(float, text.split(",")))
    except ValueError:
        numbers = (-1,)
    if any(not 0 <= number < math.inf for number in numbers):
        raise ValueError(f"a list of numbers is written like 0.3,0.1 or none, not {text!r}")
    return numbers


def parse_sides(text: str) -> tuple[int, ...]:
    """Reads "32,32,48": sides in pixels, with commas between them. "none" is an empty list.

    Raises:
        ValueError: the text is not of that form.
    """
    try:
        sides = () if text == "none" else tuple(map(int, text.split(",")))
    except ValueError:
        sides = (0,)
    if any(not 8 <= side <= largest_side() for side in sides):
        raise ValueError(f"sides are written like 32,32,48 (8 to {largest_side()} pixels) or none, not {text!r}")
    return sides


def parse_milestones(text: str) -> tuple[tuple[int, float], ...]:
    """Reads "60:0.2,120:0.2": multiply the rate by 0.2 from epoch 60 on, and again from 120 on. "none" is one-cycle.

    Raises:
        ValueError: the text is not of that form.
    """
    if text == "none":
        return ()
    try:
        pairs = tuple((int(epoch), float(factor)) for epoch, factor in (part.split(":") for part in text.split(",")))
    except ValueError:
        pairs = ()
    if not pairs or any(epoch < 0 or not 0 < factor < math.inf for epoch, factor in pairs):
        form = "60:0.2,120:0.2 (epoch:factor, factors above 0)"
        raise ValueError(f"milestones are written like {form} or none, not {text!r}")
    return pairs
