"""Attention on parts: known maps score what they must, real birds' parts lie on the birds, the figure is drawn."""

import dataclasses

import pytest
import torch

from model import Network
from tools.parts import draw
from training.data import DataError
from training.experiments import localize
from training.experiments.network_maps import plain_maps
from training.experiments.parts import (
    BODY,
    GAUSSIAN,
    HEAD,
    RADIUS,
    Birds,
    discs,
    level_maps,
    measure_parts,
    part_rows,
    read_birds,
    table,
    times_uniform,
)

SIDE = 40
PLACES = torch.tensor([[0, 0.25, 0.25], [0, 0.75, 0.25], [2, 0.5, 0.5]])  # two eyes of the first bird, one of the third


@pytest.fixture
def birds():
    places = {part: torch.zeros(0, 3) for part in (*HEAD, *BODY)} | {"eye": PLACES}
    images = torch.randint(0, 256, (3, 3, SIDE, SIDE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return Birds(images, places)


def test_a_disc_is_round_and_where_it_should_be():
    (disc,) = discs(torch.tensor([[0.25, 0.75]]), SIDE)  # x, y
    rows, columns = disc.nonzero().T
    assert (rows.double().mean() + 0.5).item() == 30 and (columns.double().mean() + 0.5).item() == 10
    assert disc.double().mean().item() == pytest.approx(3.1416 * RADIUS**2, rel=0.1)


def test_known_maps_get_their_scores(birds):
    assert times_uniform(torch.ones(3, SIDE, SIDE), birds, "eye").tolist() == pytest.approx([1, 1])
    on_one = discs(PLACES[:1, 1:], SIDE).float().expand(3, -1, -1)  # all on one of the first bird's two eyes
    share = on_one[0].double().mean().item()
    assert times_uniform(on_one, birds, "eye").tolist() == pytest.approx([1 / share / 2, 0])


def test_what_is_beyond_the_mean_map_is_zero_where_all_maps_are_equal(birds):
    (row,) = part_rows("a", {"conv13": plain_maps(3, SIDE)["Gaussian", ""]}, birds)
    assert (row.part, row.pictures, row.beyond.mean) == ("eye", 2, 0)
    assert row.times.mean > 1
    moving = torch.stack([discs(PLACES[i : i + 1, 1:], SIDE)[0].float() for i in (0, 1, 2)]) + 0.01
    assert part_rows("a", {"conv13": moving}, birds)[0].beyond.mean > 1


def test_a_network_without_attention_is_refused():
    for name in ("vgg-gap-cifar10-s", "vgg-att3-uniform-cifar10-s"):
        with pytest.raises(ValueError, match="has no trained attention"):
            measure_parts({name: Network.from_pretrained(name)}, "nowhere")


def test_real_parts_lie_on_the_birds(birds_dir):
    if not (birds_dir / "CUB_200_2011" / "parts").is_dir():
        pytest.skip("CUB_200_2011 has no folder parts here")
    birds = read_birds(birds_dir, 16)
    assert set(birds.places) == {*HEAD, *BODY}
    assert all(0 <= places[:, 1:].min() and places[:, 1:].max() <= 1 for places in birds.places.values())
    assert len(birds.places["eye"]) > len(birds.places["eye"][:, 0].unique()) > 0.9 * len(birds.images)  # some show two
    eyes, tails = (birds.places[part][:, 2].mean() for part in ("eye", "tail"))
    assert eyes < 0.4 < tails  # heads are up


def test_table_and_figure(birds):
    net = Network.from_pretrained("vgg-att3-pc-cifar10-s")
    full = Birds(birds.images, dict.fromkeys((*HEAD, *BODY), PLACES))
    rows = part_rows("pc", level_maps(net, full.images), full)
    rows += part_rows("", {GAUSSIAN: plain_maps(3, SIDE)["Gaussian", ""]}, full)
    text = table(rows)
    row = next(row for row in rows if (row.level, row.part) == ("conv10", "eye"))
    assert f"{row.times.mean:.2f} ({row.times.low:.2f} to {row.times.high:.2f})" in text and "| eye | 2 | " in text
    (axes,) = draw([dataclasses.asdict(row) for row in rows]).axes
    assert len(axes.patches) == 3 * 12 and axes.get_title() == "pc"


def test_what_has_no_parts_gets_one_sentence(tmp_path):
    with pytest.raises(ValueError, match="leave out --dataset, --side and --class"):
        localize.measure({}, tmp_path, "stl10", [], [], parts=True)
    with pytest.raises(DataError, match="CUB-200-2011 is missing"):
        localize.measure(
            {"pc": Network.from_pretrained("vgg-att3-pc-cifar10-s")}, tmp_path, "birds", [], [], parts=True
        )
