"""Other explanations: against model.posthoc called directly, with VGG-GAP and without, in HTML and through the API."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from app.networks import Networks
from app.others import CAM, DRAWS, GRAD_CAM, SALIENCY, MapCheck, Others, explain_otherwise
from app.tabs.others import draw
from model import LEVELS, VGGGAP, VGGPAN, CheckpointError, Info, map_kinds, posthoc
from model.presets import crop_square, network_input, to_pixels
from tests.app.serving import CIFAR10, FAMILY, make_checkpoints
from tests.app.test_api import (
    client,  # noqa: F401 - a fixture
)
from tests.conftest import REPO

GAP, PAN = "vgg-gap-cifar10-s", "vgg-pan-cifar10-s"


def add_gap(folder, dataset="cifar10", class_names=CIFAR10, name=GAP):
    """A random VGG-GAP beside other checkpoints, sure enough of itself for a probability to fall."""
    torch.manual_seed(3)
    net = VGGGAP(width=0.25)
    with torch.no_grad():
        net.classifier.weight.mul_(10)
    net.save_pretrained(folder / name, Info(class_names, (0.5, 0.45, 0.4), (0.2, 0.25, 0.3), dataset))
    return folder


def add_pan(folder):
    """A random VGG-PAN beside other checkpoints, whose maps have peaks."""
    torch.manual_seed(5)
    net = VGGPAN(width=0.25)
    with torch.no_grad():
        net.score["conv10"].u.weight.mul_(9)
        net.score["conv13"].u.weight.mul_(30)
        net.classifier.weight.mul_(300)
    net.save_pretrained(folder / PAN, Info(CIFAR10, (0.5, 0.45, 0.4), (0.2, 0.25, 0.3), "cifar10"))
    return folder


@pytest.fixture(scope="module")
def with_gap(tmp_path_factory):
    return Networks.load(add_pan(add_gap(make_checkpoints(tmp_path_factory.mktemp("with_gap")))))


@pytest.fixture(scope="module")
def others(with_gap, picture):
    return explain_otherwise(with_gap, picture, FAMILY, "dp")


def asked(net, picture):
    pixels = to_pixels(crop_square(picture, 32))[None]
    return pixels, posthoc.logits_of(net, pixels).argmax(1)


def assert_falls(check: MapCheck, net, picture, maps):
    """Checks every number against model.posthoc, one map at a time."""
    pixels, classes = asked(net, picture)
    assert check.answer == CIFAR10[int(classes)] and check.shares == posthoc.SHARES
    assert list(check.maps) == list(check.falls) == list(maps)
    for name, expected in maps.items():
        assert np.allclose(check.maps[name], (expected / expected.sum())[0].numpy(), atol=1e-5)
        falls = posthoc.deletion(net, pixels, classes, expected)[0]
        assert check.falls[name] == pytest.approx(falls.tolist(), abs=1e-4)
        moved = posthoc.moved_deletion(net, pixels, classes, expected, seeds=DRAWS)[:, 0]  # [DRAWS, shares]
        assert check.moved_falls[name] == pytest.approx(moved.mean(0).tolist(), abs=1e-4)
        steeper = (falls[1:].mean() < moved[:, 1:].mean(1)).sum().item()
        assert abs(check.steeper[name] - steeper) <= 1 and 0 <= steeper <= DRAWS  # rounding may break a tie
    random = posthoc.random_deletion(net, pixels, classes, seeds=DRAWS)[0]
    assert check.random == pytest.approx(random.tolist(), abs=1e-4)
    assert np.ptp([*check.falls.values(), check.random]) > 0.01  # or the comparison would show nothing


@pytest.mark.parametrize("compatibility", ["dp", "pc"])
def test_numbers_are_posthocs(with_gap, picture, compatibility):
    net = with_gap.network(FAMILY, compatibility)
    others = explain_otherwise(with_gap, picture, FAMILY, compatibility)
    pixels, classes = asked(net, picture)
    with torch.no_grad():
        attention = net(network_input(net, pixels / 255))[1]
    saliency, grad_cam = posthoc.saliency(net, pixels, classes), posthoc.grad_cam(net, pixels, classes)
    assert_falls(others.attending, net, picture, {**attention, SALIENCY: saliency, GRAD_CAM: grad_cam})
    own = with_gap.explain(picture, FAMILY, compatibility)
    assert others.attending.answer == own.answer
    assert others.attending.probability == pytest.approx(own.probabilities[own.answer], abs=1e-5)
    for level in LEVELS:
        assert np.allclose(others.attending.maps[level], own.maps[level], atol=1e-6)
    assert others.attending.name == f"vgg-att3-{compatibility}-cifar10-s" and others.last_level == "conv13"


def test_cam_is_vgg_gaps_own(with_gap, others, picture):
    net = with_gap.beside["cifar10", map_kinds.CAM]
    assert net.name == others.gap.name == GAP
    pixels, classes = asked(net, picture)
    assert_falls(others.gap, net, picture, {CAM: posthoc.cam(net, pixels, classes)})
    assert others.gap.answer != others.attending.answer  # or a test could not tell whose class was asked for


def test_progressive_attention_is_vgg_pans_own(with_gap, others, picture):
    net = with_gap.beside["cifar10", map_kinds.PROGRESSIVE]
    assert net.name == others.pan.name == PAN
    with torch.no_grad():
        maps = net(network_input(net, asked(net, picture)[0] / 255))[1]
    assert_falls(others.pan, net, picture, maps)
    assert others.to_json()["pan"]["maps"].keys() == {"conv10", "conv13"} and others.note == ""


def test_vgg_gap_is_not_on_the_switch(with_gap, networks):
    assert list(with_gap.families) == [FAMILY] and with_gap.compatibilities(FAMILY) == ["dp", "pc"]
    assert with_gap.places == networks.places and not networks.beside


def test_no_cam_from_another_data_set(tmp_path, picture):
    networks = Networks.load(add_gap(make_checkpoints(tmp_path, ("dp",)), "svhn"))
    others = explain_otherwise(networks, picture, FAMILY, "dp")
    assert others.gap is None and others.to_json()["cam"] is None
    assert others.pan is None and others.to_json()["pan"] is None
    assert others.note == (
        "CAM is left out: it needs a VGG-GAP trained on CIFAR-10, and none is served here. "
        "Progressive attention is left out: it needs a VGG-PAN trained on CIFAR-10, and none is served here."
    )
    assert others.note in draw(others)


def test_a_vgg_gap_that_does_not_name_its_classes_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=f"{GAP}: config.json does not name each of its classes"):
        Networks.load(add_gap(make_checkpoints(tmp_path, ("dp",)), class_names=CIFAR10[:3]))


def test_unknown_weights_are_refused(networks, picture):
    with pytest.raises(CheckpointError, match="no weights for that checkpoint"):
        explain_otherwise(networks, picture, FAMILY, "additive")


def test_the_page_opens_without_what_takes_seconds_to_import():
    code = "import sys, app.ui, app.__main__ as m; m.load_networks(m.BUNDLED, 'cpu', warm=False); "
    code += "sys.exit({'captum', 'torch._dynamo', 'sympy'} & sys.modules.keys() or 0)"
    subprocess.run([sys.executable, "-c", code], cwd=REPO, check=True, timeout=300)


# What visitors read


def test_html_has_every_number(others):
    html = draw(others)
    rows = re.findall(r'<tr class="\w*"><th scope="row">(.*?)</th>(.*?)</tr>', html)
    shown = [[float(n) for n in re.findall(r"<td>([\d.]+)</td>", cells)] for _, cells in rows]
    lines = []
    for check in (others.attending, others.gap, others.pan):
        lines += [line for name in check.maps for line in (check.falls[name], check.moved_falls[name])]
        lines.append(check.random)
    assert np.allclose(shown, 100 * np.array(lines), atol=0.051)
    assert [name for name, _ in rows][:11:2] == [*LEVELS, "Saliency", "Grad-CAM", "random pixels"]
    assert [name for name, _ in rows][1:10:2] == [f"{name}, moved" for name, _ in rows[:10:2]]
    assert f"its answer is <b>{others.gap.answer}</b>" in html and "Another network, VGG-GAP" in html
    assert f"its answer is <b>{others.pan.answer}</b>" in html and "Another network, VGG-PAN" in html
    assert "mean of 10 draws" in html and "mean of 10 moves" in html and "because" not in html


def test_charts_are_drawn_from_their_numbers_and_told_in_words(others):
    charts = re.findall(r'<svg class="chart" .*?</svg>', draw(others), re.S)
    shown = [(name, others.attending) for name in others.attending.falls] + [(CAM, others.gap)]
    shown += [(name, others.pan) for name in others.pan.falls]
    assert len(charts) == 8
    for chart, (name, check) in zip(charts, shown, strict=True):
        fall, moved = check.falls[name], check.moved_falls[name]
        for kind, values in (("map", fall), ("moved", moved), ("random", check.random)):
            points = re.search(rf'<polyline class="{kind}" points="(.*?)"', chart)[1].split()
            heights = [float(p.split(",")[1]) for p in points]
            assert np.allclose(heights, 112 - 104 * np.array(values), atol=0.051)
            assert [float(p.split(",")[0]) for p in points] == sorted(float(p.split(",")[0]) for p in points)
        words = re.search(r'aria-label="(.*?)"', chart)[1]
        assert f"Probability of {check.answer}, {100 * fall[0]:.1f} %" in words
        references = f"{100 * moved[-1]:.1f} % and {100 * check.random[-1]:.1f} %"
        assert f"50 % blurred: {100 * fall[-1]:.1f} % against {references}" in words


def made_up(falls, moved, maps=None) -> Others:
    from PIL import Image

    maps = maps or dict.fromkeys(falls, np.full((4, 4), 1 / 16))
    steeper = dict.fromkeys(falls, 7)
    check = MapCheck("net", "<b>cat", maps, (0.0, 0.2), falls, moved, steeper, (0.9, 0.6))
    return Others(FAMILY, "dp", "cifar10", check, None, None, Image.new("RGB", (640, 640)), "conv13", {}, 0.1)


FALLS = {"conv7": (0.9, 0.3), SALIENCY: (0.9, 0.7), GRAD_CAM: (0.9, 0.5)}
MOVED = {"conv7": (0.9, 0.31), SALIENCY: (0.9, 0.72), GRAD_CAM: (0.9, 0.6)}


def test_the_map_that_matters_most_is_named_if_there_is_one():
    html = draw(made_up(FALLS, MOVED))
    assert "<b>Grad-CAM</b> matters most: the probability falls to 50.0 % on average, and to 60.0 % when" in html
    assert "7 of 10 moves lower it less" in html
    assert "no map's pixels matter more than those of the same map moved" in draw(made_up(MOVED, FALLS))


def test_class_names_are_escaped_and_an_empty_map_is_called_empty():
    maps = {"conv7": np.full((4, 4), 1 / 16), SALIENCY: np.eye(4) / 4, GRAD_CAM: np.zeros((2, 2))}
    html = draw(made_up(FALLS, MOVED, maps))
    assert "<b>cat" not in html and "&lt;b&gt;cat" in html
    assert "Grad-CAM over the picture: zero everywhere" in html
    assert "Saliency over the picture: highlights the" in html
    assert "conv7 over the picture: spreads almost evenly" in html


# The API


def test_api(client, networks, picture, picture_file):  # noqa: F811
    from gradio_client import handle_file

    answer = client.predict(image=handle_file(picture_file), checkpoint=FAMILY, compatibility="pc", api_name="/others")
    expected = json.loads(json.dumps(explain_otherwise(networks, picture, FAMILY, "pc").to_json()))
    assert (
        answer.keys() == expected.keys()
        and answer["cam"] is answer["pan"] is None
        and answer["note"] == expected["note"]
    )
    for key in ("network", "class", "shares", "draws", "checkpoint", "compatibility"):
        assert answer[key] == expected[key]
    assert answer["random"] == pytest.approx(expected["random"], abs=1e-4)
    for name, item in expected["maps"].items():
        assert answer["maps"][name]["grid"] == item["grid"]
        for line in ("fall", "moved"):
            assert answer["maps"][name][line] == pytest.approx(item[line], abs=1e-4)
        assert abs(answer["maps"][name]["steeper"] - item["steeper"]) <= 1  # rounding may break a tie
        assert np.allclose(answer["maps"][name]["map"], item["map"], atol=1e-5)


def test_api_refuses_in_a_sentence(client, picture_file, tmp_path):  # noqa: F811
    from gradio_client import handle_file
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError, match="No picture came"):
        client.predict(image=None, checkpoint=FAMILY, compatibility="dp", api_name="/others")
    with pytest.raises(AppError, match="no weights for that checkpoint"):
        client.predict(image=handle_file(picture_file), checkpoint=FAMILY, compatibility="additive", api_name="/others")


def test_api_is_documented(client):  # noqa: F811
    parameters = client.view_api(return_format="dict")["named_endpoints"]["/others"]["parameters"]
    assert [p["parameter_name"] for p in parameters] == ["image", "checkpoint", "compatibility"]
