"""The front tab: a picture in; the answer, and where each level looked, out."""

from __future__ import annotations

import dataclasses
from html import escape
from typing import Any

import gradio as gr
from PIL import Image

from app.asking import Screen, ask_once, follow
from app.drawing import download, panels, words
from app.endpoints import detail_input, endpoint, hidden_switch, pictures_input, read_sent
from app.examples import list_examples
from app.images import PictureError, read_picture
from app.inputs import (
    INTERNAL,
    detail,
    example_picture,
    fill_switch,
    network_switch,
    offer_examples,
    picture_input,
    picture_with_examples,
)
from app.live import acknowledge, answer_frame, keep_last, live_camera, read_frame
from app.server import temporary
from app.server.gpu import on_gpu
from app.server.gradio_patches import Overlay, slider
from app.site import Site
from model import render
from model.explanation import Explanation

START = "Choose a picture: click an example, or upload, paste or take one. The answer appears here."
CARDS = 3  # no network attends at more levels
AT_ONCE = 16  # calls of /explain: those that wait for the network share a forward pass
OUTPUTS = 1 + 3 * CARDS  # components that an answer fills


def build(page: gr.Blocks, site: Site) -> tuple[gr.Image, gr.Dropdown, gr.Radio]:
    """Lays the tab out inside ``page`` and binds its events and its ``/explain`` endpoint.

    Returns:
        The inputs that another tab may fill: picture, checkpoint, compatibility.
    """
    screen = gr.State(None, time_to_live=3600)
    with gr.Row(elem_id="explain"):
        with gr.Column(scale=0, min_width=300, elem_id="ask"):
            camera = live_camera()
            image, strip = picture_with_examples(site)
            keep_last(camera, image)
            checkpoint, compatibility = network_switch(site)
            side = detail(site, checkpoint, compatibility)
            method = gr.HTML()
        with gr.Column(scale=1, min_width=320, elem_id="answer"):
            answer = gr.HTML(panels.message(START))
            with gr.Row(elem_id="view"):
                opacity = slider(0, 100, 60, step=5, label="Opacity, %", min_width=150)
                keep = slider(5, 100, 100, step=5, label="Keep top, %", min_width=150)
                drawing = gr.Radio([("Smooth", True), ("Nearest", False)], value=True, label="Drawing", min_width=150)
                scale = gr.Radio([("Own", False), ("Shared", True)], value=False, label="Colour scale", min_width=150)
                save = gr.Button("Download all", size="sm", elem_id="save", min_width=90, scale=0)
            with gr.Row(elem_id="maps"):
                cards = [map_card() for _ in range(CARDS)]
            gr.HTML(f'<p class="note">{panels.LEGEND}</p>', elem_id="legend")
            archive = gr.DownloadButton(visible="hidden", elem_id="zipped")

    pictures = [part for card in cards for part in card]

    def explain(picture, checkpoint, compatibility, side) -> Explanation:
        return site.networks.explain(picture, checkpoint, compatibility, side=side)

    def glance(picture, checkpoint, compatibility, side) -> Explanation:
        explanation = site.networks.explain(picture, checkpoint, compatibility, side=side, draw=False)
        return dataclasses.replace(explanation, square=picture)

    ask, ask_live = on_gpu(explain), on_gpu(glance)

    def question(checkpoint, compatibility, side) -> list:
        compatibility = site.nearest(checkpoint, compatibility)
        return [checkpoint, compatibility, site.side(checkpoint, compatibility, side)]

    def show(file, shot, checkpoint, compatibility, side, opacity, keep, smooth, shared, before: Screen | None):
        view = render.View(opacity / 100, smooth, shared, keep)
        settings = question(checkpoint, compatibility, side)
        how = panels.method(site.networks.network(*settings[:2]))
        if shot:
            frame, explanation, message = answer_frame(shot, lambda frame: ask_live(frame.picture, *settings))
            values = nothing(message) if message else draw_answer(explanation, view, live=True)
            return [gr.skip(), gr.skip(), how, *values, acknowledge(frame)]
        after = ask_once(before, {str(image.label): file}, settings, ask, START)
        if after is None:
            return [gr.skip(), gr.skip(), how, *[gr.skip()] * OUTPUTS, gr.skip()]
        screen, explanation, inputs, message = after
        values = nothing(message) if message else draw_answer(explanation, view, words.about_picture(file))
        return [screen, *inputs, how, *values, gr.skip()]

    parts = [image, camera, checkpoint, compatibility, side, opacity, keep, drawing, scale]
    follow(parts, screen, show, [screen, image, method, answer, *pictures, camera], answer, camera=camera)

    def read_address(request: gr.Request) -> tuple[str, gr.Radio]:
        """The checkpoint and compatibility in the page's address. The picture follows, so that it is asked once.

        ``checkpoint`` is a family or a checkpoint's own name; ``compat`` replaces the compatibility in that name.
        """
        whole = site.networks.places
        first = site.checkpoint_with(request.query_params.get("compat", "").lower())
        name = choose_from_address(request, "checkpoint", [*site.networks.families, *whole], first)
        family, own = whole.get(name, (name, None))
        default = own or site.first_compatibility(family)
        return fill_switch(
            site, family, choose_from_address(request, "compat", site.networks.compatibilities(family), default)
        )

    def first_picture(request: gr.Request):
        names = [e.name for e in list_examples(site.examples)]
        example = choose_from_address(request, "example", names, names[0] if names else "")
        return example_picture(site, example)

    ready = page.load(read_address, None, [checkpoint, compatibility], **INTERNAL)
    ready.success(first_picture, None, image, **INTERNAL)
    offer_examples(page.load, site, strip)

    def zip_up(file, shot, checkpoint, compatibility, side, opacity, keep, smooth, shared, before: Screen | None):
        if not file and not shot:
            raise gr.Error("There is nothing to download yet: choose a picture first.", print_exception=False)
        settings = question(checkpoint, compatibility, side)
        explanation = before.answer_to((file, *settings)) if before and not shot else None
        if explanation is None:  # what is on the screen is not kept
            try:
                explanation = ask(read_frame(shot).picture if shot else read_picture(file), *settings)
            except PictureError as e:
                raise gr.Error(str(e), print_exception=False) from None
        view = render.View(opacity / 100, smooth, shared, keep)
        return str(download.write_zip(explanation, view, archive.GRADIO_CACHE))

    save.click(zip_up, [*parts, screen], archive, api_visibility="private").success(
        None, None, None, js="() => setTimeout(() => document.querySelector('#zipped, #zipped a').click(), 50)"
    )
    add_endpoint(site)
    return image, checkpoint, compatibility


