"""A network with trained attention as one ONNX graph, for other languages, phones and browsers.

    python -m model export vgg-att3-dp-cifar10-s-long frog.onnx --onnx

Inputs: ``picture``, uint8 [batch, 3, height, width], RGB from 0 to 255, of any batch and side; and, where maps depend
on it, ``g`` [batch, C], another picture's global feature to ask with. Without ``g``, each picture asks with its own.

Outputs: ``logits`` [batch, K]; for each level ``map_<level>`` [batch, h, w], which sums to 1, and ``terms_<level>``
[batch, K]; ``bias`` [K], which with the terms adds up to the logits; and ``g`` of the pictures as ``own_g`` [batch, C].

The graph's metadata hold the checkpoint's name, class names and compatibility.
"""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from model.atomic import write_atomically
from model.explain import attending_network
from model.network import Network
from model.networks.attending import AttendingNetwork
from model.networks.layers import LARGEST_INPUT
from model.presets import normalise

SIDE = 32  # px of the picture that the graph is traced with; any other gives the same graph


class Graph(nn.Module):
    """From pixels to everything that a network says of them."""

    def __init__(self, net: AttendingNetwork):
        super().__init__()
        self.net = net

    def forward(self, picture: Tensor, g: Tensor | None = None) -> tuple[Tensor, ...]:
        local_features, own = self.net.features(normalise(picture, self.net.info.mean, self.net.info.std))
        question = own if g is None or own is None else torch.where(g.isnan(), own, g)  # the default of g is NaN
        attention = self.net.attention_maps(local_features, question)
        terms = self.net.level_terms(local_features, attention)
        outputs = (self.net.bias + sum(terms.values()), *attention.values(), *terms.values(), self.net.bias)
        return outputs if g is None or own is None else (*outputs, own)


def write_onnx(net: Network, file: Path) -> None:
    """Writes ``net`` as one ONNX file, whose folder is made if it does not exist.

    Raises:
        ValueError: the network has no trained attention, or the packages onnx and onnxscript are not installed.
        OSError: the file cannot be written.
    """
    net = attending_network(net)
    try:
        import onnx
        import onnxscript  # noqa: F401 - torch's exporter uses it
    except ImportError:
        raise ValueError("ONNX files need two more packages: pip install onnx onnxscript") from None
    smallest = net.trunk.smallest_input
    batch = torch.export.Dim("batch", min=1, max=65536)
    height, width = (torch.export.Dim(name, min=smallest, max=LARGEST_INPUT) for name in ("height", "width"))
    examples = [torch.zeros(2, 3, SIDE, SIDE + 4, dtype=torch.uint8)]
    shapes: dict = {"picture": {0: batch, 2: height, 3: width}}
    outputs = ["logits", *(f"map_{level}" for level in net.levels), *(f"terms_{level}" for level in net.levels), "bias"]
    if net.uses_global:
        examples.append(torch.full((2, net.g_channels), torch.nan))
        shapes["g"] = {0: batch}
        outputs.append("own_g")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("onnxscript", "onnx_ir"):
            logging.getLogger(name).setLevel(logging.ERROR)  # they log their own steps
        program = torch.onnx.export(
            Graph(net).eval(),
            tuple(examples),
            dynamo=True,
            dynamic_shapes=shapes,
            input_names=list(shapes),
            output_names=outputs,
            verbose=False,
        )
    assert program is not None  # dynamo always gives one
    for node in program.model.graph:
        node.metadata_props.clear()  # the lines of code that it comes from, with this machine's folders
    graph = program.model_proto
    if net.uses_global:
        default = onnx.helper.make_tensor(
            "g", onnx.TensorProto.FLOAT, [1, net.g_channels], [float("nan")] * net.g_channels
        )
        graph.graph.initializer.append(default)  # makes the input optional
        next(i for i in graph.graph.input if i.name == "g").type.tensor_type.shape.dim[0].dim_param = "questions"
    class_names = json.dumps(net.info.class_names)
    properties = {"name": net.name or "", "compatibility": net.compatibility, "class_names": class_names}
    onnx.helper.set_model_props(graph, properties)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, graph.SerializeToString())
