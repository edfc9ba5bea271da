"""The device that training takes by itself."""

import os

import pytest
import torch

from training import parallel
from training.parallel import accelerator


@pytest.fixture
def card(monkeypatch):
    """A card that torch counts but cannot compute with, like one that is too old. In truth there is none."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)


def test_a_card_that_does_not_compute_leaves_training_on_the_cpu(card, capsys):
    assert accelerator("auto").device.type == "cpu"
    assert capsys.readouterr().err.startswith("note: using the CPU, because the CUDA device cannot be used (")


def test_a_card_that_was_asked_for_is_refused_with_the_reason(card):
    with pytest.raises(ValueError, match=r"the CUDA device cannot be used \(.+\)"):
        accelerator("cuda")


def test_a_saved_configuration_of_other_work_changes_nothing(monkeypatch):
    for name in ("GRADIENT_ACCUMULATION_STEPS", "DYNAMO_BACKEND", "DYNAMO_MODE", "MIXED_PRECISION"):
        monkeypatch.setenv(
            f"ACCELERATE_{name}", {"GRADIENT_ACCUMULATION_STEPS": "4", "MIXED_PRECISION": "bf16"}.get(name, "inductor")
        )
    parallel.shield_from_config()
    assert not [name for name in os.environ if name.startswith("ACCELERATE_")]


@pytest.mark.parametrize("kind", ["DEEPSPEED", "FSDP", "MEGATRON_LM"])
def test_unsupported_ways_to_share_the_network_are_refused(kind, monkeypatch):
    monkeypatch.setenv(f"ACCELERATE_USE_{kind}", "true")
    with pytest.raises(ValueError, match=f"asks for {kind}, which this training does not use"):
        parallel.shield_from_config()
    monkeypatch.setenv(f"ACCELERATE_USE_{kind}", "false")
    parallel.shield_from_config()
