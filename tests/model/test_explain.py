"""The numbers behind page, API and command line, against the network itself and against each other."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

import model
from model import CheckpointError, Info, format
from model.explain import explain_pixels, global_features
from model.explanation import SIDE, Level
from model.pictures import BadPicture
from model.presets import crop_square, normalise, square_pixels, to_pixels
from model.render import View, limits, overlay

INFO = Info(class_names=tuple("abcdefghij"), mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.25), dataset="cifar10")


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    """Wider than high, and different after any flip."""
    y, x = np.mgrid[:120, :200]
    return Image.fromarray(np.stack([x, 2 * y, 255 - x], -1).astype(np.uint8))


@pytest.fixture
def network(lively):
    """Returns a function that makes a network whose scores are large enough for maps with peaks."""

    def build(compatibility="dp", **arguments):
        torch.manual_seed(0)
        net = lively(model.build(f"vgg-att3-concat-{compatibility}", width=1 / 8, **arguments))
        for score in net.score.values():
            if hasattr(score, "u"):
                score.u.weight.data.mul_(30)
        if net.uses_global:
            net.global_branch.fc1.weight.data.mul_(30)
        net.info = INFO
        return net

    return build


def test_a_result_without_a_picture_cannot_be_drawn(network, picture, tmp_path):
    (result,) = explain_pixels(network(), square_pixels(picture, 32)[None])
    for draw in (result.overlays, lambda: result.save(tmp_path)):
        with pytest.raises(ValueError, match="this result was made without a picture to draw on"):
            draw()


@pytest.mark.parametrize("compatibility", ["dp", "pc", "additive", "uniform"])
def test_the_answer_is_the_networks_own(network, picture, compatibility):
    net = network(compatibility)
    result = model.explain(picture, net)
    square = crop_square(picture, 32)
    with torch.no_grad():
        logits, attention = net(normalise(to_pixels(square)[None], net.info.mean, net.info.std))
    assert list(result.probabilities) == list(INFO.class_names)
    assert list(result.probabilities.values()) == pytest.approx(logits[0].softmax(0).tolist(), abs=1e-6)
    assert result.logit == pytest.approx(logits.max().item(), abs=1e-5)
    assert result.logit == pytest.approx(result.logit_bias + sum(v.logit for v in result.levels.values()), abs=1e-9)
    for level, a in attention.items():
        assert np.allclose(result.levels[level].attention, a[0].numpy(), atol=1e-7)
    assert np.array_equal(result.seen, square) and result.square.size == (SIDE, SIDE)
    assert (result.compatibility, result.dataset) == (compatibility, "cifar10")


@pytest.mark.parametrize("side", [0, 32, 48, 64])
def test_a_larger_side_gives_finer_maps_of_the_same_centre(network, picture, side):
    result = model.explain(picture, network(), side)
    read = side or 32
    assert [level.grid for level in result.levels.values()] == [(read, read), (read // 2,) * 2, (read // 4,) * 2]
    centre = picture.crop((40, 0, 160, 120)).resize((read, read), Image.Resampling.BICUBIC)
    assert np.abs(np.asarray(result.seen, int) - np.asarray(centre, int)).max() <= 1
    assert all(a.sum() == pytest.approx(1, abs=1e-5) for a in result.maps.values())


@pytest.mark.parametrize("side", [-1, 4, 2000, 32.5, True, float("inf"), float("nan"), None, "32"])
def test_a_side_that_no_network_takes_gets_one_sentence(network, picture, side):
    with pytest.raises(ValueError, match="side") as error:
        model.explain(picture, network(), side)
    assert "\n" not in str(error.value)


def test_a_picture_is_a_file_its_content_or_an_image_of_any_mode(network, picture, tmp_path):
    net = network()
    picture.save(tmp_path / "a.png")
    ways = [tmp_path / "a.png", str(tmp_path / "a.png"), (tmp_path / "a.png").read_bytes(), picture.convert("RGBA")]
    expected = model.explain(picture, net).probabilities
    assert all(model.explain(way, net).probabilities == expected for way in ways)


def test_a_photograph_is_turned_upright_however_it_comes(network, picture, tmp_path):
    net, sideways, orientation = network(), picture.transpose(Image.Transpose.ROTATE_90), Image.Exif()
    orientation[ExifTags.Base.Orientation] = 6  # to be turned by a quarter, clockwise
    sideways.save(tmp_path / "a.png", exif=orientation)
    with Image.open(tmp_path / "a.png") as image:
        ways = [tmp_path / "a.png", (tmp_path / "a.png").read_bytes(), image]
        expected = model.explain(picture, net).probabilities
        assert all(model.explain(way, net).probabilities == expected for way in ways)
        assert image.size == sideways.size  # the caller's image stays


def test_a_checkpoint_is_a_name_a_folder_or_a_network(network, picture, tmp_path, monkeypatch):
    monkeypatch.setattr(format, "BUNDLED", tmp_path)
    network().save_pretrained(tmp_path / "mine-dp")
    by_name, by_folder = model.explain(picture, "mine-dp"), model.explain(picture, tmp_path / "mine-dp")
    by_network = model.explain(picture, network())
    assert by_name.probabilities == by_folder.probabilities == by_network.probabilities
    assert [result.name for result in (by_name, by_folder, by_network)] == ["mine-dp", "mine-dp", "AttentionVGG"]
    assert by_name.to_json()["checkpoint"] == "mine-dp"
    with pytest.raises(CheckpointError, match="no checkpoint folder theirs-dp"):
        model.explain(picture, "theirs-dp")


def test_classes_without_names_are_numbered(network, picture):
    net = network()
    net.info = Info()
    assert list(model.explain(picture, net).probabilities)[:2] == ["class 0", "class 1"]


@pytest.mark.parametrize(("compatibility", "moves"), [("dp", True), ("additive", True), ("pc", False)])
def test_a_question_is_another_pictures_global_feature(network, picture, compatibility, moves):
    net, other = network(compatibility), picture.rotate(90, expand=True)
    result, own = model.explain(picture, net, question=other), model.explain(picture, net)
    with torch.inference_mode():
        inputs = [normalise(square_pixels(p, 32)[None], net.info.mean, net.info.std) for p in (picture, other)]
        (local_features, _), (_, g) = map(net.features, inputs)
        expected = net.attention_maps(local_features, g)
    for level, a in expected.items():
        assert np.allclose(result.maps[level], a[0].numpy(), atol=1e-7)
    moved = max(np.abs(result.levels[k].times_uniform - own.levels[k].times_uniform).max() for k in result.levels)
    assert moved > 0.01 if moves else moved == 0


def test_a_batch_answers_as_each_picture_alone(network, picture):
    net = network()
    pictures = [picture, picture.rotate(90, expand=True), picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    pixels = torch.stack([square_pixels(p, 32) for p in pictures])
    questions = global_features(net, pixels.flip(0))
    for i, (own, asked) in enumerate(
        zip(explain_pixels(net, pixels), explain_pixels(net, pixels, questions), strict=True)
    ):
        for result, question in ((own, None), (asked, pictures[2 - i])):
            alone = model.explain(pictures[i], net, question=question)
            assert result.probabilities == pytest.approx(alone.probabilities, abs=1e-5)
            assert all(np.allclose(result.maps[k], alone.maps[k], atol=1e-5) for k in alone.maps)
            assert np.array_equal(result.seen, alone.seen) and result.square is None


def test_entropy_and_peak_against_their_definitions():
    even = Level(np.full((8, 8), 1 / 64), 0.0)
    assert even.entropy == pytest.approx(1) and even.peak_x_uniform == pytest.approx(1)
    point = np.zeros((8, 8))
    point[2, 3] = 1
    assert Level(point, 0.0).entropy == 0 and Level(point, 0.0).peak_x_uniform == 64
    half = np.zeros((4, 4))
    half[0, :2] = 0.5
    assert Level(half, 0.0).entropy == pytest.approx(np.log(2) / np.log(16))


def test_a_result_cannot_be_changed(network, picture):
    with pytest.raises(AttributeError):
        model.explain(picture, network()).logit = 0.0


def test_what_cannot_be_explained_gets_one_sentence(network, picture, tmp_path):
    with pytest.raises(ValueError, match="VGG has no trained attention"):
        model.explain(picture, model.build("vgg", width=1 / 16).eval())
    with pytest.raises(ValueError, match=r"in training mode; call net.eval\(\)"):
        model.explain(picture, network().train())
    (tmp_path / "note.png").write_text("hello")
    with pytest.raises(BadPicture, match="note.png is not a picture that can be read"):
        model.explain(tmp_path / "note.png", network())
    with pytest.raises(BadPicture, match="the picture is not a picture"):
        model.explain(b"hello", network())
    with pytest.raises(BadPicture, match="is a folder$"):
        model.explain(tmp_path, network())
    picture.save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:100])
    with pytest.raises(BadPicture, match="the picture is damaged or cut short"):
        model.explain(Image.open(tmp_path / "cut.png"), network())
    for thing, name in ((np.asarray(picture), "ndarray; Image.fromarray"), (io.BytesIO(), "BytesIO$"), (None, "None")):
        with pytest.raises(BadPicture, match=f"a picture is a path, a file's bytes or a Pillow image, not {name}"):
            model.explain(thing, network())


def test_save_writes_the_results_numbers_and_pictures(network, picture, tmp_path):
    result, view, folder = model.explain(picture, network()), View(opacity=0.4, shared=True), tmp_path / "new" / "out"
    result.save(folder, view)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert sorted(p.name for p in folder.iterdir()) == sorted([*manifest["files"], "manifest.json"])
    assert manifest["class"] == result.answer and manifest["view"]["opacity"] == 0.4
    for level, a in result.maps.items():
        assert np.array_equal(np.load(folder / f"{level}.npy"), a)
        drawn = overlay(result.square, a, limits(result.maps, view)[level], view)
        assert np.array_equal(Image.open(folder / f"{level}.png"), drawn)
    assert np.array_equal(Image.open(folder / "seen.png"), result.seen)


def test_a_folder_with_a_manifest_holds_one_pictures_files_only(network, picture, tmp_path):
    net = network()
    model.explain(picture, net).save(tmp_path)
    (tmp_path / "conv13.npy").unlink()
    (tmp_path / "conv13.npy").mkdir()  # so that writing stops in the middle
    with pytest.raises(OSError, match="conv13.npy"):
        model.explain(picture.rotate(90), net).save(tmp_path)
    assert not (tmp_path / "manifest.json").exists() and not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("compatibility", ["dp", "pc", "additive", "uniform"])
def test_even_pictures_give_numbers_and_drawings(network, compatibility):
    checks = Image.fromarray(np.indices((64, 64)).sum(0).astype(np.uint8) % 2 * 255).convert("RGB")
    plain = [
        Image.new("RGB", size, colour) for size in ((1, 1), (32, 32), (3000, 1)) for colour in ("black", "white", "red")
    ]
    net = network(compatibility)
    with np.errstate(all="raise", under="ignore"):
        for even in (checks, *plain):
            result = model.explain(even, net)
            assert json.loads(json.dumps(result.to_json(), allow_nan=False))
            assert len(result.overlays()) == len(result.maps)
