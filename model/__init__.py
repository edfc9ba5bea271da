"""The paper's networks: ``from model import AttentionVGG``."""

from model.attending import Explained
from model.checkpoints import CheckpointError, Info, Network, list_checkpoints
from model.vgg import LEVELS, AttentionVGG
from model.zoo import build

__all__ = ["LEVELS", "AttentionVGG", "CheckpointError", "Explained", "Info", "Network", "build", "list_checkpoints"]
