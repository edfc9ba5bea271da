"""torch.hub finds every shipped checkpoint and every architecture by its own name."""

import pytest
import torch

import hubconf
import model
from tests.conftest import REPO


def test_a_checkpoint_and_an_architecture_load_by_name():
    entry = model.list_checkpoints()[0]
    net = torch.hub.load(str(REPO), entry.name, source="local")
    assert net.info == entry.info and net.name == entry.name and not net.training
    fresh = torch.hub.load(str(REPO), "vgg-att3-concat-dp", source="local", num_classes=3, width=1 / 16)
    assert fresh.arguments["num_classes"] == 3 and fresh.training
    with pytest.raises(RuntimeError, match="Cannot find callable"):
        torch.hub.load(str(REPO), "vgg-att3-concat-nothing", source="local")


def test_every_checkpoint_and_architecture_is_offered():
    offered = {name for name in dir(hubconf) if callable(getattr(hubconf, name)) and not name.startswith("_")}
    assert offered == {*model.list_names(), *(entry.name for entry in model.list_checkpoints()), "explain"}
