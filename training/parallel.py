"""Accelerate starts the processes; shared batch statistics make the numbers the same for any number of them."""

from __future__ import annotations

import os
import re
import sys
from datetime import timedelta

import torch
import torch.distributed as dist
from accelerate import Accelerator, DistributedDataParallelKwargs, InitProcessGroupKwargs
from torch import Tensor, nn
from torch.nn import functional as F

from model.machine import device_fault, limit_threads
from model.networks.attention import wide

OTHERS = re.compile("ACCELERATE_(GRADIENT_ACCUMULATION|DYNAMO|MIXED_PRECISION|FP8|DOWNCAST|USE_IPEX|DEBUG).*")
SHARDED = re.compile("ACCELERATE_USE_(DEEPSPEED|FSDP|MEGATRON_LM|TP|PARALLELISM_CONFIG|SAGEMAKER)")


def accelerator(device: str) -> Accelerator:
    """Accelerate's handle on this process; ``device`` is "auto", "cpu" or "cuda".

    If there is a CUDA device that cannot be used, "auto" takes the CPU and says so on stderr.

    Raises:
        ValueError: the device cannot be used here.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device must be auto, cpu or cuda, not {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("there is no CUDA device here")
    fault = cuda_fault() if device != "cpu" and torch.cuda.is_available() else ""
    if fault and device == "cuda":
        raise ValueError(f"the CUDA device cannot be used ({fault})")
    if fault:
        print(f"note: using the CPU, because the CUDA device cannot be used ({fault})", file=sys.stderr, flush=True)
        device = "cpu"
    limit_threads()
    # Under pc nothing depends on the global branch, so its parameters stay without a gradient.
    ddp = DistributedDataParallelKwargs(find_unused_parameters=True)
    torch.backends.cudnn.allow_tf32 = False  # what is called float32 is float32
    # The others wait while the first process reads a whole folder of pictures, or measures the test split.
    patient = InitProcessGroupKwargs(timeout=timedelta(hours=12))
    shield_from_config()
    return Accelerator(cpu=device == "cpu", mixed_precision="no", kwargs_handlers=[ddp, patient])


def shield_from_config() -> None:
    """Ignores what a saved `accelerate config`, or the launcher's options, would change in a run.

    A run's precision, accumulation and compilation depend on its own settings alone.

    Raises:
        ValueError: the launcher asks for a way to share the network that this code does not have.
    """
    for name in list(os.environ):
        if OTHERS.fullmatch(name):
            del os.environ[name]
        elif (kind := SHARDED.fullmatch(name)) and os.environ[name].lower() in ("true", "1", "yes", "on", "y", "t"):
            raise ValueError(
                f"the launcher asks for {kind[1]}, which this training does not use: launch it with --multi_gpu, "
                "or save another `accelerate config`"
            )


def cuda_fault() -> str:
    """Why this process's own CUDA device cannot compute; "" if it can."""
    return device_fault(f"cuda:{int(os.environ.get('LOCAL_RANK', 0)) % torch.cuda.device_count()}")


class SumOverProcesses(torch.autograd.Function):
    """Sums a tensor over all processes; its gradient is summed over them, too."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        total = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: object, *gradients: Tensor) -> Tensor:
        return SumOverProcesses.forward(ctx, *gradients)


class SharedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """BatchNorm with the statistics of all processes' pictures, which PyTorch's SyncBatchNorm does on GPUs only."""

    def _check_input_dim(self, input: Tensor) -> None:
        pass

    def forward(self, input: Tensor) -> Tensor:
        kind, x = input.dtype, wide(input)  # also under autocast, as statistics in bf16 would be rounded
        if not self.training:
            return F.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
            ).to(kind)
        over = [d for d in range(x.ndim) if d != 1]
        shape = [1, -1] + [1] * (x.ndim - 2)
        world = dist.get_world_size()
        mean = SumOverProcesses.apply(x.mean(over)) / world  # every process holds equally many pictures
        centred = x - mean.view(shape)
        variance = SumOverProcesses.apply(centred.square().mean(over)) / world
        with torch.no_grad():
            n = x.numel() // x.shape[1] * world
            assert self.momentum is not None  # the networks' own layers all have one
            self.get_buffer("running_mean").lerp_(mean, self.momentum)
            self.get_buffer("running_var").lerp_(variance * n / (n - 1), self.momentum)
            self.get_buffer("num_batches_tracked").add_(1)
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale.view(shape) + self.bias.view(shape)).to(kind)


def share_batch_statistics(net: nn.Module, device: torch.device) -> None:
    """Makes every BatchNorm inside ``net`` use the statistics of all processes together."""
    if device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(net)  # in place: the network itself is no BatchNorm
        return
    for module in list(net.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.modules.batchnorm._BatchNorm):
                shared = SharedBatchNorm(child.num_features, child.eps, child.momentum)
                shared.load_state_dict(child.state_dict())
                setattr(module, name, shared)
