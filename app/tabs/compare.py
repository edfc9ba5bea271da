"""Side by side: every compatibility that has weights, on the same picture, level by level."""

from __future__ import annotations

from itertools import combinations

import gradio as gr

from app.asking import answer_when_changed
from app.drawing import grids
from app.endpoints import detail_input, endpoint, hidden_checkpoint, read_sent
from app.inputs import (
    INTERNAL,
    Front,
    begin_as_explain,
    checkpoint_picker,
    colour_scale,
    detail,
    offer_examples,
    picture_input,
    picture_with_examples,
)
from app.networks import SWITCH
from app.server.gradio_patches import Switch
from app.site import Site
from model.compare import Comparison

START = "Choose a picture. The maps of every compatibility appear here."


def build(tab: gr.Tab, site: Site, front: Front) -> None:
    """Lays the tab out, and binds its events and its ``/compare`` endpoint."""
    pairs = pair_choices(site, site.first_checkpoint)
    with gr.Row():
        with gr.Column(scale=0, min_width=300, elem_classes="ask"):
            image, strip = picture_with_examples(site)
            checkpoint = checkpoint_picker(site)
            side = detail(site, checkpoint)
            scale = colour_scale()
            pair = Switch(pairs, value=first(pairs), label="Difference", visible=len(pairs) > 1)
        with gr.Column(scale=1, min_width=320):

            def ask(picture, checkpoint, side) -> Comparison:
                return site.networks.compare(picture, checkpoint, site.side(checkpoint, "", side))

            answer_when_changed([image], [checkpoint, side], [scale, pair], ask, draw, START)

    def offer(checkpoint, pair):
        choices = pair_choices(site, checkpoint)
        value = pair if pair in [value for _, value in choices] else first(choices)
        return gr.Radio(choices=choices, value=value, visible=len(choices) > 1)

    checkpoint.change(offer, [checkpoint, pair], pair, **INTERNAL)
    begin_as_explain(tab, site, front, image, checkpoint)
    offer_examples(tab.select, site, strip)
    add_endpoint(site)


def draw(comparison: Comparison, shared: bool, choice: str | None) -> str:
    # the first pair, if the checkpoint has changed and the choice has yet to follow
    pair = next((pair for pair in comparison.pairs if " ".join(pair) == choice), comparison.pairs[0])
    return grids.grid(comparison, SWITCH, pair, shared)


def pair_choices(site: Site, checkpoint: str) -> list[tuple[str, str]]:
    """(what visitors read, the two names with a space between) of every pair that a checkpoint can show."""
    names = site.networks.compatibilities(checkpoint)
    return [(f"{a} − {b}", f"{a} {b}") for a, b in combinations(names, 2)]


def first(choices: list[tuple[str, str]]) -> str | None:
    return choices[0][1] if choices else None


def add_endpoint(site: Site) -> None:
    """The public ``/compare``."""
    image = picture_input(visible=False)
    checkpoint = hidden_checkpoint(site)

    def compare_all(image: str | bytes, checkpoint: str, side: int):
        """Explains one picture with every compatibility of a checkpoint, and measures how far their maps agree.

        Args:
            image: the picture, as an uploaded file or a data: URL; its centred square is used.
            checkpoint: a family of networks, such as vgg-att3-cifar10-s, or the name of a checkpoint in it.
            side: of the square that the networks read, in pixels; 0 is their own.

        Returns:
            One JSON object. checkpoint: as sent. answers: one for each compatibility, as from /explain. pairs: one for
            each two answers. In it, of has the names of their compatibilities, and correlation Pearson's r of their
            maps by level (null where a map is even).
        """
        comparison = site.networks.compare(read_sent(image), checkpoint, side, draw=False)
        return {"checkpoint": checkpoint, **comparison.to_json()}

    endpoint(compare_all, [image, checkpoint, detail_input()], [gr.JSON(label="comparison", visible=False)], "compare")
