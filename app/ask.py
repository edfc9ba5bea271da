"""Ask for the page and its API: a scene composed of pictures, a question, and what all questions share."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from PIL import Image

from app.images import PictureError
from app.networks import Networks
from model.ask import ClassAnswer, Scene, SceneAnswer, ask_scene, ask_scene_every_class, read_scene
from model.composed import Grid
from model.explanation import SIDE
from model.networks.attending import AttendingNetwork

MOST = 4  # pictures of a scene on the page


@dataclass(frozen=True)
class Look:
    """What is computed once for a scene, whatever is asked.

    Attributes:
        scene: as the network read it.
        every: the answer for each class, asked by name; empty where the network keeps no questions for its classes.
        moves: whether a question can move anything.
    """

    scene: Scene
    every: tuple[ClassAnswer, ...]
    moves: bool = True


@dataclass(frozen=True)
class Answer:
    """One question's answer, and what is kept of its scene for the next question.

    Attributes:
        explanations: the answer.
        look: what all questions of the scene share.
        of: the scene and the network that looked, to tell whether ``look`` can be used again.
    """

    explanations: SceneAnswer
    look: Look
    of: tuple


def takes_names(net: AttendingNetwork) -> bool:
    """Whether a class may be asked for by name. Where no question moves anything, any class may."""
    return not net.uses_global or net.class_questions is not None


def read(
    networks: Networks,
    pictures: list[Image.Image],
    checkpoint: str,
    compatibility: str,
    side: int = 0,
    grid: Grid | None = None,
    canvas: int = SIDE,
) -> Scene:
    """Reads a scene.

    Args:
        networks: those that are served.
        pictures: one to four RGB pictures, of which the scene is composed.
        checkpoint, compatibility: the network that looks, as ``Networks.find`` takes them.
        side: of the square that the network reads for each picture, in pixels; 0 is its own.
        grid: rows and columns; by default a row of two or three, a square of four.
        canvas: the longer side of the picture under the maps, in pixels.

    Raises:
        CheckpointError: there are no such weights, or the side is out of range.
        PictureError: the network cannot read such a scene.
    """
    net = networks.network(checkpoint, compatibility)
    with networks.precision(net):
        try:
            return read_scene(net, pictures, networks.side_of(net, side), grid, canvas)
        except ValueError as e:
            raise PictureError(sentence(e)) from None


def look(networks: Networks, scene: Scene, checkpoint: str, compatibility: str) -> Look:
    """Asks a scene for every class, where the network keeps questions for classes.

    Raises:
        CheckpointError: there are no such weights.
    """
    net = networks.network(checkpoint, compatibility)
    with networks.precision(net):
        return Look(scene, tuple(ask_scene_every_class(net, scene)) if takes_names(net) else (), net.uses_global)


def ask(
    networks: Networks, scene: Scene, question: str | Image.Image, checkpoint: str, compatibility: str
) -> SceneAnswer:
    """What a network that has read a scene answers to a question: a class by name, or a picture.

    Raises:
        CheckpointError: there are no such weights.
        PictureError: the network does not have the class, or keeps no questions for classes.
    """
    net = networks.network(checkpoint, compatibility)
    with networks.precision(net):
        try:
            answer = ask_scene(net, scene, question)
        except ValueError as e:
            raise PictureError(sentence(e)) from None
    under_question, own = (dataclasses.replace(e, checkpoint=checkpoint) for e in (answer.asked, answer.own))
    return dataclasses.replace(answer, asked=under_question, own=own)


def sentence(error: ValueError) -> str:
    """The message of an error as a sentence: with a capital and a full stop."""
    text = str(error)
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
