"""Every network by its name: ``build("vgg-att3-concat-dp", num_classes=10, width=0.25)``."""

from __future__ import annotations

import re

from model.checkpoints import Network
from model.vgg import LEVELS, AttentionVGG

ATTENTION = re.compile(r"vgg-att([123])-(concat|indep)-(dp|pc|additive|uniform)")


def build(name: str, **arguments) -> Network:
    """Builds a network, freshly initialised.

    Args:
        name: such as ``vgg-att3-concat-dp``.
        arguments: constructor arguments: num_classes, width, dropout, input_size, ...

    Raises:
        ValueError: no network has that name.
    """
    if match := ATTENTION.fullmatch(name):
        count, head, compatibility = match.groups()
        return AttentionVGG(levels=LEVELS[-int(count) :], head=head, compatibility=compatibility, **arguments)
    raise ValueError(f"there is no network called {name!r}")
