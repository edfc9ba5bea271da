"""Questions put to scenes: by picture and by name, against the network itself."""

import numpy as np
import pytest
import torch
from PIL import Image

import model
from model import AttentionVGG, Info, ask, ask_every_class
from model.explain import global_features
from model.presets import network_input, square_pixels

NAMES = ("cat", "dog", "ship", "frog", "deer")


def picture(seed: int) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    return Image.fromarray(noise)


@pytest.fixture(scope="module")
def net() -> AttentionVGG:
    torch.manual_seed(0)
    network = AttentionVGG(num_classes=5, width=1 / 16, dropout=0)
    with torch.no_grad():
        network.global_branch.fc1.weight.mul_(30)  # peaks, as trained maps have
    network = network.with_class_questions(torch.randn(5, 32) * 3).eval()
    network.info = Info(class_names=NAMES)
    return network


def by_hand(net, scene, g):
    with torch.inference_mode():
        return net.explain_logits(network_input(net, scene[None]), g)


def test_a_picture_asks_with_its_own_g(net):
    result = ask(picture(0), picture(1), net)
    scene, question = (square_pixels(picture(seed), 32) for seed in (0, 1))
    expected, own = by_hand(net, scene, global_features(net, question[None])), by_hand(net, scene, None)
    assert np.allclose(result.asked.maps["conv13"], expected.attention["conv13"][0], atol=1e-6)
    assert np.allclose(result.own.maps["conv13"], own.attention["conv13"][0], atol=1e-6)
    assert result.question == model.explain(picture(1), net).answer and not result.by_name
    assert result.shares["conv13"] == pytest.approx((1.0,)) and result.uses_question
    assert "The question moved the map of conv" in result.note


@pytest.mark.parametrize(("count", "grid"), [(2, (1, 2)), (3, (1, 3)), (4, (2, 2)), (9, (3, 3))])
def test_a_class_asks_by_name_in_a_composed_scene(net, count, grid):
    result = ask([picture(i) for i in range(count)], "ship", net)
    rows = [torch.cat([square_pixels(picture(r * grid[1] + c), 32) for c in range(grid[1])], 2) for r in range(grid[0])]
    expected = by_hand(net, torch.cat(rows, 1), net.class_questions[2][None])
    assert result.grid == grid and result.by_name and result.question == "ship"
    assert result.asked.probabilities["dog"] == pytest.approx(expected.logits.softmax(1)[0, 1].item(), abs=1e-5)
    a = expected.attention["conv10"][0]
    h, w = a.shape[0] // grid[0], a.shape[1] // grid[1]
    assert result.shares["conv10"][-1] == pytest.approx(a[-h:, -w:].sum().item(), abs=1e-5)
    assert result.asked.square.size == (640 // max(grid) * grid[1], 640 // max(grid) * grid[0])
    assert result.asked.overlays()["conv13"].size == result.asked.square.size


def test_a_column_is_a_grid_too_and_a_side_may_be_chosen(net):
    result = ask([picture(0), picture(1)], "ship", net, side=48, grid=(2, 1))
    assert result.asked.seen.size == (48, 96) and result.asked.levels["conv13"].grid == (24, 12)


def test_maps_that_the_pictures_do_not_divide_have_shares_too(net):
    result = ask([picture(0), picture(1)], "ship", net, side=50)
    assert result.asked.levels["conv13"].grid == (13, 25)
    a = result.asked.maps["conv13"]
    assert result.shares["conv13"][0] == pytest.approx(a[:, :12].sum() + a[:, 12].sum() / 2, abs=1e-6)
    assert result.to_json()["shares"]["conv13"] == pytest.approx([*result.shares["conv13"]])


def test_every_class_is_asked_as_one_by_one(net):
    scene = [picture(0), picture(1)]
    every = ask_every_class(scene, net)
    assert [each.name for each in every] == [*NAMES]
    for each in every:
        one = ask(scene, each.name, net).asked
        assert each.probability == pytest.approx(one.probabilities[each.name], abs=1e-5)
        assert np.allclose(each.attention, one.maps["conv13"], atol=1e-6)


def test_under_pc_no_question_moves_anything():
    torch.manual_seed(0)
    pc = AttentionVGG(num_classes=5, width=1 / 16, compatibility="pc").eval()
    pc.info = Info(class_names=NAMES)
    for question in ("ship", picture(3)):
        result = ask(picture(0), question, pc)
        assert result.asked.probabilities == result.own.probabilities and not result.uses_question
        assert result.note.startswith("Under pc no map depends on the global feature g")
    every = ask_every_class(picture(0), pc)
    assert [each.probability for each in every] == pytest.approx([*result.own.probabilities.values()], abs=1e-6)


def test_what_cannot_be_asked_gets_a_sentence(net, tmp_path):
    with pytest.raises(ValueError, match="'whale' is neither a picture file nor one of the classes: cat, dog, ship"):
        ask(picture(0), "whale", net)
    with pytest.raises(ValueError, match="is neither a picture file nor one of the classes"):
        ask(picture(0), "where is the frog " * 30, net)
    with pytest.raises(ValueError, match="two, three, four or nine pictures, or of rows x columns of them, not 5"):
        ask([picture(i) for i in range(5)], "cat", net)
    with pytest.raises(ValueError, match="two, three, four or nine pictures, or of rows x columns of them, not 2"):
        ask([picture(0), picture(1)], "cat", net, grid=(-1, -2))
    without = AttentionVGG(num_classes=5, width=1 / 16).eval()
    without.info = Info(class_names=NAMES)
    for question in (lambda: ask(picture(0), "cat", without), lambda: ask_every_class(picture(0), without)):
        with pytest.raises(ValueError, match="cannot be asked for a class by name: ask with a picture, or use a check"):
            question()


def test_the_answer_as_json(net):
    plain = ask([picture(0), picture(1)], "dog", net).to_json(maps=False)
    assert {"asked", "own", "correlation", "note", "shares", "question"} <= plain.keys()
    assert plain["correlation"].keys() == {"conv7", "conv10", "conv13"} and plain["grid"] == [1, 2]
