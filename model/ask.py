"""One question about one scene: where the network looks for it, and what it answers.

    result = ask("park.jpg", "dog", "vgg-att3-dp-cifar10-s-ask")            # by name: the mean g of the class asks
    result = ask("park.jpg", "my-dog.jpg", "vgg-att3-dp-cifar10-s-ask")     # by picture: its own g asks
    result = ask(["cat.jpg", "ship.jpg"], "ship", "vgg-att3-dp-cifar10-s-ask")   # a scene composed of pictures
    result.asked.answer, result.shares["conv13"], result.own.answer           # "ship", (.02, .98), "cat"

The question takes the place of the scene's own global feature g. It can move the maps, and through them alone the
answer. Under pc and uniform no map depends on g, so the two answers are the same.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from model.compare import Comparison
from model.composed import Grid, cell_shares, compose
from model.explain import attending_network, explain_pixels, explanations_of, global_features, rgb, side_of
from model.explanation import SIDE, Explanation
from model.network import Network
from model.networks.attending import AttendingNetwork
from model.presets import crop_square, network_input, square_pixels

Picture = str | Path | bytes | Image.Image
ASKED, OWN = "asked", "own"
PAIR = (ASKED, OWN)  # a difference above zero: the question drew attention there
LARGEST_SCENE = 9  # pictures
GRIDS: dict[int, Grid] = {1: (1, 1), 2: (1, 2), 3: (1, 3), 4: (2, 2), 9: (3, 3)}  # by the number of pictures
CLASSES_AT_ONCE = 10  # questions in one pass, so that a hundred need little memory
LEAST_MOVE = 0.005  # x uniform: maps that differ by less look the same
NO_EFFECT = (
    "Under {} no map depends on the global feature g, so every question gets the same maps and the same answer as none."
)


@dataclass(frozen=True)
class Scene:
    """A scene that a network has read once, for any number of questions.

    Attributes:
        pixels: uint8 [1, 3, H, W], what the network read.
        grid: rows and columns, (1, 1) for a single picture.
        side: of each picture, in pixels.
        local_features: {level: [1, C, H, W]}, on the CPU.
        own: the answer under the scene's own g.
    """

    pixels: Tensor
    grid: Grid
    side: int
    local_features: Mapping[str, Tensor]
    own: Explanation

    def features_on(self, device: torch.device) -> dict[str, Tensor]:
        return {level: l.to(device) for level, l in self.local_features.items()}


@dataclass(frozen=True)
class SceneAnswer:
    """A scene's answer under a question, beside its own.

    Attributes:
        asked: the answer under the question.
        own: the answer under the scene's own g.
        question: the class asked for by name; for a question by picture, the network's class of that picture.
        by_name: whether a class's mean g asked, rather than a picture's g.
        grid: rows and columns of a composed scene, (1, 1) for a single picture.
        uses_question: whether the network's maps depend on g at all.
    """

    asked: Explanation
    own: Explanation
    question: str
    by_name: bool
    grid: Grid
    uses_question: bool

    @property
    def comparison(self) -> Comparison:
        return Comparison({ASKED: self.asked, OWN: self.own})

    @property
    def shares(self) -> dict[str, tuple[float, ...]]:
        """The share of the asked map in each picture of the scene, {level: shares in reading order}."""
        return shares_of(self.asked, self.grid)

    @property
    def own_shares(self) -> dict[str, tuple[float, ...]]:
        """The same for the scene's own maps."""
        return shares_of(self.own, self.grid)

    @property
    def note(self) -> str:
        """One or two sentences about what the question changed."""
        if not self.uses_question:
            return NO_EFFECT.format(self.asked.compatibility)
        comparison = self.comparison
        largest = {level: float(np.abs(comparison.difference(PAIR, level)).max()) for level in comparison.levels}
        level = max(largest, key=largest.__getitem__)
        if largest[level] < LEAST_MOVE:
            return "The question moved no map."
        own, answer = self.own.answer, self.asked.answer
        change = f"stays {own}" if own == answer else f"changed from {own} to {answer}"
        most = f"The question moved the map of {level} most, by up to {largest[level]:.1f} × uniform."
        return f"{most} The answer {change}."

    def to_json(self, maps: bool = True) -> dict:
        """Both answers, the correlation of their maps by level, and what the question changed."""
        return {
            ASKED: self.asked.to_json(maps),
            OWN: self.own.to_json(maps),
            "question": self.question,
            "by_name": self.by_name,
            "grid": list(self.grid),
            "shares": {level: list(shares) for level, shares in self.shares.items()},
            "correlation": self.comparison.correlations(PAIR),
            "note": self.note,
        }