def choose_from_address(request: gr.Request, parameter: str, there: list[str], default: str) -> str:
    """The value that the address asks for; if it is not here, the default, with a warning."""
    value = request.query_params.get(parameter)
    if match := next((name for name in there if name.lower() == (value or "").lower()), None):
        return match
    if value:
        what = {"compat": "compatibility"}.get(parameter, parameter)
        gr.Warning(
            f"The {what} “{escape(value[:40])}” in the address is not here; another one is shown.",
            duration=None,
        )
    return default


def map_card() -> tuple[gr.HTML, gr.Image, gr.HTML]:
    """One level's title, overlay and numbers."""
    with gr.Column(elem_classes="card", min_width=200):
        title = gr.HTML(elem_classes="card-title")
        overlay = Overlay(
            format="png",
            show_label=False,
            container=False,
            interactive=False,
            buttons=["fullscreen", "download"],
            alt_text="Attention: no picture yet",
            elem_classes="overlay",
        )
        return title, overlay, gr.HTML(elem_classes="numbers")


def draw_answer(explanation: Explanation, view: render.View, about: str = "", live: bool = False) -> list:
    """Values for the answer and every card; cards without a level stay empty.

    Args:
        explanation: what to show.
        view: how.
        about: a sentence about the picture, or nothing.
        live: the next answer follows at once, so no file is written and no screen reader told.
    """
    scales = render.limits(explanation.maps, view)
    values: list[Any] = [panels.answer(explanation, about, announce=not live)]
    for name, level in explanation.levels.items():
        picture = render.overlay(explanation.canvas, level.attention, scales[name], view)
        source = panels.data_uri(picture, exact=False) if live else as_file(picture, name)
        values += [
            panels.title(name, level),
            gr.Image(value=source, alt_text=words.alt(name, level), visible=True),
            panels.card(level, explanation.logit, scales[name], view),
        ]
    return values + empty_cards(CARDS - len(explanation.levels))


def as_file(picture: Image.Image, name: str) -> str:
    return temporary.save(render.jpeg(picture), f"{name}.jpg")  # the zip has PNGs


def empty_cards(count: int) -> list:
    return ["", gr.Image(value=None, visible=False), ""] * count


def nothing(sentence: str) -> list:
    """Values for the answer and every card when there is no answer."""
    return [sentence, *empty_cards(CARDS)]


def add_endpoint(site: Site) -> None:
    """The public ``/explain``."""
    image = picture_input(visible=False)
    switch = hidden_switch(site)
    labels = ("first", "second", "third")
    drawings = [Overlay(format="jpeg", label=f"{which} level over the picture", visible=False) for which in labels]

    def explain(image: str | bytes, checkpoint: str, compatibility: str, side: int, pictures: bool):
        """Classifies a picture and shows where each layer looked.

        Args:
            image: the picture, as an uploaded file or a data: URL; its centred square is used.
            checkpoint: a checkpoint's own name, such as vgg-att3-dp-cifar10-s, or a family: vgg-att3-cifar10-s.
            compatibility: dp (dot product), pc (parametrised) or additive; by default a checkpoint's own, or the best.
            side: of the square that the network reads, in pixels; 0 is its own. A larger side gives finer maps.
            pictures: false leaves the pictures out, which takes a fraction of the time.

        Returns:
            First one JSON object: class, probability, probabilities, logit, logit_bias, levels (grid, map, which sums
            to 1, peak_x_uniform, entropy from 0 to 1, logit), checkpoint, compatibility, name (the checkpoint's own),
            seconds. The logit is logit_bias plus the levels' logits. Then a JPEG for each level, in their order: its
            map over the picture's square. The map in the JSON object is exact.
        """
        explanation = site.networks.explain(read_sent(image), checkpoint, compatibility, side=side, draw=pictures)
        overlays = explanation.overlays() if pictures else {}
        files = [as_file(x, name) for name, x in overlays.items()]
        return explanation.to_json(), *files, *[None] * (CARDS - len(files))

    explanation = gr.JSON(label="explanation", visible=False)
    endpoint(explain, [image, *switch, detail_input(), pictures_input()], [explanation, *drawings], "explain", AT_ONCE)
