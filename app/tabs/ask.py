"""Ask: a scene, and a question that says where to look: a class by name, or another picture's global feature."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from app.ask import MOST, Answer, Look, ask, look, read, takes_names
from app.asking import ask_once, follow
from app.drawing import panels, scenes, words
from app.endpoints import detail_input, endpoint, hidden_switch, read_sent
from app.examples import Example, list_examples, make_example
from app.images import PictureError, read_picture
from app.inputs import INTERNAL, Front, begin_as_explain, detail, network_switch, picture_input
from app.live import Frame, acknowledge, answer_frame, keep_last, live_camera
from app.server.gpu import on_gpu
from app.server.gradio_patches import as_text
from app.site import Site
from model.explanation import SIDE as CANVAS

START = "Click one to four pictures to compose a scene. The answer appears here."
CLICKS = Path(__file__).with_name("ask.js").read_text("utf-8")
FIRST_SCENE = ("deer", "automobile", "frog", "ship")
FIRST = 2  # the picture of the first scene that is asked for
SCENE, ASKS = "your picture", "your picture that asks"  # what a visitor's own pictures are called
ON_UPLOAD = {
    SCENE: f"""(file, now) => [{{...now, scene: file ? ["{SCENE}"] : now.scene.filter((key) => key !== "{SCENE}")}}]""",
    ASKS: f"""(file, now) => [{{...now, question: file ? "picture:{ASKS}" : now.question}}]""",
}
NOT_DRAWN = 1  # px of a picture under maps that nobody draws
ROW = (1, MOST)  # rows and columns of four pictures in a row
NO_EFFECT = f"{words.PC_LIMIT} So every question gets the same maps and the same answer."


def build(tab: gr.Tab, site: Site, front: Front) -> None:
    """Lays the tab out, and binds its events and its ``/ask`` endpoint."""
    clicks = gr.HTML({}, html_template="", js_on_load=CLICKS, visible="hidden")
    screen = gr.State(None, time_to_live=3600)
    with gr.Row(elem_id="asking"):
        with gr.Column(scale=0, min_width=300, elem_classes="ask"):
            camera = live_camera()
            pictures = gr.HTML(elem_id="scene")
            askers = gr.HTML(elem_id="askers")
            checkpoint, compatibility = network_switch(site, *site.first_asking)
            side = detail(site, checkpoint, compatibility)
            layout = gr.Radio([("Square", "square"), ("Row", "row")], value="square", label="Four pictures in a")
            with gr.Accordion("Pictures of your own", open=False, elem_id="own"):
                uploads = {
                    SCENE: picture_input(SCENE.capitalize(), 140, elem_id="own-scene"),
                    ASKS: picture_input(ASKS.capitalize(), 140),
                }
        keep_last(camera, uploads[SCENE])
        with gr.Column(scale=1, min_width=320, elem_id="asked"):
            classes, answer = gr.HTML(elem_id="classes"), gr.HTML(panels.message(START), elem_id="answered")

    ask_networks = on_gpu(lambda canvas, *values: answer_to(site, *values, canvas=canvas))

    def show(shot, clicks, checkpoint, compatibility, side, layout, *values) -> list:
        *files, before = values
        files = dict(zip(uploads, files, strict=True))
        compatibility = site.nearest(checkpoint, compatibility)
        scene, question = wish(clicks, site, files)
        if shot:
            return show_frame(shot, question, checkpoint, compatibility, side, files)
        if any(files[key] is None for key in (*scene, question[1]) if key in files) or not scene:
            is_refused = before is not None and before.answer is None  # the refusal stays on the page, to be read
            nothing = [None, gr.skip(), gr.skip(), "", panels.message(START), gr.skip()]
            return [gr.skip()] * len(nothing) if is_refused else nothing
        question = fit_question(question, scene, site.networks.network(checkpoint, compatibility))
        question_files = {key: file for key, file in files.items() if key in (*scene, question[1])}
        side = site.side(checkpoint, compatibility, side)
        grid = ROW if layout == "row" and len(scene) == MOST else None
        of = (scene, checkpoint, compatibility, grid, side, question_files.get(SCENE))
        answers = [s.answer for s in (before, *before.earlier) if s.answer] if before else []
        look_before = next((answer.look for answer in answers if answer.of == of), None)

        def put(*values):
            return ask_networks(CANVAS, look_before, [*question_files], *values)

        after = ask_once(before, question_files, [of, question], put, START)
        assert after is not None  # every picture is there
        screen, result, inputs, message = after
        by_key = dict(zip(question_files, inputs, strict=True))
        inputs = [by_key.get(key, gr.skip()) for key in files]
        if message:
            return [screen, *inputs, "", message, gr.skip()]
        same = before is not None and before.answer is not None and before.answer.of == of
        strip = gr.skip() if same else scenes.every_class(result.look)
        return [screen, *inputs, strip, draw_answer(result, scene, question, list_pictures(site, files)), gr.skip()]

    def show_frame(shot, question, checkpoint, compatibility, side, files) -> list:
        """The outputs for a camera's frame, which is the whole scene."""
        kind, name = question
        if kind == "picture" and name in files and files[name] is None:
            question = kind, SCENE  # it asks about itself
        question = fit_question(question, (SCENE,), site.networks.network(checkpoint, compatibility))
        of = ((SCENE,), checkpoint, compatibility, None, site.side(checkpoint, compatibility, side), None)

        def put(frame: Frame) -> Answer:
            asker = [read_picture(files[ASKS])] if question[1] == ASKS else []
            own = frame.picture, *asker
            return ask_networks(frame.picture.width, None, [SCENE, ASKS][: len(own)], *own, of, question)

        frame, result, message = answer_frame(shot, put)
        if frame is None or message:
            return [*[gr.skip()] * 3, "", message, acknowledge(frame)]
        there = [
            Example(SCENE, Path(), panels.data_uri(frame.picture, exact=False)),
            *list_pictures(site, {ASKS: files[ASKS]}),
        ]
        html = draw_answer(result, (SCENE,), question, there, announce=False)
        return [*[gr.skip()] * 3, scenes.every_class(result.look, live=True), html, acknowledge(frame)]

    parts = [camera, clicks, checkpoint, compatibility, side, layout, *uploads.values()]
    changes = [clicks, checkpoint, compatibility, side, layout]
    outputs = [screen, *uploads.values(), classes, answer, camera]
    follow(parts, screen, show, outputs, answer, changes=changes, camera=camera)

    begin_as_explain(tab, site, front, None, checkpoint, compatibility, site.answers_questions)

    def offer(now, *files):
        there = list_pictures(site, dict(zip(uploads, files, strict=True)))
        in_scene = [e for e in there if e.name != ASKS]
        ask_with = [e for e in there if e.name != SCENE]
        return now or first_wish(site, there), scenes.scene_choices(in_scene), scenes.question_choices(ask_with)

    wishes, choices = [clicks, *uploads.values()], [pictures, askers]
    tab.select(offer, wishes, [clicks, *choices], **INTERNAL)
    for key, upload in uploads.items():
        upload.change(None, [upload, clicks], clicks, js=ON_UPLOAD[key], **INTERNAL)
        upload.change(lambda *values: offer(*values)[1:], wishes, choices, **INTERNAL)
    add_endpoint(site)


