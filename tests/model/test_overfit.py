"""Each network learns 64 real photographs by heart, so its parts are connected correctly."""

import pytest
import torch
from torch.nn.functional import avg_pool2d, cross_entropy

import model

STEPS = {"vgg": 80, "resnet164": 200}  # at least 1.5 times as many as two seeds needed
# Attention is the same code in both families; on the slow ResNet, pc stands for the others.
NAMES = [name for name in model.list_names() if name == "resnet164" or name.startswith("vgg") or name.endswith("-pc")]


@pytest.fixture(scope="module")
def photographs(data_dir):
    """The first 64 training images of CIFAR-10, at 16 x 16 to be quick, and their classes."""
    from torchvision.datasets import CIFAR10

    data = CIFAR10(data_dir, train=True, download=False)
    x = avg_pool2d(torch.from_numpy(data.data[:64]).permute(0, 3, 1, 2).float(), 2)
    return (x - x.mean((0, 2, 3), keepdim=True)) / x.std((0, 2, 3), keepdim=True), torch.tensor(data.targets[:64])


@pytest.mark.parametrize("name", NAMES)
def test_learns_64_photographs_by_heart(name, photographs):
    images, classes = photographs
    torch.manual_seed(0)
    net = model.build(name, width=0.125, dropout=0, input_size=16)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    right = 0
    for _ in range(STEPS[name.partition("-")[0]]):
        logits, _ = net(images)
        right = int((logits.argmax(1) == classes).sum())
        if right == 64:
            break
        optimizer.zero_grad()
        cross_entropy(logits, classes).backward()
        optimizer.step()
    assert right == 64

    for m in net.modules():
        if isinstance(m, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            m.momentum = 1.0  # the next pass sets the running statistics to those of the 64
    with torch.no_grad():
        net(images)
        assert int((net.eval()(images)[0].argmax(1) == classes).sum()) >= 63
