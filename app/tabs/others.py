"""Other explanations: trained attention beside saliency, Grad-CAM, CAM and progressive attention, each with a check."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import gradio as gr
import numpy as np
from PIL import Image

from app.asking import answer_when_changed
from app.drawing import curves, panels, words
from app.endpoints import endpoint, hidden_switch, read_sent
from app.inputs import Front, begin_as_explain, network_switch, offer_examples, picture_input, picture_with_examples
from app.others import CAM, DRAWS, GRAD_CAM, SALIENCY, MapCheck, Others, explain_otherwise
from app.site import Site
from model import render

START = "Choose a picture. The explanations appear here after some seconds."
SIDE = 320  # px of a map
CARD_SHARE = 0.2  # the share that a card says in words
KINDS = {
    SALIENCY: ("Saliency", "pixels whose change moves the logit most"),
    GRAD_CAM: ("Grad-CAM", "features of {level}, weighted by gradients"),
    CAM: ("CAM", "VGG-GAP's features, weighted for its class"),
}
GATES = {"conv10": "a gate from 0 to 1, passed on", "conv13": "a softmax over the gated positions"}  # of VGG-PAN
CAUTION = (
    "Each map has its own colours, from dark at its lowest to bright at its highest. Random pixels are scattered; "
    "the pixels of a map lie in patches. The moved map has the same patches in another place. Even a map that points "
    "nowhere beats about half of its moves. A map that points to the middle beats most of them if the object is there. "
    "Compare with care: this is a single picture, and some map always comes out best. Blurred: by a Gaussian "
    "whose sigma is an eighth of the picture's side. Moved: shifted by at least a quarter of the side; what leaves on "
    "one side comes back on the other."
)


def build(tab: gr.Tab, site: Site, front: Front) -> None:
    """Lays the tab out, and binds its events and its ``/others`` endpoint."""
    with gr.Row():
        with gr.Column(scale=0, min_width=300, elem_classes="ask"):
            image, strip = picture_with_examples(site)
            switch = network_switch(site)
        with gr.Column(scale=1, min_width=320):

            def ask(picture, checkpoint, compatibility) -> Others:
                return explain_otherwise(site.networks, picture, checkpoint, site.nearest(checkpoint, compatibility))

            answer_when_changed([image], [*switch], [], ask, draw, START, slow=True)
    begin_as_explain(tab, site, front, image, *switch)
    offer_examples(tab.select, site, strip)
    add_endpoint(site)


def draw(result: Others) -> str:
    """The whole answer: what was asked, the trained maps, the computed ones, and every number."""
    square = result.square.resize((SIDE, SIDE))
    cards = {name: card(title_of(result, name), result.attending, name, square) for name in result.attending.maps}
    posthoc_cards = [cards.pop(SALIENCY), cards.pop(GRAD_CAM)]
    if result.gap:
        posthoc_cards.append(card(title_of(result, CAM), result.gap, CAM, square, "VGG-GAP"))
    progressive = ""
    if result.pan:
        gates = [card((f"Progressive {k}", GATES[k]), result.pan, k, square, "VGG-PAN") for k in result.pan.maps]
        progressive = section("Trained with another network: progressive attention", gates)
    absent = f'<p class="absent">{escape(result.note)}</p>' if result.note else ""
    return f"""<div class="others">{lead(result)}
{section("Trained with the network: attention", cards.values())}
{section("Computed after training", posthoc_cards)}{progressive}{absent}
<div class="numbered">{table(result)}</div><p class="note">{CAUTION}</p></div>"""


def section(title: str, cards: Iterable[str]) -> str:
    return f'<section><h2>{title}</h2><div class="cards">{"".join(cards)}</div></section>'


def lead(result: Others) -> str:
    """The class, how to read a chart, and what its lines are."""
    answer, probability = words.label(result.attending.answer), panels.per_cent(result.attending.probability)
    return f"""<div class="lead"><p class="named" aria-live="polite">{answer} <small>{probability}</small></p>
<p>Do the pixels that a map highlights matter? We blur them, the highest first, and ask the network again. The lower the
probability of <em>{answer}</em> falls, the more they matter. {furthest(result)}</p>
<p class="key"><span>{curves.sample("map")} pixels that the map highlights most</span>
<span>{curves.sample("moved")} the same map moved elsewhere, mean of {DRAWS} moves</span>
<span>{curves.sample("random")} random pixels, mean of {DRAWS} draws</span></p></div>"""


def furthest(result: Others) -> str:
    """The map whose place matters most to the network, averaged over the shares, in a sentence."""
    name, fall, moved_fall = result.attending.furthest
    if fall >= moved_fall:
        return "Here no map's pixels matter more than those of the same map moved elsewhere."
    return (
        f"Here the place of <b>{title_of(result, name)[0]}</b> matters most: the probability falls to "
        f"{panels.per_cent(fall)} on average, and to {panels.per_cent(moved_fall)} when the map is moved. "
        f"{result.attending.steeper[name]} of {DRAWS} moves lower it less."
    )


def card(titles: tuple[str, str], check: MapCheck, name: str, square: Image.Image, other: str = "") -> str:
    """One map over the picture, and beside it how the probability of its class falls.

    Args:
        titles: what ``title_of`` returns.
        check: whose map.
        name: the map's.
        square: the picture.
        other: the name of the map's network, if it is not the visitor's.
    """
    title, about = titles
    a = check.maps[name]
    values = a * a.size
    picture = render.overlay(square, a, (float(values.min()), float(values.max())), render.View())
    fall, moved_fall, random = check.falls[name], check.moved_falls[name], check.random
    at = check.shares.index(CARD_SHARE)
    numbers = (
        f"<b>{panels.per_cent(fall[at])}</b> <span>(moved: {panels.per_cent(moved_fall[at])},</span> "
        f"<span>random: {panels.per_cent(random[at])})</span>"
    )
    whose = ""
    if other:
        error = "" if check.test_error is None else f" (test error {100 * check.test_error:.1f} %)"
        whose = (
            f'<p class="whose">Another network, {other}{error}: its answer is <b>{words.label(check.answer)}</b>, '
            f"{panels.per_cent(check.probability)}; the map and lines show this answer.</p>"
        )
    return f"""<article class="way" data-map="{name}"><h3>{title} <small>{about}</small></h3>
