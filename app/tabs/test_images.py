"""Test images: random or misclassified pictures of the test set, so that nothing shown is hand-picked."""

from __future__ import annotations

from functools import partial
from html import escape

import gradio as gr
from PIL import Image

from app.asking import answer_when_changed
from app.drawing import panels, words
from app.endpoints import endpoint, hidden_switch, pictures_input
from app.inputs import INTERNAL, Front, as_value, begin_as_explain, fill_switch, network_switch
from app.sampling import CHOICES, CifarTest, Draw, DrawError, Prediction, draw, new_seed
from app.server.gradio_patches import as_it_came, as_text
from app.site import Site

TO_EXPLAIN = """() => {
  window.scrollTo(0, 0);
  document.querySelector("[role=tab][aria-selected=true]").focus({preventScroll: true});
}"""
START = "Drawing twelve pictures of the test set."
SIDE = 128  # px; four times what the network saw
CLICK_ON_PICTURE = """element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-index]");
  if (button) trigger("click", {index: Number(button.dataset.index)});
});"""


def build(tab: gr.Tab, site: Site, front: Front) -> None:
    """Lays the tab out, and binds its events and its ``/test_images`` endpoint.

    Args:
        tab: the tab; the first draw is made when it is opened.
        site: its networks, and where its data are.
        front: the Explain tab, which a click fills and opens.
    """
    tests = CifarTest(site.data)
    began = gr.State(False)
    with gr.Row():
        with gr.Column(scale=0, min_width=300, elem_classes="ask"):
            checkpoint, compatibility = network_switch(site)
            which = gr.Radio([(label, name) for name, label in CHOICES.items()], value="random", label="Pictures")
            seed = gr.Number(0, precision=0, label="Seed", info="The same seed draws the same pictures.")
            again = gr.Button("Draw again", variant="primary")
        with gr.Column(scale=1, min_width=320):

            def ask(which, seed, checkpoint, compatibility) -> Draw:
                if seed is None:
                    raise DrawError("Type a seed, or press “Draw again” for a new one.")
                there = site.nearest(checkpoint, compatibility)
                return draw(site.networks, tests, checkpoint, there, which, seed=seed)

            answer = answer_when_changed([], [which, seed, checkpoint, compatibility], [], ask, gallery, START)
            answer.js_on_load = CLICK_ON_PICTURE

    tab.select(lambda before: (True, gr.skip() if before else new_seed()), began, [began, seed], **INTERNAL)
    begin_as_explain(tab, site, front, None, checkpoint, compatibility)
    again.click(new_seed, None, seed, **INTERNAL)

    def explain(checkpoint, compatibility, event: gr.EventData):
        net = site.networks.network(checkpoint, site.nearest(checkpoint, compatibility))
        try:
            picture, label = tests.of(net).picture(event.index), tests.of(net).label(event.index)
        except DrawError as e:
            raise gr.Error(str(e), print_exception=False) from None
        # not enlarged, so that the network sees what it saw here
        value = as_value(picture, words.test_picture(event.index, label))
        return gr.Tabs(selected="explain"), value, *fill_switch(site, checkpoint, compatibility)

    click = answer.click(explain, [checkpoint, compatibility], [front.tabs, *front.inputs], **INTERNAL)
    click.success(None, None, None, js=TO_EXPLAIN)
    add_endpoint(site, tests)


def gallery(result: Draw) -> str:
    """How the pictures were chosen, and a grid of buttons."""
    error = result.test_error
    rate = "" if error is None else f" Test error {100 * error:.1f} %."
    buttons = "".join(map(button, result.images))
    return f"""<section class="draw" data-compatibility="{result.compatibility}">
<h2 aria-live="polite">{escape(result.summary)}</h2>
<p class="note">Seed {result.seed}. Pictures of {result.dataset}.{rate} Click one to see where the network looked.</p>
<div class="drawn" role="group" aria-label="Test pictures">{buttons}</div></section>"""


def button(image: Prediction) -> str:
    """One picture; a click carries its number."""
    picture = image.picture.resize((SIDE, SIDE), Image.Resampling.NEAREST)
    label, answer = words.label(image.label), words.label(image.answer)
    verdict = "✓ right" if image.right else "✗ wrong"
    return (
        f'<button type="button" data-index="{image.index}" title="Explain test picture {image.index}">'
        f'<img src="{panels.data_uri(picture)}" alt="Test picture {image.index}, labelled {label}">'
        f"<span>label: <b>{label}</b></span><span>answer: <b>{answer}</b></span>"
        f"<span>{panels.per_cent(image.probability)} · <b>{verdict}</b></span></button>"
    )


def add_endpoint(site: Site, tests: CifarTest) -> None:
    """The public ``/test_images``. ``draw`` checks what was sent, and refuses it in a sentence of ours."""
    which = gr.Radio(list(CHOICES), value="random", label="which", visible=False)
    count = gr.Number(12, precision=0, label="count", visible=False)
    seed = gr.Number(0, precision=0, label="seed", visible=False)
    as_text(which)
    as_it_came(count, seed)
    switch = hidden_switch(site)
    draw_some = partial(draw, site.networks, tests)

    def test_images(which: str, count: int, seed: int, checkpoint: str, compatibility: str, pictures: bool):
        """Draws test pictures and classifies them: any of them, or only those that are misclassified.

        They are from CIFAR-10 or CIFAR-100, whichever the checkpoint is tested on; others are refused.

        Args:
            which: random takes every picture; wrong goes on until enough misclassified ones are found.
            count: how many pictures, 1 to 100.
            seed: a whole number from 0; the same seed gives the same order.
            checkpoint: a checkpoint's own name, such as vgg-att3-dp-cifar10-s, or a family: vgg-att3-cifar10-s.
            compatibility: dp, pc or additive; leave it out where checkpoint names one.
            pictures: false leaves the pictures out.

        Returns:
            One JSON object. images: each has index (its place in the test set), label, class and probability (the
            network's answer) and picture (a data: URL, which /explain takes as the picture's url). looked_through:
            how many were classified to find these. summary: a sentence. which, seed, checkpoint, compatibility.
        """
        return draw_some(checkpoint, compatibility, which, count, seed).to_json(pictures)

    outputs = [gr.JSON(label="test_images", visible=False)]
    endpoint(test_images, [which, count, seed, *switch, pictures_input()], outputs, "test_images")
