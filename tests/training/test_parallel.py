"""The device that training takes by itself."""

import pytest
import torch

from training.parallel import accelerator


@pytest.fixture
def card(monkeypatch):
    """A card that torch counts and cannot compute with, as one that is too old for it; here it is not even there."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)


def test_a_card_that_does_not_compute_leaves_training_on_the_cpu(card, capsys):
    assert accelerator("auto").device.type == "cpu"
    assert capsys.readouterr().err.startswith("note: the CPU is used, as the CUDA device cannot be (")


def test_a_card_that_was_asked_for_is_refused_with_the_reason(card):
    with pytest.raises(ValueError, match=r"the CUDA device cannot be used \(.+\)"):
        accelerator("cuda")
