"""Runs a call on the GPU that a Hugging Face ZeroGPU Space lends for it; elsewhere calls stay as they are.

Imported before torch, as the ``spaces`` package asks for. Arguments and answers are pickled.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable

IS_LENT = bool(os.environ.get("SPACES_ZERO_GPU")) and importlib.util.find_spec("spaces") is not None

if IS_LENT:
    import spaces


def on_gpu(function: Callable) -> Callable:
    """The function, run with a lent GPU in a ZeroGPU Space; itself elsewhere."""
    if not IS_LENT:
        return function

    @spaces.GPU
    def call_on_gpu(*values):
        try:
            return function(*values), None
        except ValueError as e:  # a refusal: if it were raised there, only its name would come back
            return None, e

    def call(*values):
        answer, refusal = call_on_gpu(*values)
        if refusal is not None:
            raise refusal
        return answer

    return call