<div class="pair"><img src="{panels.data_uri(picture, exact=False)}" alt="{title} over the picture: {describe_map(a)}">
{curves.chart(in_words(title, check, name), check.shares, fall, moved_fall, random)}</div>
<p class="said">Top {100 * CARD_SHARE:.0f} % blurred: {numbers}</p>
{whose}</article>"""


def title_of(result: Others, name: str) -> tuple[str, str]:
    """A map's title and a few words on what it is."""
    if name not in KINDS:
        return name, result.titles.get(name, "")
    title, about = KINDS[name]
    return title, about.format(level=result.last_level)


def describe_map(a: np.ndarray) -> str:
    """A map [H, W] in words, for a screen reader."""
    if not a.any():
        return "zero everywhere, so its order of pixels is random"
    return words.where(a, "its mean")


def in_words(title: str, check: MapCheck, name: str) -> str:
    """A chart in words, for a screen reader."""
    lines = zip(check.shares, check.falls[name], check.moved_falls[name], check.random, strict=True)
    steps = ", ".join(
        f"{100 * share:.0f} % blurred: {panels.per_cent(p)} against {panels.per_cent(m)} and {panels.per_cent(r)}"
        for share, p, m, r in lines
        if share
    )
    answer, probability = words.add_spaces(check.answer), panels.per_cent(check.probability)
    return (
        f"Probability of {answer}, {probability} at first, as the pixels that {title} highlights most "
        f"are blurred, against the same map moved elsewhere and random pixels: {steps}"
    )


def table(result: Others) -> str:
    """Every number of every chart."""
    check = result.attending
    head = "".join(f'<th scope="col">{100 * share:.0f} %</th>' for share in check.shares)
    rows = []
    for name, fall in check.falls.items():
        rows += [
            row(title_of(result, name)[0], fall),
            row(f"{title_of(result, name)[0]}, moved", check.moved_falls[name], "moved"),
        ]
    rows.append(row("random pixels", check.random))
    if result.gap:
        rows.append(row(f"CAM, of VGG-GAP's {words.label(result.gap.answer)}", result.gap.falls[CAM], "apart"))
        rows.append(row("CAM, moved", result.gap.moved_falls[CAM], "moved"))
        rows.append(row("random pixels, VGG-GAP", result.gap.random))
    if result.pan:
        for number, (name, fall) in enumerate(result.pan.falls.items()):
            title = f"progressive {name}, of VGG-PAN's {words.label(result.pan.answer)}"
            rows.append(row(title, fall, "" if number else "apart"))
            rows.append(row(f"progressive {name}, moved", result.pan.moved_falls[name], "moved"))
        rows.append(row("random pixels, VGG-PAN", result.pan.random))
    caption = f"Probability of {words.label(check.answer)} in %, by the share of pixels blurred"
    return (
        f'<table><caption>{caption}</caption><thead><tr><th scope="col">pixels of</th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def row(name: str, fall: tuple[float, ...], kind: str = "") -> str:
    numbers = "".join(f"<td>{100 * p:.1f}</td>" for p in fall)
    return f'<tr class="{kind}"><th scope="row">{name}</th>{numbers}</tr>'


def add_endpoint(site: Site) -> None:
    """The public ``/others``."""
    image, switch = picture_input(visible=False), hidden_switch(site)

    def explain_picture(image: str | bytes, checkpoint: str, compatibility: str):
        """Computes saliency, Grad-CAM, CAM and progressive attention beside the trained attention.

        For each map it blurs the highest pixels, and measures the probability of the network's answer again.

        Args:
            image: the picture, as an uploaded file or a data: URL; its centred square is used.
            checkpoint: a checkpoint's own name, such as vgg-att3-dp-cifar10-s, or a family: vgg-att3-cifar10-s.
            compatibility: dp, pc or additive; leave it out where checkpoint names one.

        Returns:
            One JSON object. network, class, probability: the answer. shares: the shares of blurred pixels, from 0.
            maps: by name (each level, saliency, grad_cam), each with grid, map (sums to 1, or is 0 everywhere), fall
            (the class's probability after each share), moved (the same for the map moved elsewhere, the mean of all
            draws) and steeper (how many of these moves lower it less). random: the same for random pixels. cam: the
            network, class, probability, maps and random of a VGG-GAP, or null. pan: the same of a VGG-PAN (progressive
            attention), or null. note: what is left out and why.
        """
        return explain_otherwise(site.networks, read_sent(image), checkpoint, compatibility).to_json()

    endpoint(explain_picture, [image, *switch], [gr.JSON(label="others", visible=False)], "others")
