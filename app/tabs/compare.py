"""Side by side: every compatibility that has weights, on the same picture, level by level."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from app import grids, panels
from app.compare import Comparison, compare
from app.explain import COMPATIBILITIES
from app.images import PictureError, read_picture
from app.picking import picture_with_examples
from app.site import Site
from app.upload import picture_input
from model import CheckpointError

START = "Choose a picture to see it through every compatibility."


@dataclass(frozen=True)
class Shown:
    """What a visitor's tab shows: the question it answers, and the answer; None where the picture was refused."""

    question: tuple
    found: Comparison | None


def build(tab: gr.Tab, site: Site) -> None:
    """Lays the tab out, and binds its events and its ``/compare`` endpoint."""
    pairs = pair_choices(site, site.first_checkpoint)
    shown = gr.State(None, time_to_live=3600)
    with gr.Row():
        with gr.Column(scale=0, min_width=300, elem_classes="ask"):
            image = picture_with_examples(site, tab)
            checkpoint = gr.Dropdown(
                site.checkpoint_choices(), value=site.first_checkpoint, label="Checkpoint", filterable=False
            )
            scale = gr.Radio([("Own", False), ("Shared in a row", True)], value=False, label="Colour scale")
            pair = gr.Radio(pairs, value=first(pairs), label="Difference", visible=len(pairs) > 1)
        with gr.Column(scale=1, min_width=320):
            answer = gr.HTML(panels.message(START))

    def show(file, checkpoint, shared, pair, before: Shown | None):
        if file is None:
            if before and before.found is None:  # the refused picture was taken away: the refusal stays
                return [gr.skip()] * 3
            return [None, gr.skip(), panels.message(START)]
        question = (file, checkpoint)
        if before is None or before.question != question:
            try:
                before = Shown(question, compare(site.networks, read_picture(file), checkpoint))
            except PictureError as e:
                return [Shown(question, None), None, panels.message(str(e), alarm=True)]
            except CheckpointError as e:
                return [None, gr.skip(), panels.message(str(e))]
        chosen = tuple((pair or "").split())
        if chosen not in before.found.pairs:  # the checkpoint was changed, and the choice is about to follow
            chosen = before.found.pairs[0]
        return [before, gr.skip(), grids.grid(before.found, COMPATIBILITIES, chosen, shared)]

    def offer(checkpoint, pair):
        choices = pair_choices(site, checkpoint)
        value = pair if pair in [value for _, value in choices] else first(choices)
        return gr.Radio(choices=choices, value=value, visible=len(choices) > 1)

    asked = [image, checkpoint, scale, pair]
    gr.on(
        [part.change for part in asked],
        show,
        [*asked, shown],
        [shown, image, answer],
        api_visibility="private",
        trigger_mode="always_last",
        show_progress="minimal",
        show_progress_on=answer,
    )
    checkpoint.change(offer, [checkpoint, pair], pair, api_visibility="private", show_progress="hidden")
    endpoint(site)


def pair_choices(site: Site, checkpoint: str) -> list[tuple[str, str]]:
    """(what visitors read, the two names with a space between) of every pair that a checkpoint can show."""
    names = site.networks.compatibilities(checkpoint)
    return [(f"{a} − {b}", f"{a} {b}") for i, a in enumerate(names) for b in names[i + 1 :]]


def first(choices: list[tuple[str, str]]) -> str | None:
    return choices[0][1] if choices else None


def endpoint(site: Site) -> None:
    """The public ``/compare``."""
    image = picture_input(visible=False)
    families = [family for _, family in site.checkpoint_choices()]
    checkpoint = gr.Dropdown(families, value=site.first_checkpoint, label="checkpoint", visible=False)
    checkpoint.preprocess = str  # refused by ``compare``, in a sentence of ours

    def compared(image: str | bytes, checkpoint: str):
        """Shows one picture to every compatibility of a checkpoint, and says how far their attention maps agree.

        Args:
            image: the picture; its centred square is used.
            checkpoint: the family of networks.

        Returns:
            One JSON object: checkpoint; answers, by compatibility, each as /explain gives it; and pairs, each with of,
            the two compatibilities, and correlation, Pearson's r of their maps by level (null where a map is even).
        """
        if image is None:
            raise gr.Error("No picture came with the request.", print_exception=False)
        try:
            found = compare(site.networks, read_picture(image), checkpoint)
        except (PictureError, CheckpointError) as e:
            raise gr.Error(str(e), print_exception=False) from None
        return {"checkpoint": checkpoint, **found.to_json()}

    gr.Button(visible=False).click(
        compared, [image, checkpoint], gr.JSON(label="comparison", visible=False), api_name="compare"
    )
