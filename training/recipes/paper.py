"""The paper's recipe, from the author's code, in PyTorch's terms.

    python -m training fit --dataset cifar10 --arch vgg-att3-concat-pc --recipe paper --out runs/paper

SGD with momentum .9 and weight decay 5e-4 on everything, dropout, horizontal flips (SVHN's digits are not mirrored, as
no augmentation is known for them), 300 epochs at batch 128 (ResNet: 200 at 64; CUB: 320). The author writes a learning
rate of 1: Torch's SGD damps the gradient by 1 - momentum unless told not to, so it is 0.1 here. The author counts
epochs from 1 and changes the rate at the start of the 25th, 50th ..., which are 24, 49 ... here.

The author's code differs from this in five points:

    input       it whitens pictures, or normalises their contrast locally; here by the mean and std of each channel
    gradients   its hand-written backward pass averages them at forks; here autograd sums them
    flips       it mirrors half of each batch; here each picture is mirrored with a probability of one half
    rate        it also divides the rate by 1 + 1e-7 times the steps taken (1.012 at the end)
    BatchNorm   on vectors it has an eps of 1e-5; here 1e-3
"""

import math
from typing import Any

import torch
from torch import nn

from model.datasets import facts
from training.recipes import Recipe


def recipe(dataset: str, arch: str) -> Recipe:
    """The paper's settings for a data set and a network."""
    common: dict[str, Any] = {"name": "paper", "decay_all": True, "author_init": True, "flip": facts(dataset).mirrored}
    if arch.startswith("resnet"):
        steps = ((59, 0.2), (119, 0.2), (159, 0.2))
        return Recipe(stages=((0, 200),), batch_size=64, milestones=steps, nesterov=True, crop=4, **common)
    if dataset == "cub":  # the author starts from CIFAR-100 weights: see --start
        steps = ((29, 2.0), (59, 2.0), *((epoch, 0.5) for epoch in range(89, 320, 30)))
        return Recipe(stages=((0, 320),), lr=0.01, milestones=steps, **common)
    halving = tuple((epoch, 0.5) for epoch in range(24, 300, 25))
    return Recipe(stages=((0, 300),), lr=0.01 if dataset == "svhn" else 0.1, milestones=halving, **common)


@torch.no_grad()
def initialise(net: nn.Module) -> None:
    """The author's first weights: convolutions N(0, 2 / (9 n_out)), u with std sqrt 2, BatchNorm scales U(0, 1)."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.out_channels * module.kernel_size[0] * module.kernel_size[1]  # u: 1, so its std is sqrt 2
            module.weight.normal_(0, math.sqrt(2 / fan_out))
            if module.bias is not None:
                module.bias.zero_()
        elif isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.weight.uniform_(0, 1)
