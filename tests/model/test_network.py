"""A network describes itself: its kind of map, whether it is a control, and how positions are scored."""

import re

import pytest
import torch

import model
from model.map_kinds import ATTENTION, CAM
from model.networks.attention import COMPATIBILITIES
from tests.conftest import REPO

NAMES = ["vgg", "vgg-gap", "vgg-pan", "vgg-global", "resnet164"]
NAMES += [f"{trunk}-concat-{c}" for trunk in ("vgg-att3", "resnet164-att2") for c in COMPATIBILITIES]


@pytest.mark.parametrize("name", NAMES)
def test_a_networks_description_of_itself_is_true(name, pictures, lively):
    net = lively(model.build(name, width=1 / 8))
    with torch.no_grad():
        logits, maps = net(pictures())
    assert bool(maps) == bool(net.map_kind.contract)
    if net.map_kind is ATTENTION:
        assert all(torch.allclose(m.sum((1, 2)), torch.ones(2), atol=1e-5) for m in maps.values())
        assert list(maps) == [*net.levels] and set(maps) <= set(net.available)
        assert net.is_control == all(bool((m == m[0, 0, 0]).all()) for m in maps.values())
        row = COMPATIBILITIES[net.compatibility]
        assert net.uses_global == row.uses_global and net.equation in row.equations.values()
    else:
        assert net.equation is None and not net.is_control
    if net.map_kind in (ATTENTION, CAM):
        features, again = net.features_and_logits(pictures())
        assert torch.allclose(logits, again, atol=1e-5)
        assert {k: f.shape[2:] for k, f in features.items()} == {k: m.shape[1:] for k, m in maps.items()}
    else:
        with pytest.raises(ValueError, match="has no levels"):
            net.features_and_logits(pictures())


@pytest.mark.parametrize("name", COMPATIBILITIES)
def test_a_compatibility_has_a_formula_for_each_of_its_arguments(name):
    for scale in (True, False, "learnt") if name == "dp" else (True,):
        for branch in (True, False) if not COMPATIBILITIES[name].uses_global else (True,):
            net = model.build(f"vgg-att1-concat-{name}", width=1 / 16, scale_scores=scale, global_branch=branch)
            assert ("g" in re.findall(r"[A-Za-z]", net.equation.text)) == (branch and name != "uniform")


def test_nothing_outside_model_asks_for_the_class_of_a_network():
    classes = "|".join(
        c for c in model.__all__ if isinstance(getattr(model, c), type) and issubclass(getattr(model, c), model.Network)
    )
    asks = re.compile(rf"isinstance\([^)]*\b({classes})\b|__name__ [!=]=|\[.architecture.\] [!=]=")
    files = [f for folder in ("app", "training", "tools") for f in (REPO / folder).rglob("*.py")]
    lines = [f"{f.name}: {line.strip()}" for f in files for line in f.read_text().splitlines() if asks.search(line)]
    assert not [line for line in lines if '__name__ == "__main__"' not in line]
