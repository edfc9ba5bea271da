"""The example pictures: ten illustrated scenes, one for each CIFAR-10 class, each with its object's exact mask.

    python -m tools.scenes        rewrites assets/examples/*.png and assets/examples/masks/*.png

A scene paints back to front on a `Canvas`. `paint` puts down surroundings, `part` a piece of the object; what is
painted over the object later (grass over a hoof) is cut out of its mask.
"""

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from .animals import bird, cat, deer, dog, frog, horse
from .canvas import Canvas
from .vehicles import airplane, automobile, ship, truck

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "examples"
SCENES: dict[str, Callable[[Canvas], None]] = {
    scene.__name__: scene for scene in (airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck)
}


def draw(name: str, with_object: bool = True) -> tuple[Image.Image, Image.Image]:
    """Draw a scene.

    Args:
        name: a CIFAR-10 class, a key of `SCENES`.
        with_object: False leaves the object out; nothing changes outside of its mask.

    Returns:
        The picture (RGB, 256 x 256) and the object's mask (L, the same size, 255 on the object and 0 elsewhere).

    Raises:
        ValueError: for a name that is no scene.
    """
    if name not in SCENES:
        raise ValueError(f"No scene is called {name!r}; there are {', '.join(SCENES)}.")
    canvas = Canvas(seed=list(SCENES).index(name), with_object=with_object)
    SCENES[name](canvas)
    return canvas.finish()


def main(folder: Path = FOLDER):
    """Write every picture into the folder, and every mask into its masks/."""
    (folder / "masks").mkdir(parents=True, exist_ok=True)
    for name in SCENES:
        picture, mask = draw(name)
        picture.save(folder / f"{name}.png", optimize=True)
        mask.save(folder / "masks" / f"{name}.png", optimize=True)