@dataclass(frozen=True)
class ClassAnswer:
    """The answer when one class is asked for by name.

    Attributes:
        name: the class.
        probability: that the network gives this class.
        attention: float64 [H, W], the last level's map.
    """

    name: str
    probability: float
    attention: np.ndarray


def ask(
    scene: Picture | Sequence[Picture],
    question: Picture,
    checkpoint: str | Path | Network,
    side: int = 0,
    grid: Grid | None = None,
) -> SceneAnswer:
    """Asks a question about a scene.

    Args:
        scene: a picture, whose centred square is used; or two, three, four or nine pictures, which form a scene.
        question: the name of a class; or a picture.
        checkpoint: the name of a shipped checkpoint, a folder, a Hub id, or a network.
        side: of each square that the network reads, in pixels; 0 is the network's own.
        grid: rows and columns of a composed scene; by default a row of two or three, a square of four or nine.

    Example:
        >>> scene = ["assets/examples/frog.png", "assets/examples/ship.png"]
        >>> result = ask(scene, "ship", "vgg-att3-dp-cifar10-s-ask")
        >>> result.asked.answer
        'ship'
        >>> [round(share, 1) for share in result.shares["conv13"]]
        [0.0, 1.0]

    Raises:
        BadPicture: a file holds no usable picture.
        CheckpointError: there is no such checkpoint, or it cannot be read.
        ValueError: the network has no trained attention, has no such class, or cannot be asked by name; or the grid
            does not fit the number of pictures.
    """
    net = attending_network(checkpoint)
    return ask_scene(net, read_scene(net, scene, side, grid), question)


def ask_every_class(
    scene: Picture | Sequence[Picture], checkpoint: str | Path | Network, side: int = 0, grid: Grid | None = None
) -> list[ClassAnswer]:
    """Asks about each class in turn; the scene is read once. For the arguments see ``ask``.

    Raises:
        BadPicture, CheckpointError, ValueError: as ``ask``.
    """
    net = attending_network(checkpoint)
    return ask_scene_every_class(net, read_scene(net, scene, side, grid))


def read_scene(
    net: Network, scene: Picture | Sequence[Picture], side: int = 0, grid: Grid | None = None, canvas: int = SIDE
) -> Scene:
    """Reads a scene once, for any number of questions.

    Args:
        net, scene, side, grid: as for ``ask``, with the same errors.
        canvas: the longer side of the picture under the maps, in pixels.
    """
    net = attending_network(net)
    side = side_of(net, side)
    pixels, square, grid = compose_scene(scene, side, grid, canvas)
    began = time.perf_counter()
    with torch.inference_mode():
        local_features, g = net.features(network_input(net, pixels))
        (own,) = explanations_of(net, pixels, net.explain_features(local_features, g), began)
        on_cpu = {level: l.cpu() for level, l in local_features.items()}
    return Scene(pixels, grid, side, on_cpu, dataclasses.replace(own, square=square))


def ask_scene(net: AttendingNetwork, scene: Scene, question: Picture) -> SceneAnswer:
    """Asks ``net`` about a scene that it has read; for the question and errors see ``ask``."""
    by_name = False
    if isinstance(question, str) and question in net.info.class_names:
        by_name, name, g = True, question, class_question(net, question)
    else:
        picture = square_pixels(rgb_question(question, net), scene.side)[None]
        (own,), g = explain_pixels(net, picture), global_features(net, picture)
        name = own.answer
    if g is None:  # no map depends on it
        explanation = scene.own
    else:
        began = time.perf_counter()
        with torch.inference_mode():
            out = net.explain_features(scene.features_on(net.device), g)
        (explanation,) = explanations_of(net, scene.pixels, out, began)
        explanation = dataclasses.replace(explanation, square=scene.own.square)
    return SceneAnswer(explanation, scene.own, name, by_name, scene.grid, net.uses_global)


