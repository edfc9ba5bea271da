"""The paper's networks: ``from model import AttentionVGG``, or by name, ``model.build("vgg-att2-indep-pc")``."""

from model.checkpoints import list_checkpoints
from model.format import CheckpointError, Info
from model.network import Network
from model.networks.attending import AttendingNetwork, Explained
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
    "Explained",
    "Info",
    "Network",
    "ResNet164",
    "ResNet164Attention",
    "VGGGlobal",
    "build",
    "list_checkpoints",
    "list_names",
]
