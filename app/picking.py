"""What the tabs that take a picture share: a labelled input above a strip of examples."""

from __future__ import annotations

import gradio as gr

from app import panels
from app.examples import list_examples
from app.images import read_picture
from app.site import Site
from app.tabs.explain import CLICK_ON_EXAMPLE
from app.upload import picture_input

INTERNAL = {"api_visibility": "private", "show_progress": "hidden"}


def picture_with_examples(site: Site, opened: gr.Tab, label: str = "Picture", first: int = 0) -> gr.Image:
    """A picture input and, below it, the examples to click on; both filled when the tab is opened.

    Args:
        site: whose examples.
        opened: the tab that the input is on.
        label: what visitors read above the input.
        first: the number of the example that stands there at first.
    """
    image = picture_input()
    image.label, image.alt_text = label, label
    strip = gr.HTML(js_on_load=CLICK_ON_EXAMPLE)

    def fill(file):
        examples = list_examples(site.examples)
        offered = read_picture(examples[first % len(examples)].path) if examples and file is None else gr.skip()
        return panels.thumbnails(examples), offered

    def take(event: gr.EventData):
        found = [e for e in list_examples(site.examples) if e.name == event.example]
        return read_picture(found[0].path) if found else gr.skip()

    opened.select(fill, image, [strip, image], **INTERNAL)
    strip.click(take, None, image, **INTERNAL)
    return image
