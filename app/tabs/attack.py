"""Attack: what a change that is too small to see does to the answer and the maps."""

from __future__ import annotations

import gradio as gr
import numpy as np
from PIL import Image

from app.asking import answer_when_changed
from app.attack import ATTACKED, CLEAN, PAIR, STRONGEST, Attack, attack
from app.drawing import grids, panels, words
from app.endpoints import endpoint, hidden_switch, pictures_input, read_sent
from app.images import PictureError
from app.inputs import (
    Front,
    begin_as_explain,
    colour_scale,
    network_switch,
    offer_examples,
    picture_input,
    picture_with_examples,
)
from app.server import temporary
from app.server.gradio_patches import Overlay, as_text, slider
from app.site import Site
from model import attacks, render

WHAT = (
    "FGSM changes every pixel value by epsilon in one step, in the direction that makes the answer less likely. PGD "
    "takes ten smaller steps from a random start, and stays within epsilon."
)
START = "Choose a picture. The effect of the attack appears here."
TITLES = {CLEAN: "The picture as it is (clean)", ATTACKED: "The picture after the attack (attacked)"}
EPSILON = 2  # at first: of 255


def build(tab: gr.Tab, site: Site, front: Front) -> None:
    """Lays the tab out, and binds its events and its ``/attack`` endpoint."""
    with gr.Row():
        with gr.Column(scale=0, min_width=300, elem_classes="ask"):
            image, strip = picture_with_examples(site)
            switch = network_switch(site)
            methods = [(title, name) for name, title in attacks.TITLES.items()]
            method = gr.Radio(methods, value="pgd", label="Attack", info=WHAT)
            epsilon = slider(0, STRONGEST, EPSILON, step=1, label="Epsilon, steps of 1 / 255")
            scale = colour_scale()
        with gr.Column(scale=1, min_width=320):

            def ask(picture, checkpoint, compatibility, method, epsilon) -> Attack:
                compatibility = site.nearest(checkpoint, compatibility)
                return attack(site.networks, picture, checkpoint, compatibility, method, epsilon)

            answer_when_changed([image], [*switch, method, epsilon], [scale], ask, draw, START)
    begin_as_explain(tab, site, front, image, *switch)
    offer_examples(tab.select, site, strip)
    add_endpoint(site)


def draw(result: Attack, shared: bool) -> str:
    return grids.grid(result.comparison, TITLES, PAIR, shared, outcome(result), pictures(result))


def outcome(result: Attack) -> str:
    """What the attack did to the answer, in a sentence."""
    before, after = (result.comparison.explanations[name] for name in (CLEAN, ATTACKED))
    was, now = words.add_spaces(before.answer), words.add_spaces(after.answer)
    first, last = (panels.per_cent(e.probabilities[e.answer]) for e in (before, after))
    limit = f"No pixel value moved by more than {result.epsilon} / 255."
    if result.is_fooled:
        return f"{limit} The answer changed from {was} ({first}) to {now} ({last})."
    return f"{limit} The answer is still {was}: {first} before, {last} now."


def pictures(result: Attack) -> str:
    """The grid's first row: both pictures as the network saw them, and what was added."""
    inputs = {name: result.comparison.explanations[name].seen for name in (CLEAN, ATTACKED)}
    side = inputs[CLEAN].width
    cells, size = "", f"{side} × {side} px"
    for name, picture in inputs.items():
        cells += grids.cell(enlarge(picture), f"The {name} picture, {side} by {side} pixels", "", size, exact=True)
    strength = 127 // max(1, result.epsilon)
    change = Image.fromarray((128 + strength * result.moves).clip(0, 255).astype(np.uint8))
    text = f"The change, drawn {strength} times as strong; no value moved by more than {result.largest_move} of 255"
    cells += grids.cell(enlarge(change), text, "", f"drawn × {strength}; grey is nothing", exact=True)
    header = '<div class="level" role="rowheader"><b>pixels</b><small>what the network saw</small></div>'
    return f'<div class="row" role="row" data-level="pixels">{header}{cells}</div>'


def enlarge(picture: Image.Image) -> Image.Image:
    return picture.resize((grids.SIDE, grids.SIDE), Image.Resampling.NEAREST)


def add_endpoint(site: Site) -> None:
    """The public ``/attack``."""
    image = picture_input(visible=False)
    method = gr.Radio(list(attacks.METHODS), value="pgd", label="method", visible=False)
    epsilon = gr.Number(EPSILON, label="epsilon", visible=False)
    as_text(method)  # refused below, in a sentence of ours

    def attack_it(image: str | bytes, checkpoint: str, compatibility: str, method: str, epsilon: float, pictures: bool):
        """Changes each pixel a little, so that the network's answer becomes less likely, and asks it again.

        Args:
            image: the picture, as an uploaded file or a data: URL; its centred square is used.
            checkpoint: a checkpoint's own name, such as vgg-att3-dp-cifar10-s, or a family: vgg-att3-cifar10-s.
            compatibility: dp, pc or additive; leave it out where checkpoint names one.
            method: fgsm (one step, Goodfellow et al. 2015) or pgd (ten steps, Madry et al. 2018).
            epsilon: how far a pixel's value may move, in whole steps of 1 / 255, 0 to 16.
            pictures: false leaves the attacked picture out.

        Returns:
            One JSON object. clean, attacked: the answers, as from /explain. fooled: whether the answer changed.
            correlation: Pearson's r of both maps by level (null where a map is even). method, epsilon: as sent.
            largest_move: of any value, in steps of 1 / 255. Then the attacked picture, as small as the network sees it.
        """
        if method not in attacks.METHODS:
            raise PictureError(f"The method must be {' or '.join(attacks.METHODS)}.")
        if epsilon not in range(STRONGEST + 1):
            raise PictureError(f"Epsilon must be a whole number from 0 to {STRONGEST}.")
        picture = read_sent(image)
        result = attack(site.networks, picture, checkpoint, compatibility, method, int(epsilon), draw=False)
        attacked = result.comparison.explanations[ATTACKED].seen
        return result.to_json(), temporary.save(render.png(attacked), "attacked.png") if pictures else None

    outputs = [
        gr.JSON(label="attack", visible=False),
        Overlay(format="png", label="attacked picture", visible=False),
    ]
    endpoint(attack_it, [image, *hidden_switch(site), method, epsilon, pictures_input()], outputs, "attack")
