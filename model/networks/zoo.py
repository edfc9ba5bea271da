"""Every network by its name: ``build("vgg-att3-concat-dp", num_classes=10, width=0.25)``.

The names: vgg, vgg-gap, vgg-pan, vgg-global, vgg-att{1,2,3}-{concat,indep}-{dp,pc,additive,uniform}, resnet164,
resnet164-att2-concat-{dp,pc,additive,uniform}. att3 attends to conv7, conv10 and conv13, att2 to the last two of them.
"""

from __future__ import annotations

import difflib
import inspect

from model.network import Network
from model.networks import vgg
from model.networks.attention import COMPATIBILITIES
from model.networks.baselines import VGG, VGGGAP, VGGPAN, VGGGlobal
from model.networks.resnet import ResNet164, ResNet164Attention

NETWORKS: dict[str, tuple[type[Network], dict]] = {  # name: class, and the arguments that the name stands for
    "vgg": (VGG, {}),
    "vgg-gap": (VGGGAP, {}),
    "vgg-pan": (VGGPAN, {}),
    "vgg-global": (VGGGlobal, {}),
    **{
        f"vgg-att{n}-{head}-{compatibility}": (
            vgg.AttentionVGG,
            {"levels": vgg.LEVELS[-n:], "head": head, "compatibility": compatibility},
        )
        for n in (1, 2, 3)
        for head in ("concat", "indep")
        for compatibility in COMPATIBILITIES
    },
    "resnet164": (ResNet164, {}),
    **{f"resnet164-att2-concat-{c}": (ResNet164Attention, {"compatibility": c}) for c in COMPATIBILITIES},
}


def list_names() -> list[str]:
    """The names that ``build`` knows."""
    return [*NETWORKS]


def build(
    name: str, num_classes: int = 10, width: float = 1.0, dropout: float = 1.0, input_size: int = 32, **arguments
) -> Network:
    """Builds a network, freshly initialised.

    Args:
        name: one of ``list_names()``.
        num_classes: K, the number of logits.
        width: multiplies every channel count; 1 is the paper's network.
        dropout: multiplies the paper's dropout rates; 0 switches dropout off.
        input_size: side of the square input in pixels; the VGG family pools by 5 after conv7 at 80, as on CUB.
        arguments: what else its constructor takes, such as ``scale_scores`` or ``global_branch``.

    Example:
        >>> net = build("vgg-att3-concat-dp", num_classes=10, width=0.25)
        >>> sum(p.numel() for p in net.parameters())
        1247450
        >>> build("vgg-att4")
        Traceback (most recent call last):
        ValueError: there is no network called 'vgg-att4'; did you mean vgg-pan?

    Raises:
        ValueError: no network has that name, it takes no such argument, or a value is not allowed.
    """
    if name not in NETWORKS:
        near = difflib.get_close_matches(name, NETWORKS, n=1)
        hint = f"did you mean {near[0]}?" if near else "model.list() has all names"
        raise ValueError(f"there is no network called {name!r}; {hint}")
    kind, fixed = NETWORKS[name]
    if unknown := arguments.keys() - inspect.signature(kind).parameters.keys() | arguments.keys() & fixed.keys():
        raise ValueError(f"{name} takes no {', '.join(sorted(unknown))}")
    return kind(num_classes=num_classes, width=width, dropout=dropout, input_size=input_size, **fixed, **arguments)
