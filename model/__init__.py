"""The paper's networks, and what is done with one picture.

explanation = model.explain("cat.jpg", "vgg-att3-dp-cifar10-s-long")  # the answer, and where each level looked
result = model.ask("park.jpg", "dog", "vgg-att3-dp-cifar10-s-ask")    # the same under a question
net = model.build("vgg-att2-indep-pc")                                # a network by its name; model.list() has all
net = model.Network.from_pretrained("vgg-att3-dp-cifar10-s-long")
"""

from model.ask import ClassAnswer, SceneAnswer, ask, ask_every_class
from model.checkpoints import list_checkpoints
from model.compare import Comparison
from model.explain import explain
from model.explanation import Explanation, Level
from model.format import CheckpointError, Info
from model.network import Network
from model.networks.attending import AttendingNetwork, LevelSplit
from model.networks.baselines import VGG, VGGGAP, VGGPAN, VGGGlobal
from model.networks.resnet import ResNet164, ResNet164Attention
from model.networks.vgg import LEVELS, AttentionVGG
from model.networks.zoo import build, list_names

list = list_names  # model.list(); kept out of __all__, where it would hide Python's own

__all__ = [
    "LEVELS",
    "VGG",
    "VGGGAP",
    "VGGPAN",
    "AttendingNetwork",
    "AttentionVGG",
    "CheckpointError",
    "ClassAnswer",
    "Comparison",
    "Explanation",
    "Info",
    "Level",
    "LevelSplit",
    "Network",
    "ResNet164",
    "ResNet164Attention",
    "SceneAnswer",
    "VGGGlobal",
    "ask",
    "ask_every_class",
    "build",
    "explain",
    "list_checkpoints",
    "list_names",
]
