"""The exponential moving average of a network's weights."""

from __future__ import annotations

import torch
from torch import nn


class Average:
    """The averaged weights and running statistics of a network; they begin as the network's own.

    Attributes:
        tensors: {name: Tensor}, as in the network's ``state_dict``.
    """

    def __init__(self, net: nn.Module):
        now = net.state_dict()  # these share the network's memory, and follow it
        self.tensors = {name: tensor.clone() for name, tensor in now.items()}
        floating = [name for name, tensor in now.items() if tensor.is_floating_point()]
        whole = [name for name in now if name not in floating]
        self.floating = [self.tensors[name] for name in floating], [now[name] for name in floating]
        self.whole = [self.tensors[name] for name in whole], [now[name] for name in whole]

    @torch.no_grad()
    def update(self, decay: float, step: int) -> None:
        """Moves the average towards the network; a young average forgets faster."""
        decay = min(decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(*self.floating, 1 - decay)
        torch._foreach_copy_(*self.whole)
