"""What a run starts with: the untrained network, its optimiser, the precision."""

from __future__ import annotations

import torch
from torch import nn

import model
from model import Network
from model.machine import multiplies_bfloat16
from model.networks.attending import attends
from training.data import Dataset
from training.recipes import Recipe, paper
from training.run_folder import RunError
from training.settings import Settings


def choose_precision(device: torch.device) -> str:
    """bf16 where the hardware multiplies it natively, else float32."""
    return "bf16" if multiplies_bfloat16(device) else "float32"


def build(settings: Settings, data: Dataset) -> Network:
    """The untrained network of a run; the seed fixes its weights.

    Raises:
        ValueError: no network has that name, or an argument does not suit it.
        CheckpointError: the checkpoint to start from cannot be loaded.
        RunError: the checkpoint to start from does not fit.
    """
    torch.manual_seed(settings.seed)
    net = model.build(
        settings.arch,
        num_classes=len(data.class_names),
        width=settings.width,
        dropout=settings.recipe.dropout,
        input_size=data.input_size,
        **({} if settings.scale_scores is True else {"scale_scores": settings.scale_scores}),
    )
    if settings.recipe.author_init:
        paper.initialise(net)
    if settings.start:
        start_from(net, settings.start, data.class_names)
    return net


def start_from(net: Network, checkpoint: str, class_names: tuple[str, ...] = ()) -> None:
    """Copies every tensor of a checkpoint that fits. The classifier stays untrained if the classes differ.

    Raises:
        RunError: a tensor outside of the classifier does not fit, or scores are scaled in another way.
    """
    source = Network.from_pretrained(checkpoint)
    alike = attends(net) and attends(source) and (net.uses_global, net.compatibility) == (True, source.compatibility)
    if alike and source.equation != net.equation:
        value = {True: "yes", False: "no"}.get(source.arguments["scale_scores"], "learnt")
        raise RunError(f"the scores of {checkpoint} are scaled in another way: add --scale-scores {value}")
    own, other = net.state_dict(), source.state_dict()
    other.pop("class_questions", None)  # they are computed again after training
    left_out = () if class_names and source.info.class_names == tuple(class_names) else ("classifier",)
    fitting = {k: v for k, v in other.items() if k in own and own[k].shape == v.shape}
    dead = ("global_branch.", "project.") if attends(net) and not net.uses_global else ()  # a pruned one lacks them
    strange = [k for k in own.keys() | other.keys() if k not in fitting and not k.startswith(("classifier", *dead))]
    if strange:
        raise RunError(f"cannot start from {checkpoint}: it has another architecture or width (see {min(strange)})")
    net.load_state_dict(own | {k: v for k, v in fitting.items() if not k.startswith(left_out)})


def optimiser(net: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    """SGD. Weight decay acts on matrices and kernels only, unless the recipe sets ``decay_all``."""
    parameters = list(net.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": recipe.weight_decay * recipe.decay_all},
    ]
    fused = parameters[0].is_cuda or None  # on a GPU one kernel for each step; on a CPU PyTorch's default
    return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.nesterov, fused=fused)
