"""Expands ``~`` in paths where a shell does not: after "=" and within quotes."""

from __future__ import annotations

import os
import re
from typing import Any

from typer.core import TyperGroup


class AtHome(TyperGroup):
    """Commands that read ``~/runs`` and ``--out=~/runs`` as paths in the home folder."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [at_home(argument) for argument in args])


def at_home(argument: str) -> str:
    """An argument with a leading ``~``, behind ``--option=`` too, replaced by the home folder."""
    option = re.match(r"--?[\w-]+=", argument)
    start = option.end() if option else 0
    return argument[:start] + os.path.expanduser(argument[start:])
