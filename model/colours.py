"""Imports from matplotlib, also if MPLBACKEND names a backend that it does not have, such as a notebook's.

Where the home folder cannot be written, matplotlib uses a temporary one, and keeps its advice about that to itself.
"""

import contextlib
import logging
import os

backend = os.environ.pop("MPLBACKEND", "")  # an unknown one would end the import
logging.getLogger("matplotlib").setLevel(logging.ERROR)
import matplotlib  # noqa: E402
from matplotlib import colormaps  # noqa: E402
from matplotlib.colors import Colormap, to_hex  # noqa: E402

if backend:
    os.environ["MPLBACKEND"] = backend
    with contextlib.suppress(ValueError):
        matplotlib.rcParams["backend"] = backend

__all__ = ["Colormap", "colormaps", "to_hex"]