def list_pictures(site: Site, files: dict[str, str | None]) -> list[Example]:
    """The pictures to click on: a visitor's own, and the examples."""
    own = [make_example(key, file) for key, file in files.items() if file]
    return [*(e for e in own if e), *list_examples(site.examples)]


def first_wish(site: Site, there: list[Example]) -> dict:
    """What is asked when the tab is first opened."""
    names = [e.name for e in there]
    scene = [name for name in FIRST_SCENE if name in names] or names[:MOST]
    if not scene:
        return {"scene": [], "question": ""}
    name = scene[min(FIRST, len(scene) - 1)]
    net = site.networks.network(*site.first_asking)
    by_name = takes_names(net) and name in net.info.class_names
    return {"scene": scene, "question": f"{'class' if by_name else 'picture'}:{name}"}


def wish(clicks: Any, site: Site, files: dict[str, str | None]) -> tuple[tuple[str, ...], tuple[str, str]]:
    """The scene and the question that a visitor clicked; anything else, which a program may have sent, is left out."""
    clicks = clicks if isinstance(clicks, dict) else {}
    names = {e.name for e in list_examples(site.examples)} | {SCENE}
    scene = clicks.get("scene")
    scene = [key for key in scene if isinstance(key, str) and key in names] if isinstance(scene, list) else []
    kind, _, name = str(clicks.get("question") or "").partition(":")
    exists = kind == "class" or name in names | {ASKS}
    return tuple(scene[:MOST]), (kind, name) if exists else ("picture", next(iter(scene), ""))


