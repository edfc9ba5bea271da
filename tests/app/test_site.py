"""Which checkpoint and compatibility stand there at first."""

import copy
import dataclasses

import gradio as gr
import pytest
import torch

from app.endpoints import hidden_checkpoint
from app.inputs import detail
from app.networks import Networks
from app.site import Site
from model import AttentionVGG, Info
from tests.app.serving import FAMILY


def network(error: float | None) -> AttentionVGG:
    net = AttentionVGG(width=0.01)
    net.info = Info(results={} if error is None else {"error": error})
    return net


@pytest.mark.parametrize(
    ("errors", "family", "compatibility"),
    [
        ({"x-l": {"dp": 0.05}, "x-s": {"dp": 0.09, "pc": 0.08}, "y-s": {"pc": 0.085}}, "x-s", "pc"),
        ({"x-l": {"dp": 0.05}, "x-s": {"dp": 0.09}, "y-s": {"dp": 0.085, "pc": 0.1}}, "y-s", "dp"),
        ({"x-l": {"dp": 0.06, "pc": 0.05}, "y-l": {"dp": 0.055}}, "x-l", "pc"),
        ({"x-s": {"dp": None, "pc": 0.3}, "y-s": {"dp": None}}, "x-s", "pc"),
        ({"x-s": {"dp": None, "pc": None}}, "x-s", "dp"),
        ({"x-l": {"dp": 0.05}, "x-s": {"dp": 0.08}, "x-s-long": {"dp": 0.06}}, "x-s-long", "dp"),
    ],
)
def test_the_best_small_one(errors, family, compatibility):
    families = {f: {c: network(e) for c, e in nets.items()} for f, nets in errors.items()}
    site = Site(Networks(families))
    assert (site.first_checkpoint, site.first_compatibility(family)) == (family, compatibility)
    assert site.nearest(family, "additive") == compatibility and site.nearest(family, "dp") == "dp"


@pytest.mark.parametrize(("error", "first"), [(0.0584, "x-s-ask"), (0.059, "x-s")])
def test_of_those_equally_good_the_one_that_answers_questions(error, first):
    asking = network(error).with_class_questions(torch.zeros(10, 5))
    asking.info = Info(results={"error": error})
    site = Site(Networks({"x-s": {"dp": network(0.0581)}, "x-s-ask": {"dp": asking}}))
    assert site.first_checkpoint == first


def test_an_address_that_names_a_compatibility_alone_opens_a_checkpoint_that_has_it():
    errors = {"a-s": {"dp": 0.05}, "b-s": {"dp": 0.09, "pc": 0.08}, "c-s": {"pc": 0.07}, "d-s": {"additive": 0.1}}
    site = Site(Networks({f: {c: network(e) for c, e in nets.items()} for f, nets in errors.items()}))
    opened = {asked: site.checkpoint_with(asked) for asked in ("dp", "pc", "additive", "", "cosine")}
    assert opened == {"dp": "a-s", "pc": "c-s", "additive": "d-s", "": "a-s", "cosine": "a-s"}


def known(dataset: str, kinds: int, width: float, *errors: float | None) -> dict:
    nets = [network(error) for error in errors]
    for net in nets:
        net.info = dataclasses.replace(net.info, dataset=dataset, class_names=tuple(map(str, range(kinds))))
        net.arguments["width"] = width
    return dict(zip(("dp", "pc"), nets, strict=False))


def test_the_picker_tells_the_data_then_the_size_then_the_errors_in_this_order():
    families = {
        "pets-s": known("folder:/home/me/pets", 3, 0.25, None),
        "photos-s": known("photos", 11, 0.25, 0.163, 0.16),
        "cifar10-l": known("cifar10", 10, 1.0, 0.0499, 0.0507),
        "cifar10-s": known("cifar10", 10, 0.25, 0.0817, 0.084),
        "cifar100-m": known("cifar100", 100, 0.5, 0.27, 0.27),
        "cifar10-s-long": known("cifar10", 10, 0.25, 0.0581),
    }
    assert Site(Networks(families)).checkpoint_choices() == [
        ("Tiny pictures, 10 kinds · small · test error 5.8 % · CIFAR-10", "cifar10-s-long"),
        ("Tiny pictures, 10 kinds · small · test error 8.2 to 8.4 % · CIFAR-10", "cifar10-s"),
        ("Tiny pictures, 10 kinds · the paper's size · test error 5.0 to 5.1 % · CIFAR-10", "cifar10-l"),
        ("Tiny pictures, 100 kinds · width 0.5 · test error 27.0 % · CIFAR-100", "cifar100-m"),
        ("Photographs, 11 kinds · small · test error 16.0 to 16.3 % · CIFAR-10 and STL-10 photographs", "photos-s"),
        ("pets, 3 kinds · small", "pets-s"),
    ]
    small = {name: nets for name, nets in families.items() if name in ("cifar10-s", "pets-s")}
    assert Site(Networks(small)).checkpoint_choices() == [
        ("Tiny pictures, 10 kinds · test error 8.2 to 8.4 % · CIFAR-10", "cifar10-s"),
        ("pets, 3 kinds", "pets-s"),
    ]  # all of one size


