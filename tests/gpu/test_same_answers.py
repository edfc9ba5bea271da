"""On a GPU every tab answers as on a CPU, within what bfloat16 rounds: sums of bfloat16 products keep 8 bits."""

import numpy as np
import pytest
import torch

from app.ask import ask, look, read
from app.attack import attack
from app.images import read_picture
from app.networks import Networks
from app.others import explain_otherwise, mean
from app.sampling import CifarTest, draw
from model import list_checkpoints
from model.checkpoints import BUNDLED
from tests.conftest import REPO

DEVICE = "cuda"
ROUNDED = 0.05  # of a probability, and of a map's mass that lies elsewhere: answers in bfloat16
EXACT = 0.005  # the same, of what is computed in float32 on both, perhaps in TF32
SWITCH = sorted(entry.name for entry in list_checkpoints() if entry.compatibility in ("dp", "pc", "additive"))
NAMES = ("frog", "ship")
Both = tuple[Networks, Networks]  # on the CPU and on the GPU

pytestmark = pytest.mark.skipif(DEVICE == "cuda" and not torch.cuda.is_available(), reason="there is no CUDA here")


@pytest.fixture(scope="module")
def both() -> Both:
    return Networks.load(BUNDLED, "cpu"), Networks.load(BUNDLED, DEVICE)


@pytest.fixture(scope="module", params=NAMES)
def picture(request):
    return read_picture(REPO / "assets" / "examples" / f"{request.param}.png")


def elsewhere(a: np.ndarray, b: np.ndarray) -> float:
    """The share of a map's mass that the other one has at other positions."""
    return float(np.abs(a - b).sum() / 2)


def alike(cpu, gpu, bound: float = ROUNDED) -> None:
    """Two explanations are of one class, and differ by no more than the bound."""
    assert cpu.answer == gpu.answer
    for name, probability in cpu.probabilities.items():
        assert gpu.probabilities[name] == pytest.approx(probability, abs=bound), name
    for level, a in cpu.maps.items():
        assert elsewhere(a, gpu.maps[level]) < bound, level
    assert gpu.logit == pytest.approx(gpu.logit_bias + sum(part.logit for part in gpu.levels.values()), abs=1e-6)


@pytest.mark.parametrize("name", SWITCH)
def test_explain_and_side_by_side(both: Both, picture, name):
    cpu, gpu = (networks.explain(picture, name) for networks in both)
    alike(cpu, gpu)


def test_ask(both: Both):
    pictures = [read_picture(REPO / "assets" / "examples" / f"{name}.png") for name in NAMES]
    place = both[0].places["vgg-att3-dp-cifar10-s-ask"]
    looks = [look(networks, read(networks, pictures, *place), *place) for networks in both]
    for a, b in zip(*(seen.every for seen in looks), strict=True):
        assert b.probability == pytest.approx(a.probability, abs=ROUNDED), a.name
        assert elsewhere(a.attention, b.attention) < ROUNDED, a.name
    for question in (NAMES[0], pictures[1]):
        cpu, gpu = (ask(networks, seen.scene, question, *place) for networks, seen in zip(both, looks, strict=True))
        alike(cpu.asked, gpu.asked)
        alike(cpu.own, gpu.own)


@pytest.mark.parametrize("method", ["fgsm", "pgd"])
def test_attack(both: Both, picture, method):
    """Its steps follow the signs of gradients, some of which are near 0: the moves differ, their strength does not."""
    place = both[0].places["vgg-att3-dp-cifar10-s-long"]
    cpu, gpu = (attack(networks, picture, *place, method, 4) for networks in both)
    alike(cpu.comparison.explanations["clean"], gpu.comparison.explanations["clean"])
    assert cpu.largest_move == gpu.largest_move == 4
    named = cpu.comparison.explanations["clean"].answer
    left = [attacked.comparison.explanations["attacked"].probabilities[named] for attacked in (cpu, gpu)]
    assert left[1] == pytest.approx(left[0], abs=2 * ROUNDED)


def test_other_explanations(both: Both, picture):
    place = both[0].places["vgg-att3-dp-cifar10-s-long"]
    cpu, gpu = (explain_otherwise(networks, picture, *place) for networks in both)
    for a, b in ((cpu.attending, gpu.attending), (cpu.gap, gpu.gap), (cpu.pan, gpu.pan)):
        assert a and b and a.answer == b.answer
        for name, there in a.maps.items():
            assert elsewhere(there, b.maps[name]) < 10 * EXACT, name  # gradients add up more roundings
            # at a single share, one pixel more or less can decide, and which comes first is a matter of rounding
            assert mean(b.falls[name]) == pytest.approx(mean(a.falls[name]), abs=10 * EXACT), name


def test_test_images(both: Both, data_dir):
    place = both[0].places["vgg-att3-dp-cifar10-s-long"]
    cpu, gpu = (draw(networks, CifarTest(data_dir), *place, count=48) for networks in both)
    for a, b in zip(cpu.images, gpu.images, strict=True):
        assert a.index == b.index and b.probability == pytest.approx(a.probability, abs=ROUNDED), a.index
        assert a.answer == b.answer or a.probability < 0.5 + ROUNDED, a.index  # two classes are about as probable
