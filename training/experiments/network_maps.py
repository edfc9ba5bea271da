"""Every map that a network offers, and maps that need no network, for the experiments that compare them."""

from __future__ import annotations

import torch
from torch import Tensor
from tqdm import tqdm

from model import Network
from model.map_kinds import CAM
from model.networks.attending import AttendingNetwork, attends
from model.posthoc import cam, grad_cam, saliency, to_side
from model.presets import network_input

Key = tuple[str, str]  # method, level
ASKED = "attention, asked by class"
SIGMAS = {"Gaussian": 0.25, "narrow Gaussian": 0.125}  # of the side


def network_maps(
    net: Network, images: Tensor, classes: Tensor, batch_size: int = 50, title: str = ""
) -> tuple[dict[Key, Tensor], Tensor]:
    """Every map the network offers, of all pictures.

    Args:
        net: in evaluation mode.
        images: uint8 [N, 3, S, S].
        classes: int64 [N], the class of each post-hoc map, and of the question if the network keeps a g for each class.
        batch_size: how many at a time.
        title: of the progress bar.

    Returns:
        {(method, level): [N, S, S]}, on the CPU; and the answers [N].
    """
    parts, answers = [], []
    batches = list(zip(images.split(batch_size), classes.split(batch_size), strict=True))
    for x, k in tqdm(batches, title, disable=None):
        x, k = x.to(net.device), k.to(net.device)
        with torch.no_grad():
            logits, attention = net(network_input(net, x))
        levels = {} if net.is_control else attention
        if net.map_kind is CAM:
            levels = dict.fromkeys(levels, cam(net, x, k))  # of the class asked about, and never negative
        maps = {(net.map_kind.name, level): a for level, a in levels.items()}
        if attends(net):
            maps |= {(ASKED, level): a for level, a in class_maps(net, x, k).items()}
            maps["Grad-CAM", net.levels[-1]] = grad_cam(net, x, k)  # on VGG-GAP it is CAM
        maps["saliency", ""] = saliency(net, x, k)
        parts.append({key: to_side(m, x.shape[2:]).cpu() for key, m in maps.items()})
        answers.append(logits.argmax(1).cpu())
    return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}, torch.cat(answers)


@torch.no_grad()
def class_maps(net: AttendingNetwork, images: Tensor, classes: Tensor) -> dict[str, Tensor]:
    """The maps under each class's own question, {level: [B, h, w]}; empty if the network keeps none."""
    if net.class_questions is None:
        return {}
    local_features, _ = net.features(network_input(net, images))
    return net.attention_maps(local_features, net.class_questions[classes])


def plain_maps(count: int, side: int) -> dict[Key, Tensor]:
    """The maps that need no network: {(name, ""): [N, S, S]} of both Gaussians and the uniform map."""
    x = (torch.arange(side) + 0.5) / side - 0.5
    bells = {name: torch.exp(-(x**2) / (2 * sigma**2)) for name, sigma in SIGMAS.items()}
    maps = {(name, ""): bell[:, None] * bell for name, bell in bells.items()} | {
        ("uniform", ""): torch.ones(side, side)
    }
    return {key: m.expand(count, -1, -1) for key, m in maps.items()}
