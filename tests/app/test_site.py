"""Which checkpoint and compatibility stand there at first."""

import dataclasses

import pytest

from app.networks import Networks
from app.site import Site
from model import AttentionVGG, Info


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


def test_an_address_that_names_a_compatibility_alone_opens_a_checkpoint_that_has_it():
    errors = {"a-s": {"dp": 0.05}, "b-s": {"dp": 0.09, "pc": 0.08}, "c-s": {"pc": 0.07}, "d-s": {"additive": 0.1}}
    site = Site(Networks({f: {c: network(e) for c, e in nets.items()} for f, nets in errors.items()}))
    opened = {asked: site.checkpoint_with(asked) for asked in ("dp", "pc", "additive", "", "cosine")}
    assert opened == {"dp": "a-s", "pc": "c-s", "additive": "d-s", "": "a-s", "cosine": "a-s"}


def test_the_picker_tells_data_width_and_the_least_error():
    families = {"x-s": {"dp": network(0.0817), "pc": network(0.084)}, "x-s-long": {"dp": network(0.0581)}}
    labels = [label for label, _ in Site(Networks(families)).checkpoint_choices()]
    assert labels == [f"unknown data, width 0.01, best error {least} %" for least in ("8.2", "5.8")]
    assert Site(Networks({"x": {"dp": network(None)}})).checkpoint_choices() == [("unknown data, width 0.01", "x")]


def test_checkpoints_that_read_alike_are_told_apart(networks):
    both = dataclasses.replace(networks, families={"a": next(iter(networks.families.values())), **networks.families})
    assert len({label for label, _ in Site(both).checkpoint_choices()}) == 2
