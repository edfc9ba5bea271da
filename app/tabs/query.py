"""Query: what a second picture's global feature highlights among the first picture's local features."""

from __future__ import annotations

import gradio as gr

from app import grids, panels
from app.images import PictureError, read_picture
from app.picking import picture_with_examples
from app.query import OWN, PAIR, QUERIED, ask, note, to_json
from app.site import Site
from app.tabs.compare import Shown
from app.upload import picture_input
from model import CheckpointError

START = "Choose two pictures: one to look at, one that asks."
TITLES = {OWN: "Asked by itself (own)", QUERIED: "Asked by the second picture (queried)"}


def build(tab: gr.Tab, site: Site) -> None:
    """Lays the tab out, and binds its events and its ``/query`` endpoint."""
    family = site.first_checkpoint
    choices = site.compatibility_choices(family)
    shown = gr.State(None, time_to_live=3600)
    with gr.Row():
        with gr.Column(scale=0, min_width=300, elem_classes="ask"):
            image = picture_with_examples(site, tab, "Picture looked at")
            query = picture_with_examples(site, tab, "Picture that asks", first=3)
            checkpoint = gr.Dropdown(site.checkpoint_choices(), value=family, label="Checkpoint", filterable=False)
            compatibility = gr.Radio(choices, value=choices[0][1], label="Compatibility")
            scale = gr.Radio([("Own", False), ("Shared in a row", True)], value=False, label="Colour scale")
        with gr.Column(scale=1, min_width=320):
            answer = gr.HTML(panels.message(START))

    def show(file, asking, checkpoint, compatibility, shared, before: Shown | None):
        if file is None or asking is None:
            if before and before.found is None:  # the refused picture was taken away: the refusal stays
                return [gr.skip()] * 4
            return [None, gr.skip(), gr.skip(), panels.message(START)]
        available = site.networks.compatibilities(checkpoint)
        if compatibility not in available:  # the checkpoint was changed, and the switch is about to follow
            compatibility = available[0]
        question = (file, asking, checkpoint, compatibility)
        if before is None or before.question != question:
            pictures = []
            for wanted in (file, asking):
                try:
                    pictures.append(read_picture(wanted))
                except PictureError as e:
                    refused = [None if wanted == path else gr.skip() for path in (file, asking)]
                    return [Shown(question, None), *refused, panels.message(str(e), alarm=True)]
            before = Shown(question, ask(site.networks, *pictures, checkpoint, compatibility))
        return [before, gr.skip(), gr.skip(), grids.grid(before.found, TITLES, PAIR, shared, note(before.found))]

    asked = [image, query, checkpoint, compatibility, scale]
    gr.on(
        [part.change for part in asked],
        show,
        [*asked, shown],
        [shown, image, query, answer],
        api_visibility="private",
        trigger_mode="always_last",
        show_progress="minimal",
        show_progress_on=answer,
    )

    def offer(checkpoint, compatibility):
        choices = site.compatibility_choices(checkpoint)
        names = [name for _, name in choices]
        return gr.Radio(choices=choices, value=compatibility if compatibility in names else names[0])

    checkpoint.change(
        offer, [checkpoint, compatibility], compatibility, api_visibility="private", show_progress="hidden"
    )
    endpoint(site)


def endpoint(site: Site) -> None:
    """The public ``/query``."""
    image, query = picture_input(visible=False), picture_input(visible=False)
    families, switch = site.checkpoint_choices(), site.compatibility_choices()
    checkpoint = gr.Dropdown([f for _, f in families], value=site.first_checkpoint, label="checkpoint", visible=False)
    compatibility = gr.Radio([c for _, c in switch], value=switch[0][1], label="compatibility", visible=False)
    checkpoint.preprocess = compatibility.preprocess = str  # refused by ``ask``, in a sentence of ours

    def queried(image: str | bytes, query: str | bytes, checkpoint: str, compatibility: str):
        """Asks one picture's local features for what another picture's global feature looks for.

        Args:
            image: the picture looked at; its centred square is used.
            query: the picture that asks; its centred square is used.
            checkpoint: the family of networks.
            compatibility: dp, pc or additive; under pc nothing can move.

        Returns:
            One JSON object: own, the answer to image alone, and queried, with the query's global feature, each as
            /explain gives it; correlation, Pearson's r of their maps by level (null where a map is even); note, why
            nothing moved where nothing can.
        """
        if image is None or query is None:
            raise gr.Error("Two pictures are needed: image and query.", print_exception=False)
        try:
            found = ask(site.networks, read_picture(image), read_picture(query), checkpoint, compatibility)
        except (PictureError, CheckpointError) as e:
            raise gr.Error(str(e), print_exception=False) from None
        return to_json(found)

    gr.Button(visible=False).click(
        queried,
        [image, query, checkpoint, compatibility],
        gr.JSON(label="query", visible=False),
        api_name="query",
    )
