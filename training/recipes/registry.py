"""The recipes by name: to add one, write its file and add a row."""

from __future__ import annotations

from training.recipes import Recipe, fast, paper

RECIPES = {"fast": fast.recipe, "paper": paper.recipe}


def find_recipe(name: str, dataset: str, arch: str) -> Recipe:
    """The recipe of that name for a data set and a network.

    Raises:
        ValueError: there is no such recipe.
    """
    if name not in RECIPES:
        raise ValueError(f"there is no recipe called {name!r}; there are {' and '.join(RECIPES)}")
    return RECIPES[name](dataset, arch)