def ask_scene_every_class(net: AttendingNetwork, scene: Scene) -> list[ClassAnswer]:
    """Asks ``net`` for each of its classes about a scene that it has read.

    Raises:
        ValueError: the network keeps no question for its classes.
    """
    names = net.info.class_names
    if not net.uses_global:  # no question moves anything
        return [ClassAnswer(name, p, scene.own.maps[net.levels[-1]]) for name, p in scene.own.probabilities.items()]
    answers, local_features = [], scene.features_on(net.device)
    for first in range(0, len(names), CLASSES_AT_ONCE):
        questions = class_questions(net)[first : first + CLASSES_AT_ONCE]
        with torch.inference_mode():
            each = {level: l.expand(len(questions), -1, -1, -1) for level, l in local_features.items()}
            answer = net.explain_features(each, questions)
            probabilities = answer.logits.cpu().double().softmax(1)  # [k, K]
            maps = answer.attention[net.levels[-1]].cpu().double().numpy()  # [k, H, W]
        answers += [ClassAnswer(names[first + i], probabilities[i, first + i].item(), a) for i, a in enumerate(maps)]
    return answers


def compose_scene(
    scene: Picture | Sequence[Picture], side: int, grid: Grid | None, canvas: int
) -> tuple[Tensor, Image.Image, Grid]:
    """Makes the scene that the network reads, uint8 [1, 3, H, W]; one to draw on; and its rows and columns.

    Raises:
        BadPicture: a file holds no usable picture.
        ValueError: the grid does not fit the number of pictures.
    """
    parts: list[Any] = list(scene) if isinstance(scene, (list, tuple)) else [scene]
    grid = grid or GRIDS.get(len(parts))
    if not parts or grid is None or grid[0] * grid[1] != len(parts) or min(grid) < 1 or len(parts) > LARGEST_SCENE:
        raise ValueError(
            f"a scene is composed of two, three, four or nine pictures, or of rows x columns of them, not {len(parts)}"
        )
    pictures = [rgb(part) for part in parts]
    pixels = compose(torch.stack([square_pixels(picture, side) for picture in pictures])[None], grid)
    part_side = canvas // max(grid)
    square = Image.new("RGB", (part_side * grid[1], part_side * grid[0]))
    for i, picture in enumerate(pictures):
        row, column = divmod(i, grid[1])
        square.paste(crop_square(picture, part_side), (part_side * column, part_side * row))
    return pixels, square, grid


def class_questions(net: AttendingNetwork) -> Tensor:
    """The mean g of each class, [K, C].

    Raises:
        ValueError: the network keeps none.
    """
    if net.class_questions is None:
        raise ValueError(
            f"{net.name or type(net).__name__} cannot be asked for a class by name: ask with a picture, or use a "
            "checkpoint that was trained with --objective ask"
        )
    return net.class_questions


def class_question(net: AttendingNetwork, name: str) -> Tensor | None:
    """The question for one class, [1, C]; None if no map depends on g.

    Raises:
        ValueError: the network keeps none.
    """
    return class_questions(net)[net.info.class_names.index(name)][None] if net.uses_global else None


def rgb_question(question: Picture, net: Network) -> Image.Image:
    """The picture that asks, in RGB.

    Raises:
        BadPicture: the file holds no usable picture.
        ValueError: the question is neither a class nor a file.
    """
    if isinstance(question, str) and not os.path.exists(question):
        names = net.info.class_names
        some = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
        raise ValueError(f"{question[:80]!r} is neither a picture file nor one of the classes: {some}")
    return rgb(question)


def shares_of(explanation: Explanation, grid: Grid) -> dict[str, tuple[float, ...]]:
    """The share of each map in each cell of the grid, {level: shares in reading order}."""
    maps: Mapping[str, np.ndarray] = explanation.maps
    return {level: tuple(cell_shares(torch.from_numpy(a)[None], grid)[0].tolist()) for level, a in maps.items()}
