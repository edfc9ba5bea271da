"""The exponential moving average of a network's weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn


@torch.no_grad()
def update_average(average: dict[str, Tensor], net: nn.Module, decay: float, step: int) -> None:
    """Moves the averaged weights and running statistics towards the network's; a young average forgets faster."""
    decay = min(decay, (1 + step) / (10 + step))
    now = net.state_dict()
    floating = [k for k, v in average.items() if v.is_floating_point()]
    torch._foreach_lerp_([average[k] for k in floating], [now[k] for k in floating], 1 - decay)
    for k in average.keys() - set(floating):
        average[k].copy_(now[k])
