"""A network's input: the same numbers for each form of a picture, and one sentence for anything else."""

import dataclasses

import pytest
import torch

import model
from model.presets import network_input, unit_pixels

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


@pytest.fixture
def net():
    net = model.build("vgg-gap", width=0.0625)
    net.info = dataclasses.replace(net.info, mean=MEAN, std=STD)
    return net


def test_bytes_and_fractions_are_normalised_alike_by_the_networks_own_numbers(net):
    pictures = torch.randint(0, 256, (2, 3, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    expected = (pictures.double() / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    for pixels in (pictures, unit_pixels(pictures)):
        assert torch.allclose(network_input(net, pixels).double(), expected, atol=1e-5)


def test_gradients_pass(net):
    pictures = torch.full((1, 3, 8, 8), 0.5, requires_grad=True)
    network_input(net, pictures).sum().backward()
    assert torch.allclose(pictures.grad[0, :, 0, 0], 1 / torch.tensor(STD))


@pytest.mark.parametrize("prepare", [unit_pixels, None], ids=["pixels", "input"])
@pytest.mark.parametrize(
    "pictures, words",
    [
        (torch.zeros(3, 8, 8), "pictures must be"),
        (torch.full((1, 3, 8, 8), 7.0), "from 0 to 1"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.int64), "must be uint8"),
    ],
    ids=["no batch", "range", "type"],
)
def test_what_is_no_picture_is_refused(net, prepare, pictures, words):
    with pytest.raises(ValueError, match=words):
        prepare(pictures) if prepare else network_input(net, pictures)
