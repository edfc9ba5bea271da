"""What the tests of the networks share."""

import pytest
import torch


@pytest.fixture
def lively():
    """Returns a function that makes a network, in evaluation mode, whose BatchNorms are not the identity."""

    def change(net, seed=0):
        generator = torch.Generator().manual_seed(seed)
        for m in net.modules():
            if isinstance(m, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
                torch.nn.init.normal_(m.weight, 1, 0.2, generator)
                torch.nn.init.normal_(m.bias, 0, 0.2, generator)
                torch.nn.init.normal_(m.running_mean, 0, 0.2, generator)
                torch.nn.init.uniform_(m.running_var, 0.5, 1.5, generator)
        return net.eval()

    return change


@pytest.fixture
def pictures():
    """Returns a function: normally distributed pictures [batch, 3, size, size], always the same."""

    def draw(size=32, batch=2, dtype=torch.float32):
        return torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(3)).to(dtype)

    return draw


class WrittenOut:
    """Layers from the weights of a network by their names and torch's functions alone, to write a network out with."""

    def __init__(self, net):
        self.w = net.state_dict()

    def linear(self, x, name):
        return torch.nn.functional.linear(x, self.w[f"{name}.weight"], self.w[f"{name}.bias"])

    def norm_relu(self, x, name, eps=1e-3):
        stats = (self.w[f"{name}.{key}"] for key in ("running_mean", "running_var", "weight", "bias"))
        return torch.nn.functional.relu(torch.nn.functional.batch_norm(x, *stats, eps=eps))

    def conv(self, x, name, stride=1):
        weight = self.w[f"{name}.weight"]
        padding = weight.shape[-1] // 2
        return torch.nn.functional.conv2d(x, weight, self.w.get(f"{name}.bias"), stride, padding)

    def conv_norm_relu(self, x, name):
        return self.norm_relu(self.conv(x, f"{name}.0"), f"{name}.1")


@pytest.fixture
def written_out():
    return WrittenOut