def fit_question(question: tuple[str, str], scene: tuple[str, ...], net) -> tuple[str, str]:
    """The question; or a picture of the scene, if the network cannot be asked for that class."""
    kind, name = question
    if kind == "picture" or (takes_names(net) and name in net.info.class_names):
        return question
    return "picture", name if name in scene else scene[0]


def answer_to(site: Site, look_before: Look | None, keys: list[str], *values, canvas: int = CANVAS) -> Answer:
    """The answer to a question. For a new scene, it first computes what all questions share.

    Args:
        site: where networks and examples are.
        look_before: what all questions share, if the scene was asked before; else None.
        keys: the names of the visitor's own pictures.
        values: these pictures, the scene (see ``Answer.of``), and the question.
        canvas: the longer side of the picture under the maps, in pixels.
    """
    *pictures, of, (kind, name) = values
    own = dict(zip(keys, pictures, strict=True))
    scene, checkpoint, compatibility, grid, side, _ = of
    shared_look = look_before
    if shared_look is None:
        pictures = [picture_of(site, key, own) for key in scene]
        composed = read(site.networks, pictures, checkpoint, compatibility, side, grid, canvas)
        shared_look = look(site.networks, composed, checkpoint, compatibility)
    question = name if kind == "class" else picture_of(site, name, own)
    return Answer(ask(site.networks, shared_look.scene, question, checkpoint, compatibility), shared_look, of)


def picture_of(site: Site, key: str, own: dict[str, Image.Image]) -> Image.Image:
    """The picture of that name: a visitor's own, or an example.

    Raises:
        PictureError: it is no longer there.
    """
    if key in own:
        return own[key]
    path = next((e.path for e in list_examples(site.examples) if e.name == key), None)
    if path is None:
        raise PictureError("This picture is no longer there: please choose another one.")
    return read_picture(path)


def draw_answer(
    result: Answer, scene: tuple[str, ...], question: tuple[str, str], there: list[Example], announce: bool = True
) -> str:
    """The answer as HTML."""
    kind, name = question
    if kind == "class":
        asker = f"Where is the <b>{words.label(name)}</b>?"
    else:
        thumbnail = next((e.thumbnail for e in there if e.name == name), "")
        asker = f'Where is what <img src="{thumbnail}" alt="the picture {escape(name)}"> shows?'
    limit = "" if result.explanations.uses_question else NO_EFFECT
    return scenes.answer(result.explanations, scene, asker, limit, announce)


def add_endpoint(site: Site) -> None:
    """The public ``/ask``."""
    image, question = picture_input(visible=False), picture_input(visible=False)
    about = gr.Textbox("", label="about", visible=False)
    as_text(about)  # refused below, in a sentence of ours

    def answer_question(
        image: str | bytes,
        question: str | bytes | None = None,  # which may be left out
        about: str = "",
        checkpoint: str = "",
        compatibility: str = "",
        side: int = 0,
    ):
        """Asks a picture a question: where is this class, or where is what another picture shows?

        Args:
            image: the scene, as an uploaded file or a data: URL; its centred square is used.
            question: a picture, whose global feature is the question; leave it out if you send about.
            about: the name of a class; the mean global feature of its training pictures is the question.
            checkpoint: a checkpoint's own name, such as vgg-att3-dp-cifar10-s-ask, or a family: vgg-att3-cifar10-s-ask.
            compatibility: dp, pc (ignores questions) or additive; by default a checkpoint's own, or a family's best.
            side: of the square that the network reads, in pixels; 0 is its own.

        Returns:
            One JSON object. asked: the answer to the question. own: the answer without one. Both are as from /explain.
            question: the class asked for; for a picture, the network's answer to it. by_name: whether the question was
            the name of a class. correlation: Pearson's r of both maps by level (null where a map is even). note: what
            the question changed.
        """
        if (question is None) == (not about):
            raise PictureError("Send one question: either a picture as question, or the name of a class as about.")
        net = site.networks.network(checkpoint, compatibility)
        if about and about not in net.info.class_names:
            raise PictureError(f"{about[:80]} is not one of {words.classes(net.info.class_names)}.")
        if not takes_names(net) and about:
            raise PictureError("This checkpoint cannot be asked for a class by name: send a picture as question.")
        scene = read(site.networks, [read_sent(image)], checkpoint, compatibility, side, canvas=NOT_DRAWN)
        return ask(site.networks, scene, about or read_sent(question), checkpoint, compatibility).to_json()

    inputs = [image, question, about, *hidden_switch(site), detail_input()]
    endpoint(answer_question, inputs, [gr.JSON(label="ask", visible=False)], "ask")
