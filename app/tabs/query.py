"""Query: what a second picture's global feature highlights among the first picture's local features."""

from __future__ import annotations

from functools import partial

import gradio as gr

from app.asking import answer_when_changed
from app.drawing import grids, words
from app.endpoints import endpoint, given, hidden_switch
from app.examples import list_examples
from app.images import PictureError
from app.inputs import (
    INTERNAL,
    Front,
    begin_as_explain,
    colour_scale,
    example_picture,
    network_switch,
    offer_examples,
    picture_input,
    picture_with_examples,
)
from app.query import OWN, PAIR, QUERIED, ask, note, to_json
from app.site import Site
from model.compare import Comparison

WHAT = (
    "The global feature g sums a picture up at the end of the network and enters the score of every position. Here g "
    "of the picture that asks takes the place of the first picture's own."
)
START = "The maps come here once two pictures are chosen: one to look at, one that asks."
HEIGHT = 140  # px of an input, so that the switch below both is seen without scrolling
FIRST = 3  # the example that asks at first
TITLES = {OWN: "Asked by itself (own)", QUERIED: "Asked by the second picture (queried)"}


def build(tab: gr.Tab, site: Site, front: Front) -> None:
    """Lays the tab out, and binds its events and its ``/query`` endpoint."""
    with gr.Row():
        with gr.Column(scale=0, min_width=300, elem_classes="ask"):
            image, strip = picture_with_examples(site, "Picture looked at", HEIGHT)
            query, other_strip = picture_with_examples(site, "Picture that asks", HEIGHT)
            switch = network_switch(site)
            scale = colour_scale()
        with gr.Column(scale=1, min_width=320):

            def asked(picture, asking, checkpoint, compatibility) -> Comparison:
                return ask(site.networks, picture, asking, checkpoint, site.nearest(checkpoint, compatibility))

            answer_when_changed([image, query], [*switch], [scale], asked, draw, START)
    begin_as_explain(tab, site, front, image, *switch)
    tab.select(partial(first_query, site), [front.image, query], query, **INTERNAL)
    offer_examples(tab.select, site, strip, other_strip)
    add_endpoint(site)


def first_query(site: Site, looked_at: str | None, file: str | None):
    """An example other than the picture looked at, so that the tab begins with an answer that says something."""
    names = [e.name for e in list_examples(site.examples) if looked_at is None or e.name != words.called(looked_at)]
    return example_picture(site, names[FIRST % len(names)]) if names and file is None else gr.skip()


def draw(found: Comparison, shared: bool) -> str:
    return grids.grid(found, TITLES, PAIR, shared, f"{WHAT} {note(found)}")


def add_endpoint(site: Site) -> None:
    """The public ``/query``."""
    image, query = picture_input(visible=False), picture_input(visible=False)
    switch = hidden_switch(site)

    def queried(image: str | bytes, query: str | bytes, checkpoint: str, compatibility: str):
        """Asks one picture's local features for what another picture's global feature looks for.

        Args:
            image: the picture looked at; its centred square is used.
            query: the picture that asks; its centred square is used.
            checkpoint: a checkpoint's own name, such as vgg-att3-dp-cifar10-s, or a family: vgg-att3-cifar10-s.
            compatibility: dp, pc or additive; under pc nothing can move. Leave it out where checkpoint names one.

        Returns:
            One JSON object: own, the answer to image alone, and queried, with the query's global feature, each as
            /explain gives it; correlation, Pearson's r of their maps by level (null where a map is even); note, in
            words what moved most, or why nothing can.
        """
        if image is None or query is None:
            raise PictureError("Two pictures are needed: image and query.")
        return to_json(ask(site.networks, given(image), given(query), checkpoint, compatibility))

    endpoint(queried, [image, query, *switch], [gr.JSON(label="query", visible=False)], "query")
