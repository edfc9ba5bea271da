"""A slider whose number box may be typed into: what is out of range while one types is no error."""

from __future__ import annotations

import gradio as gr


def slider(low: int, high: int, start: int, **settings) -> gr.Slider:
    """Gradio's slider; numbers are rounded, one beyond an end is that end, an empty box is ``start``."""
    control = gr.Slider(low, high, start, **settings)
    # Gradio's own raises, and a visitor who types 40 passes 4 on the way
    control.preprocess = lambda value: start if value is None else round(min(max(value, low), high))
    return control
