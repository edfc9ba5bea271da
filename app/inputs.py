"""The page's inputs: picture, example, checkpoint and compatibility. Other tabs start with Explain's choices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr
from PIL import Image

from app.drawing import panels, words
from app.examples import list_examples
from app.images import read_picture
from app.server import temporary
from app.server.gradio_patches import Switch, Upload
from app.site import Site
from model import render

CHECKPOINT = "Checkpoint: pictures · test error"
INTERNAL: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
CLICK_ON_EXAMPLE = """element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-example]");
  if (button) trigger("click", {example: button.dataset.example});
});"""


def picture_input(label: str = "Picture", height: int = 250, **settings: Any) -> gr.Image:
    """The input for a picture: upload, camera or clipboard."""
    return Upload(
        type="filepath",
        image_mode=None,
        format="png",
        label=label,
        sources=["upload", "webcam", "clipboard"],
        webcam_options=gr.WebcamOptions(mirror=False),  # a mirror image swaps left and right, and writing is unreadable
        alt_text=label,
        height=height,
        elem_classes="picture",
        **settings,
    )


def picture_with_examples(site: Site, label: str = "Picture", height: int = 250) -> tuple[gr.Image, gr.HTML]:
    """A picture input, and below it a strip for examples to click on, which ``offer_examples`` fills."""
    image = picture_input(label, height)
    strip = gr.HTML(label=f"Examples for: {label}", js_on_load=CLICK_ON_EXAMPLE)

    def take(event: gr.EventData):
        return example_picture(site, event.example) or gr.skip()

    strip.click(take, None, image, **INTERNAL)
    return image, strip


def offer_examples(event: Callable[..., Any], site: Site, *strips: gr.HTML) -> None:
    """Fills strips with the examples at an event, which is a tab's ``select`` or the page's ``load``."""

    def fill() -> list[str]:
        examples = list(list_examples(site.examples))
        return [panels.thumbnails(examples, str(strip.label)) for strip in strips]

    event(fill, None, list(strips), **INTERNAL)


def example_picture(site: Site, name: str) -> str | None:
    """An example as an input's value; None if there is none of that name."""
    path = next((e.path for e in list_examples(site.examples) if e.name == name), None)
    return as_value(read_picture(path), name) if path else None


def as_value(picture: Image.Image, name: str) -> str:
    """A picture as an input's value: a file whose name says what it shows."""
    return temporary.save(render.png(picture), words.file_name(name))


def network_switch(site: Site, first: str = "", compatibility: str = "") -> tuple[gr.Dropdown, gr.Radio]:
    """The picker of checkpoints, and the switch, which offers the compatibilities that the checkpoint has weights for.

    Args:
        site: where the networks are.
        first: the checkpoint chosen at first; by default the page's.
        compatibility: the one chosen at first; by default the checkpoint's best.
    """
    checkpoint = checkpoint_picker(site, first)
    first = checkpoint.value
    value = compatibility or site.first_compatibility(first)
    switch = Switch(site.compatibility_choices(first), value=value, label="Compatibility")
    values = [checkpoint, switch]
    checkpoint.input(lambda *now: fill_switch(site, *now)[1], values, switch, **INTERNAL)
    return checkpoint, switch


def checkpoint_picker(site: Site, first: str = "") -> gr.Dropdown:
    choices = site.checkpoint_choices()
    visible = len(choices) > 1 or "hidden"  # the tab uses its value even where there is nothing to pick
    value = first or site.first_checkpoint
    return gr.Dropdown(choices, value=value, label=CHECKPOINT, filterable=False, visible=visible)


def fill_switch(site: Site, checkpoint: str, compatibility: str) -> tuple[str, gr.Radio]:
    """Values for a network switch: the checkpoint, and its compatibilities. The wanted one is chosen if it exists."""
    choices = site.compatibility_choices(checkpoint)
    return checkpoint, gr.Radio(choices=choices, value=site.nearest(checkpoint, compatibility))


def detail(site: Site, checkpoint: gr.Dropdown, compatibility: gr.Radio | None = None) -> gr.Radio:
    """The side in pixels at which a picture is read; offered if the checkpoint was measured at several."""
    switch = [part for part in (checkpoint, compatibility) if part is not None]

    def settings(checkpoint: str, compatibility: str = "", side: int | None = None) -> dict:
        sides, own = site.sides(checkpoint, compatibility), site.networks.network(checkpoint).input_size
        choices = [(f"{side} px", side) for side in sides]
        return {"choices": choices, "value": side if side in sides else own, "visible": len(sides) > 1}

    def offer(*values):
        *switch_values, side = values
        return gr.Radio(**settings(*switch_values, side=side))

    side = Switch(**settings(*(part.value for part in switch)), label="Detail")
    gr.on([part.change for part in switch], offer, [*switch, side], side, **INTERNAL)
    return side


def colour_scale() -> gr.Radio:
    """Whether the maps of a row share one colour scale."""
    return gr.Radio([("Own", False), ("Shared in a row", True)], value=False, label="Colour scale")


@dataclass(frozen=True)
class Front:
    """The page's tabs, and what is chosen on Explain, the first of them."""

    tabs: gr.Tabs
    image: gr.Image
    checkpoint: gr.Dropdown
    compatibility: gr.Radio

    @property
    def inputs(self) -> list[gr.components.Component]:
        return [self.image, self.checkpoint, self.compatibility]


def begin_as_explain(
    tab: gr.Tab,
    site: Site,
    front: Front,
    image: gr.Image | None,
    checkpoint: gr.Dropdown,
    compatibility: gr.Radio | None = None,
    suits: Callable[[str, str], bool] = lambda checkpoint, compatibility: True,
) -> None:
    """Fills a tab's inputs, when the tab is opened, with what was chosen on Explain since the last time.

    Args:
        suits: whether the tab can use a checkpoint and compatibility.
    """
    last = gr.State((None, None, None))
    inputs = [part for part in (image, checkpoint, compatibility) if part is not None]

    def take(*values):
        *now, before = values
        file, *switch = now
        picture = gr.skip() if file in (None, before[0]) else file
        is_new = tuple(switch) != before[1:] and suits(*switch)
        family, choices = fill_switch(site, *switch) if is_new else (gr.skip(), gr.skip())
        new = ((image, picture), (checkpoint, family), (compatibility, choices))
        return [tuple(now), *(value for part, value in new if part is not None)]

    tab.select(take, [*front.inputs, last], [last, *inputs], **INTERNAL)
