"""Adversarial pictures: every pixel value may change by up to epsilon / 255.

    attacked = fgsm(net, pictures, classes, epsilon=4)      # one step
    attacked = pgd(net, pictures, classes, epsilon=4)       # ten, from a random start
    logits = logits_of(net, attacked)

Pictures are uint8 (0 to 255) or floating (0 to 1), [B, 3, H, W], not yet normalised: the network's own mean and std are
applied here. The network is in evaluation mode, as ``from_pretrained`` gives it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from model.network import Network
from model.presets import network_input, unit_pixels

PGD_STEPS = 10


def logits_of(net: Network, pictures: Tensor) -> Tensor:
    """Logits [B, K] of pictures, without gradients."""
    with torch.no_grad():
        return net(network_input(net, pictures))[0]


def ascent_direction(net: Network, pixels: Tensor, classes: Tensor) -> Tensor:
    """The sign of the gradient of each picture's own cross-entropy with respect to its pixels, [B, 3, H, W]."""
    with torch.enable_grad():
        pixels = pixels.detach().requires_grad_()
        # A tensor made in inference mode cannot take part in a backward pass; a copy can.
        loss = cross_entropy(net(network_input(net, pixels))[0].float(), classes.clone(), reduction="sum")
        return torch.autograd.grad(loss, pixels)[0].sign()


def fgsm(net: Network, pictures: Tensor, classes: Tensor, epsilon: float) -> Tensor:
    """Fast gradient sign method (Goodfellow et al. 2015): each pixel value moves by epsilon / 255 towards more loss.

    Args:
        net: the network attacked.
        pictures: uint8, or floating from 0 to 1, [B, 3, H, W].
        classes: int64 [B], the classes to move away from: the pictures' labels, or the answers.
        epsilon: in steps of 1 / 255, 0 to 255.

    Returns:
        float32 [B, 3, H, W], from 0 to 1. A value whose gradient is exactly 0 stays.

    Raises:
        ValueError: pictures or epsilon do not fit.
    """
    radius = radius_of(epsilon)
    with torch.inference_mode(False):
        clean = unit_pixels(pictures)
        return (clean + radius * ascent_direction(net, clean, classes)).clamp(0, 1)


def pgd(
    net: Network,
    pictures: Tensor,
    classes: Tensor,
    epsilon: float,
    steps: int = PGD_STEPS,
    step_size: float | None = None,
    seed: int = 0,
) -> Tensor:
    """Projected gradient descent (Madry et al. 2018) in the L-infinity ball, from a uniformly random point of it.

    Args:
        net, pictures, classes, epsilon: as for ``fgsm``.
        steps: how many, at least 1.
        step_size: in steps of 1 / 255; by default 2.5 * epsilon / steps, enough to cross the ball.
        seed: fixes the random start, the same on every device.

    Returns:
        float32 [B, 3, H, W], from 0 to 1, after the last step; no value further than epsilon / 255 from the picture's.

    Raises:
        ValueError: pictures, epsilon, steps or step_size do not fit.
    """
    radius = radius_of(epsilon)
    if steps < 1:
        raise ValueError(f"steps must be at least 1, not {steps}")
    step = 2.5 * radius / steps if step_size is None else radius_of(step_size, "step_size")
    with torch.inference_mode(False):
        clean = unit_pixels(pictures)
        start = torch.rand(clean.shape, generator=torch.Generator().manual_seed(seed)).to(clean.device) * 2 - 1
        low, high = (clean - radius).clamp(min=0), (clean + radius).clamp(max=1)
        adversarial = (clean + radius * start).clamp(low, high)
        for _ in range(steps):
            adversarial = (adversarial + step * ascent_direction(net, adversarial, classes)).clamp(low, high)
        return adversarial


METHODS = {"fgsm": fgsm, "pgd": pgd}
TITLES = {"fgsm": "FGSM, one step", "pgd": f"PGD, {PGD_STEPS} steps"}


def radius_of(epsilon: float, name: str = "epsilon") -> float:
    if not 0 <= epsilon <= 255:
        raise ValueError(f"{name} must be 0 to 255 (steps of 1 / 255), not {epsilon}")
    return epsilon / 255