def test_checkpoints_that_read_alike_are_told_apart(networks):
    both = dataclasses.replace(networks, families={"a": next(iter(networks.families.values())), **networks.families})
    assert len({label for label, _ in Site(both).checkpoint_choices()}) == 2


def test_a_side_is_offered_where_every_network_was_measured_at_it(networks):
    def measured(*sides):
        net = copy.copy(networks.network(FAMILY, "dp"))
        net.info = dataclasses.replace(net.info, results={"sides": {str(side): 0.1 for side in sides}} if sides else {})
        return net

    blurred = copy.copy(measured(32, 48))
    blurred.info = dataclasses.replace(blurred.info, results={"sides": {"32": 0.1, "48": 0.16}})
    assert Site(Networks({"x": {"dp": blurred}})).sides("x") == [32]  # its error at 48 px is too high
    nets = {"dp": measured(32, 48, 64, 9999), "pc": measured(48, 32)}
    site = Site(Networks({FAMILY: nets, "none": {"dp": measured()}}))
    assert site.sides(FAMILY, "dp") == [32, 48, 64] and site.sides(FAMILY) == [32, 48] and site.sides("none") == []
    assert [site.side(FAMILY, "dp", side) for side in (None, 0, 32, 48, 64, 9999)] == [0, 0, 0, 48, 64, 0]
    assert site.side(FAMILY, "pc", 64) == site.side("none", "dp", 48) == 0  # it was chosen for another network
    with gr.Blocks():
        family = gr.Dropdown([FAMILY, "none"], value=FAMILY)
        offered, hidden = detail(site, family), detail(site, gr.Dropdown(["none"], value="none"))
    assert offered.visible and [side for _, side in offered.choices] == [32, 48] and offered.value == 32
    assert not hidden.visible


def test_the_picker_tells_which_checkpoints_answer_questions():
    asking = network(0.1).with_class_questions(torch.zeros(network(0.1).arguments["num_classes"], 5))
    ((label, _),) = Site(Networks({"x": {"dp": asking}})).checkpoint_choices()
    assert "test error 10.0 % · answers questions" in label
    site = Site(Networks({"x": {"dp": asking}, "y": {"pc": network(0.1)}}))
    assert site.answers_questions("x", "pc") and not site.answers_questions("y", "pc")  # x has dp alone


def test_programs_and_addresses_reach_every_checkpoint_by_its_name_and_its_family():
    families = {
        "vgg-att3-cifar10-l": known("cifar10", 10, 1.0, 0.05, 0.05),
        "vgg-att3-cifar100-s": known("cifar100", 100, 0.25, 0.27, 0.27),
        "vgg-att3-photos-s-ask": known("photos", 11, 0.25, 0.169),
    }
    names = {}
    for family, nets in families.items():
        for compatibility, net in nets.items():
            net.name = family.replace("att3", f"att3-{compatibility}")
            names[net.name] = family, compatibility
    site = Site(Networks(families))
    with gr.Blocks():
        offered = {value for _, value in hidden_checkpoint(site).choices}
    assert offered == {*families, *names}
    assert {name: site.networks.find(name) for name in names} == names


def test_a_network_of_photographs_offers_smaller_sides_than_its_own_where_it_was_measured():
    net = AttentionVGG(width=0.01, input_size=64)
    net.info = Info(results={"sides": {"32": 0.23, "48": 0.2, "64": 0.16}})
    site = Site(Networks({"photos-s": {"dp": net}}))
    assert site.sides("photos-s", "dp") == [32, 48, 64]
    assert [site.side("photos-s", "dp", side) for side in (32, 48, 64)] == [32, 48, 0]
    with gr.Blocks():
        assert detail(site, gr.Dropdown(["photos-s"], value="photos-s")).value == 64
