"""Scenes, questions and their losses, against plain loops; needs no data set."""

import math

import pytest
import torch
from torch.nn.functional import log_softmax

import model
from model.composed import cell_shares, compose
from training.objectives import AskObjective, ByClass, cell_side
from training.recipes import Recipe

LABELS = torch.arange(70) % 7


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("cells", [2, 4])
def test_a_scene_shows_different_classes_and_has_the_class_asked_for_in_its_cell(cells):
    asking = torch.randperm(70, generator=generator())[:40]
    choice = ByClass(LABELS, 7).draw(asking, LABELS[asking], cells, 0.25, generator(1))
    assert torch.equal(LABELS[choice.pictures], choice.classes)
    places = set()
    for number, pictures, classes, asked in zip(asking, choice.pictures, choice.classes, choice.cell, strict=True):
        assert len(set(classes.tolist())) == cells and number not in pictures
        if asked < 0:
            assert LABELS[number] not in classes
        else:
            assert classes[asked] == LABELS[number]
            places.add(int(asked))
    assert (choice.cell < 0).sum() == 10 and places == set(range(cells))


def test_pictures_shown_more_often_are_drawn_more_often_and_never_twice_in_a_row():
    shown = torch.cat([torch.arange(70), *[torch.arange(35, 70)] * 4])  # the second half five times
    asking = torch.arange(70).repeat(30)
    choice = ByClass(LABELS, 7, shown).draw(asking, LABELS[asking], 2, 0.25, generator(1))
    assert torch.equal(LABELS[choice.pictures], choice.classes) and not (choice.pictures == asking[:, None]).any()
    assert (choice.pictures >= 35).float().mean() == pytest.approx(5 / 6, abs=0.02)


def test_scenes_depend_on_the_generator_alone():
    first, again, other = (
        ByClass(LABELS, 7).draw(torch.arange(8), LABELS[:8], 2, 0.5, generator(s)) for s in (3, 3, 4)
    )
    assert torch.equal(first.pictures, again.pictures) and torch.equal(first.cell, again.cell)
    assert not torch.equal(first.pictures, other.pictures)


def test_a_scene_is_read_like_a_text():
    pictures = torch.arange(6.0).view(1, 6, 1, 1, 1).expand(1, 6, 3, 4, 5)
    scene = compose(pictures, (2, 3))
    assert scene.shape == (1, 3, 8, 15)
    for i in range(6):
        row, column = divmod(i, 3)
        assert (scene[0, :, 4 * row : 4 * row + 4, 5 * column : 5 * column + 5] == i).all()
    shares = cell_shares(scene[:, 0], (2, 3))
    assert shares[0].tolist() == pytest.approx([i / 15 for i in range(6)])


def test_a_blank_map_is_shared_equally():
    assert cell_shares(torch.zeros(1, 4, 4), (2, 2)).tolist() == [[0.25] * 4]


def test_positions_on_a_border_count_for_both_pictures():
    row = torch.tensor([[[1.0, 2, 4, 0, 1], [0, 0, 0, 0, 0]]])
    assert cell_shares(row, (1, 2))[0].tolist() == pytest.approx([5 / 8, 3 / 8])
    assert cell_shares(row.mT, (2, 1))[0].tolist() == pytest.approx([5 / 8, 3 / 8])


@pytest.mark.parametrize(
    ("side", "grid", "cell"), [(32, (1, 2), 32), (32, (2, 2), 24), (16, (2, 2), 16), (80, (2, 2), 60)]
)
def test_four_pictures_are_smaller_so_that_a_step_costs_the_same(side, grid, cell):
    assert cell_side(side, grid, 20 if side == 80 else 8) == cell


@pytest.mark.parametrize("compatibility", ["dp", "pc"])
def test_the_loss_of_ask_by_a_loop(compatibility):
    torch.manual_seed(0)
    net = model.build(f"vgg-att3-concat-{compatibility}", num_classes=7, width=1 / 16, dropout=0).eval()
    recipe = Recipe("r", ((32, 1),), label_smoothing=0.1, single=1.5, locate=(0.3, 0.1), objective="ask")
    images, labels = torch.randn(3, 3, 32, 32), torch.tensor([0, 1, 2])
    cells = torch.randn(3, 2, 3, 32, 32)
    classes, asked = torch.tensor([[0, 3], [4, 1], [5, 6]]), torch.tensor([0, 1, -1])
    with torch.no_grad():
        loss, sums = AskObjective(net, recipe, 10)(images, labels, compose(cells, (1, 2)), classes, asked, (1, 2))
        total, errors, shares = 0.0, 0, 0.0
        for i in range(3):
            local_features, g = net.features(images[i : i + 1])
            single = net.explain_features(local_features, g).logits[0]
            scene = torch.cat([cells[i, 0], cells[i, 1]], dim=2)[None]
            answer = net.explain_logits(scene, g)
            target = [labels[i].item()] if asked[i] >= 0 else classes[i].tolist()
            for weight, logits, right in ((1.5, single, [labels[i].item()]), (1.0, answer.logits[0], target)):
                logs = log_softmax(logits, 0)
                total -= weight * sum(
                    (0.1 / 7 + (0.9 / len(right) if k in right else 0)) * logs[k].item() for k in range(7)
                )
            if asked[i] < 0:
                continue
            errors += answer.logits.argmax().item() != labels[i]
            for level, weight in (("conv13", 0.3), ("conv10", 0.1)):
                half = answer.attention[level][0].chunk(2, dim=1)[asked[i]]
                total -= weight * math.log(half.sum().item())
                shares += half.sum().item() if level == "conv13" else 0
    assert loss.item() == pytest.approx(total / 3, rel=1e-4)
    assert [float(v) for v in sums["asked_error"]] == [errors, 2]
    assert [float(v) for v in sums["asked_share"]] == pytest.approx([shares, 2], rel=1e-4)


def test_ask_says_what_it_needs():
    recipe = Recipe("r", ((32, 1),), objective="ask")
    with pytest.raises(ValueError, match="networks with trained attention"):
        AskObjective(model.build("vgg-gap", width=1 / 16), recipe, 10)
    with pytest.raises(ValueError, match="needs at least 5 classes .four in a scene, one more to ask for., not 4"):
        AskObjective(model.build("vgg-att3-concat-dp", width=1 / 16), recipe, 4)
