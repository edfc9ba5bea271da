"""Draws the illustrated scenes: python -m tools.scenes."""

from . import main

main()
