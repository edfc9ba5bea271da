"""The same numbers on any number of devices: Accelerate starts the processes, batch statistics are those of all."""

from __future__ import annotations

import torch
import torch.distributed as dist
from accelerate import Accelerator, DistributedDataParallelKwargs
from torch import Tensor, nn
from torch.nn import functional as F


def accelerator(device: str) -> Accelerator:
    """Accelerate's handle on this process; ``device`` is "auto", "cpu" or "cuda".

    Raises:
        ValueError: the device cannot be used here.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device must be auto, cpu or cuda, not {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("there is no CUDA device here")
    # Under pc nothing depends on the global branch, so its parameters stay without a gradient.
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)
    return Accelerator(cpu=device == "cpu", kwargs_handlers=[unused])


class SharedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """BatchNorm with the statistics of all processes' pictures, which PyTorch's SyncBatchNorm does on GPUs only."""

    def _check_input_dim(self, x: Tensor) -> None:
        pass

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
        over = [d for d in range(x.ndim) if d != 1]
        shape = [1, -1] + [1] * (x.ndim - 2)
        world = dist.get_world_size()
        mean = dist.nn.functional.all_reduce(x.mean(over)) / world  # every process holds equally many pictures
        centred = x - mean.view(shape)
        variance = dist.nn.functional.all_reduce(centred.square().mean(over)) / world
        with torch.no_grad():
            n = x.numel() // x.shape[1] * world
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * n / (n - 1), self.momentum)
            self.num_batches_tracked.add_(1)
        scale = self.weight * (variance + self.eps).rsqrt()
        return centred * scale.view(shape) + self.bias.view(shape)


def share_batch_statistics(net: nn.Module, device: torch.device) -> nn.Module:
    """Makes every BatchNorm of ``net`` use the statistics of all processes together."""
    if device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(net)
    for module in list(net.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.modules.batchnorm._BatchNorm):
                shared = SharedBatchNorm(child.num_features, child.eps, child.momentum)
                shared.load_state_dict(child.state_dict())
                setattr(module, name, shared)
    return net
