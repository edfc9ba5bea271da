"""Pictures of maps, held against what the map says at known places."""

import dataclasses
import re

import numpy as np
import pytest
from PIL import Image

from app.drawing import download, panels, words
from model import AttentionVGG, render
from model.explanation import Level
from model.render import View

GREY = Image.new("RGB", (640, 640), (128, 128, 128))


def peaked(size: int = 8, row: int = 1, column: int = 6) -> np.ndarray:
    a = np.full((size, size), 1.0)
    a[row, column] = 40.0
    return a / a.sum()


def lightness(image: Image.Image) -> np.ndarray:
    return np.asarray(image, float) @ [0.299, 0.587, 0.114]


def own(a: np.ndarray) -> tuple[float, float]:
    return render.limits({"x": a}, View())["x"]


@pytest.mark.parametrize("smooth", [True, False])
def test_brightest_where_attention_is_highest(smooth):
    a = peaked()
    pixels = lightness(render.overlay(GREY, a, own(a), View(opacity=1, smooth=smooth)))
    row, column = np.unravel_index(pixels.argmax(), pixels.shape)
    assert (row // 80, column // 80) == (1, 6)


def test_nearest_is_flat_in_a_cell_and_smooth_is_not():
    a = peaked()
    cell = (slice(80, 160), slice(480, 560))
    flat = np.asarray(render.overlay(GREY, a, own(a), View(opacity=1, smooth=False)))[cell]
    smooth = np.asarray(render.overlay(GREY, a, own(a), View(opacity=1)))[cell]
    assert len(np.unique(flat.reshape(-1, 3), axis=0)) == 1 < len(np.unique(smooth.reshape(-1, 3), axis=0))


def test_opacity_runs_from_picture_to_map():
    a = peaked()
    none, half, full = (np.asarray(render.overlay(GREY, a, own(a), View(opacity=o)), float) for o in (0, 0.5, 1))
    assert (none == 128).all()
    assert np.abs(half - (none + full) / 2).max() <= 1


def test_scales():
    maps = {"sharp": peaked(), "even": np.full((4, 4), 1 / 16)}
    peak = float(maps["sharp"].max() * 64)
    assert render.limits(maps, View())["sharp"] == pytest.approx((64 / 103, peak))
    assert set(render.limits(maps, View(shared=True)).values()) == {(0.0, peak)}
    even = render.overlay(GREY, maps["even"], own(maps["even"]), View(opacity=1))  # no range to divide by
    assert len(np.unique(np.asarray(even).reshape(-1, 3), axis=0)) == 1


def test_keep_takes_the_smallest_set_with_that_share():
    rng = np.random.default_rng(0)
    a = rng.dirichlet(np.full(64, 0.3)).reshape(8, 8)
    for keep in (5, 30, 60, 95):
        mask = render.highest_share(a, keep)
        assert a[mask].sum() >= keep / 100 > a[mask].sum() - a[mask].min()
        assert a[mask].min() >= a[~mask].max()
    assert render.highest_share(a, 100).all()
    assert render.highest_share(np.full((2, 2), 0.25), 20).all()  # none of them is higher


def test_the_rest_is_grey_and_outlined():
    a = peaked()
    colourful = Image.new("RGB", (640, 640), (200, 30, 30))
    pixels = np.asarray(render.overlay(colourful, a, own(a), View(smooth=False, keep=35)), int)
    outside, inside = pixels[400, 100], pixels[120, 520]
    assert len(set(outside)) == 1 and len(set(inside)) > 1
    assert (pixels[81, 481] == 255).all()


def test_gradient_ends_with_the_ends_of_the_scale():
    assert "#000004" in render.gradient() and "#fcffa4" in render.gradient()


@pytest.mark.parametrize(
    "row, column, place",
    [
        (0, 0, "upper left"),
        (0, 7, "upper right"),
        (4, 4, "centre"),
        (7, 0, "lower left"),
        (0, 4, "top"),
        (4, 7, "right side"),
    ],
)
def test_place_in_words(row, column, place):
    level = Level(peaked(8, row, column), 1.0)
    assert words.highlights(level) == f"highlights the {place}; peak {level.peak_x_uniform:.1f} × uniform"


def test_a_peak_elsewhere_is_told_apart_from_the_densest_part():
    a = np.full((8, 8), 0.5)
    a[:3, :3], a[7, 7] = 3, 4
    sentence = words.highlights(Level(a / a.sum(), 1.0))
    assert sentence.startswith("highlights the upper left; peak ")
    assert sentence.endswith(" × uniform, at the lower right")
    a[:3, :3], a[7, 7] = 0.6, 1.0  # a single position does not make a part of the picture stand out
    assert words.highlights(Level(a / a.sum(), 1.0)).startswith("spreads almost evenly; peak ")


def test_even_attention_highlights_nothing():
    assert words.highlights(Level(np.full((2, 2), 0.25), 1.0)) == "spreads almost evenly; peak 1.0 × uniform"


def test_words_are_careful(networks, picture):
    family = next(iter(networks.families))
    result = networks.explain(picture, family, "dp")
    text = panels.answer(result) + words.PC_LIMIT + panels.LEGEND + panels.method(networks.network(family, "pc"))
    text += "".join(words.alt(k, v) + panels.title(k, v) for k, v in result.levels.items())
    assert "because" not in text.lower()


def equation(**arguments) -> str:
    return " ".join(words.equation(AttentionVGG(width=0.0625, **arguments)))


def test_equation_is_that_of_the_network():
    assert "√" in equation(compatibility="dp") and "√" not in equation(compatibility="dp", scale_scores=False)
    assert "τ" in equation(compatibility="dp", scale_scores="learnt")
    assert "ours" in equation(compatibility="additive")
    assert "</i> + <i>g</i>" in equation(compatibility="pc")
    pruned = equation(compatibility="pc", global_branch=False)
    assert "</i> + <i>g</i>" not in pruned and "without" in pruned


@pytest.mark.parametrize("number, text", [(-0.004, "+0.00"), (0.004, "+0.00"), (-0.006, "−0.01"), (1.5, "+1.50")])
def test_no_nought_has_a_minus_sign(number, text):
    assert words.with_sign(number, plus=True) == text


def test_the_classes_are_named_if_they_are_few(networks, picture):
    result = networks.explain(picture, next(iter(networks.families)), "dp")
    assert "airplane, automobile, bird" in words.reliability(result) and "ship and truck." in words.reliability(result)
    many = dataclasses.replace(result, probabilities={f"class {i}": 0.01 for i in range(100)})
    assert "the 100 classes of CIFAR-10, such as class 0, class 33 and class 66." in words.reliability(many)
    some = dataclasses.replace(many, dataset="cub")
    assert "only 100 of the 200 classes of CUB-200-2011, such as class 0" in words.reliability(some)


def test_class_names_cannot_inject_html(networks, picture):
    result = networks.explain(picture, next(iter(networks.families)), "dp")
    evil = dataclasses.replace(result, probabilities={"<img src=x onerror=alert(1)>": 1.0})
    assert "<img src=x" not in panels.answer(evil)


def test_numbers_have_a_minus_sign_as_wide_as_digits(networks, picture):
    assert [words.with_sign(t, plus=True) for t in (-1.234, 0, 2)] == ["−1.23", "+0.00", "+2.00"]
    result = networks.explain(picture, next(iter(networks.families)), "dp")
    assert "-" not in re.sub("<[^>]*>", "", panels.split_rows(result))


def test_a_pictures_name_is_its_files():
    assert words.picture_name("/tmp/a/" + words.file_name("cheetah (photo)")) == "cheetah (photo)"
    of_the_test_set = words.file_name(words.test_picture(17, "cat"))
    assert words.about_picture(of_the_test_set) == "Test picture 17, labelled cat."
    assert words.about_picture("frog.png") == ""


def test_the_zip_holds_the_maps_and_a_manifest(networks, picture, tmp_path):
    import io
    import json
    import zipfile

    result = networks.explain(picture, next(iter(networks.families)), "dp")
    view = View(opacity=0.4, shared=True)
    path = download.write_zip(result, view, tmp_path / "new")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        assert names[-1] == "manifest.json" and archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
        assert sorted(names[:-1]) == manifest["files"]
        assert manifest["class"] == result.answer and manifest["view"]["opacity"] == 0.4
        for level, part in result.levels.items():
            assert np.array_equal(np.load(io.BytesIO(archive.read(f"{level}.npy"))), part.attention)
            picture_of = np.asarray(Image.open(io.BytesIO(archive.read(f"{level}.png"))))
            scale = render.limits(result.maps, view)[level]
            assert np.array_equal(picture_of, np.asarray(render.overlay(result.square, part.attention, scale, view)))
    assert str(tmp_path) not in json.dumps(manifest)


def test_red_where_the_first_is_higher_blue_where_the_second_is():
    values = np.zeros((8, 8))
    values[1, 1], values[6, 6] = 2.0, -2.0
    pixels = np.asarray(render.difference(GREY, values, 2.0), int)
    red, none, blue = pixels[120, 120], pixels[120, 520], pixels[520, 520]
    assert red[0] > red[2] + 50 and blue[2] > blue[0] + 50 and np.ptp(none) <= 3
    assert np.ptp(np.asarray(render.difference(GREY, np.zeros((8, 8)), 0.0), int)) <= 3
