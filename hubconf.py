"""For torch.hub: every shipped checkpoint and every architecture by its name, and ``explain``.

net = torch.hub.load("path/to/this/folder", "vgg-att3-dp-cifar10-s-long", source="local")     # with its weights
net = torch.hub.load("path/to/this/folder", "vgg-att3-concat-dp", source="local", num_classes=100)   # fresh
"""

from functools import partial as _partial

from model import Network as _Network
from model import build as _build
from model import explain  # noqa: F401
from model import list_checkpoints as _list_checkpoints
from model import list_names as _list_names

dependencies = ["torch", "torchvision", "safetensors", "numpy", "PIL", "matplotlib"]

globals().update({name: _partial(_build, name) for name in _list_names()})
globals().update({entry.name: _partial(_Network.from_pretrained, entry.name) for entry in _list_checkpoints()})
