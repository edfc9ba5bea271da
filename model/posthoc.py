"""Explanations computed after training, to compare attention with; and the deletion check for any map.

    saliency(net, pictures, classes)     [B, H, W]    |d logit / d pixel|                (Simonyan et al. 2014)
    grad_cam(net, pictures, classes)     [B, h, w]    gradient-weighted features         (Selvaraju et al. 2017)
    cam(net, pictures, classes)          [B, h, w]    class-weighted features, VGG-GAP   (Zhou et al. 2016)
    deletion(net, pictures, classes, maps, shares)    probability after the highest pixels are blurred
    moved_deletion, random_deletion(net, ...)         the same for a moved map and for random pixels

Unlike attention, each map is of one class. No map is negative or normalised; one may be 0 everywhere.
Pictures are uint8 (0 to 255) or floating (0 to 1), [B, 3, H, W]; the network's own mean and std are applied here. The
network is in evaluation mode, as ``from_pretrained`` gives it. No hooks: one network may serve several threads.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from captum.attr import Saliency
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.transforms.functional import gaussian_blur

from model.attacks import logits_of
from model.network import Network
from model.networks.baselines import VGGGAP
from model.presets import network_input, unit_pixels

SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)


def saliency(net: Network, pictures: Tensor, classes: Tensor) -> Tensor:
    """Gradient saliency: how much each class's logit changes with a pixel, the largest of its three channels.

    Args:
        net: any network.
        pictures: uint8, or floating from 0 to 1, [B, 3, H, W].
        classes: int64 [B], one class a picture.

    Returns:
        [B, H, W], in logits per unit of a pixel value from 0 to 1.
    """
    with torch.inference_mode(False):  # the page's own mode, in which nothing has a gradient
        pixels = unit_pixels(pictures).requires_grad_()
        gradient = Saliency(lambda x: net(network_input(net, x))[0]).attribute(pixels, target=classes.clone())
    return gradient.detach().amax(1)


def grad_cam(net: Network, pictures: Tensor, classes: Tensor, level: str | None = None) -> Tensor:
    """Grad-CAM: a level's channels, each weighted by its mean d logit / d feature, summed; then ReLU.

    The gradient follows every path from the level to the logit; with attention, also those through the map and g.

    Args:
        net: a network with trained attention, or VGG-GAP.
        pictures: uint8, or floating from 0 to 1, [B, 3, H, W].
        classes: int64 [B], one class a picture.
        level: one of the network's; by default the last, conv13 in a VGG.

    Returns:
        [B, h, w], on the level's own grid.

    Raises:
        ValueError: the network is of another kind, or has no such level.
    """
    with torch.inference_mode(False), torch.enable_grad():
        pixels = unit_pixels(pictures).requires_grad_()  # or a frozen network would keep no gradients
        local_features, logits = net.features_and_logits(network_input(net, pixels))
        level = level or list(local_features)[-1]
        if level not in local_features:
            raise ValueError(f"the network's levels are {', '.join(local_features)}, not {level}")
        l = local_features[level]  # [B, C, h, w]
        gradient = torch.autograd.grad(logits.gather(1, classes.clone()[:, None]).sum(), l)[0]
    return (gradient.mean((2, 3), keepdim=True) * l.detach()).sum(1).relu()


def cam(net: Network, pictures: Tensor, classes: Tensor) -> Tensor:
    """CAM, VGG-GAP's own map, with negative values set to 0.

    Args:
        net: VGG-GAP.
        pictures: uint8, or floating from 0 to 1, [B, 3, H, W].
        classes: int64 [B], one class a picture.

    Returns:
        [B, h, w], 8 x 8 at 32 x 32.

    Raises:
        ValueError: the network is of another kind.
    """
    if not isinstance(net, VGGGAP):
        raise ValueError(f"CAM is VGG-GAP's map; {type(net).__name__} has none")
    with torch.no_grad():
        conv13 = net.trunk(network_input(net, pictures))["conv13"]
        return net.cam(conv13, classes).relu()


def to_side(maps: Tensor, side: tuple[int, ...]) -> Tensor:
    """Maps [B, h, w] brought to [B, H, W] bilinearly, as the page draws them."""
    if maps.shape[1:] == side:
        return maps
    return interpolate(maps[:, None].float(), side, mode="bilinear", align_corners=False)[:, 0]


def ranks(maps: Tensor, seed: int = 0) -> Tensor:
    """The place of each pixel of [B, H, W] in its map's order, 0 for the highest.

    Equal pixels are ordered at random, in the same way for every map of the batch.
    """
    flat = maps.flatten(1).cpu()
    shuffle = torch.randperm(flat.shape[1], generator=torch.Generator().manual_seed(seed))
    order = shuffle[flat[:, shuffle].argsort(dim=1, descending=True, stable=True)]
    return order.argsort(dim=1).view(maps.shape).to(maps.device)


def blur(pixels: Tensor) -> Tensor:
    """Pixels [B, 3, H, W] under a Gaussian whose sigma is an eighth of the shorter side: colours stay, shapes go."""
    sigma = min(pixels.shape[2:]) / 8
    return gaussian_blur(pixels, [2 * int(2.5 * sigma) + 1] * 2, [sigma] * 2)


def delete(pictures: Tensor, maps: Tensor, shares: Sequence[float], seed: int = 0) -> Tensor:
    """Blurs a share of the pixels of each picture: those that are highest in the map.

    Args:
        pictures: uint8, or floating from 0 to 1, [B, 3, H, W].
        maps: [B, h, w], on any grid.
        shares: S shares of the pixels, 0 to 1, each rounded to whole pixels.
        seed: the order of pixels that are equal in the map.

    Returns:
        float32 [B, S, 3, H, W] from 0 to 1.

    Raises:
        ValueError: a share is not from 0 to 1.
    """
    if wrong := [share for share in shares if not 0 <= share <= 1]:
        raise ValueError(f"shares must be from 0 to 1, not {wrong[0]}")
    pixels = unit_pixels(pictures)
    soft_pixels, place = blur(pixels), ranks(to_side(maps, pixels.shape[2:]), seed)[:, None]  # [B, 1, H, W]
    highest = [round(share * place[0].numel()) for share in shares]
    return torch.stack([torch.where(place < count, soft_pixels, pixels) for count in highest], 1)


def deletion(
    net: Network, pictures: Tensor, classes: Tensor, maps: Tensor, shares: tuple[float, ...] = SHARES, seed: int = 0
) -> Tensor:
    """The deletion check: the probability of the class after the pixels that a map highlights are blurred.

    Args:
        net: any network.
        pictures: uint8, or floating from 0 to 1, [B, 3, H, W].
        classes: int64 [B], one class a picture.
        maps: [B, h, w], on any grid.
        shares: of the pixels, the highest in the map first; 0 is the picture itself.
        seed: the order of pixels that are equal in the map.

    Returns:
        Probabilities [B, len(shares)].
    """
    variants = delete(pictures, maps, shares, seed)
    probabilities = logits_of(net, variants.flatten(0, 1)).float().softmax(1).view(*variants.shape[:2], -1)
    return probabilities.gather(2, classes.view(-1, 1, 1).expand(-1, len(shares), 1))[..., 0]


def random_deletion(
    net: Network,
    pictures: Tensor,
    classes: Tensor,
    shares: tuple[float, ...] = SHARES,
    seeds: int = 10,
    numbers: Sequence[int] | None = None,
) -> Tensor:
    """The same for pixels drawn at random, the mean over ``seeds`` draws: [B, len(shares)].

    Random pixels lie scattered, and a map's lie in patches, so the two differ in shape as well as in place. Each
    picture has its own draws, as in ``moved_deletion``.
    """
    noise = [torch.rand(seeds, *pictures.shape[2:], generator=g) for g in generators(len(pictures), numbers)]
    draws = torch.stack(noise, 1).to(pictures.device)  # [seeds, B, H, W]
    return torch.stack([deletion(net, pictures, classes, maps, shares) for maps in draws]).mean(0)


def generators(count: int, numbers: Sequence[int] | None) -> list[torch.Generator]:
    """A generator for each of ``count`` pictures, seeded by its number, by default 0, 1, 2 ..."""
    return [torch.Generator().manual_seed(number) for number in (range(count) if numbers is None else numbers)]


def moved_deletion(
    net: Network,
    pictures: Tensor,
    classes: Tensor,
    maps: Tensor,
    shares: tuple[float, ...] = SHARES,
    seeds: int = 10,
    numbers: Sequence[int] | None = None,
) -> Tensor:
    """The same for maps moved elsewhere, one move after the other: [seeds, B, len(shares)].

    A map is shifted as on a torus, by at least a quarter of the side in one direction. It stays as patchy as it was,
    and differs in place alone. If a map points nowhere, half of its moves cost more than the map and half less. Each
    picture has its own moves, drawn by its number, so that pictures are independent; ``numbers`` are by default 0, 1,
    2 ...
    """
    h, w = pictures.shape[2:]
    large_maps = to_side(maps, (h, w))
    far = [(y, x) for y in range(h) for x in range(w) if 4 * min(y, h - y) >= h or 4 * min(x, w - x) >= w]
    draws = [torch.randint(len(far), (seeds,), generator=g).tolist() for g in generators(len(pictures), numbers)]
    falls = []
    for seed, places in enumerate(zip(*draws, strict=True)):
        moved_maps = torch.stack([m.roll(far[place], dims=(0, 1)) for m, place in zip(large_maps, places, strict=True)])
        falls.append(deletion(net, pictures, classes, moved_maps, shares, seed))
    return torch.stack(falls)
