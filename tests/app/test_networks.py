"""The networks that are served: how they are grouped, what is refused, and the contract of an answer."""

import dataclasses
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from app.networks import Networks
from model import AttentionVGG, CheckpointError, list_checkpoints
from model.checkpoints import BUNDLED
from model.explain import explain
from tests.app.serving import CIFAR10, FAMILY, make_checkpoints

KEYS = {
    "class",
    "probability",
    "probabilities",
    "logit",
    "logit_bias",
    "levels",
    "checkpoint",
    "compatibility",
    "name",
    "seconds",
}


@pytest.fixture(params=["dp", "pc"])
def result(request, networks, picture):
    return networks.explain(picture, FAMILY, request.param)


def test_contract(result):
    answer = json.loads(json.dumps(result.to_json()))
    assert set(answer) == KEYS
    assert list(answer["probabilities"]) == list(CIFAR10)
    assert sum(answer["probabilities"].values()) == pytest.approx(1)
    assert answer["class"] == max(answer["probabilities"], key=answer["probabilities"].get)
    assert answer["probability"] == answer["probabilities"][answer["class"]]
    assert answer["checkpoint"] == FAMILY and answer["compatibility"] == result.compatibility
    assert answer["name"] == FAMILY.replace("att3-", f"att3-{result.compatibility}-")
    assert {k: v["grid"] for k, v in answer["levels"].items()} == {
        "conv7": [32, 32],
        "conv10": [16, 16],
        "conv13": [8, 8],
    }
    for level in answer["levels"].values():
        assert set(level) == {"grid", "map", "peak_x_uniform", "entropy", "logit"}
        a = np.array(level["map"])
        assert list(a.shape) == level["grid"] and (a >= 0).all()
        assert a.sum() == pytest.approx(1, abs=1e-5)
        assert level["peak_x_uniform"] == pytest.approx(a.max() * a.size)
        assert 0 <= level["entropy"] <= 1


def test_answers_are_those_of_the_checkpoint(result, networks, checkpoints, picture):
    alone = explain(picture, checkpoints / result.name)
    assert result.logit == pytest.approx(alone.logit, abs=1e-3)
    for level, a in alone.maps.items():
        assert np.allclose(result.maps[level], a, atol=1e-6)
    assert not [part for part in networks.every[result.name].trunk.modules() if isinstance(part, torch.nn.BatchNorm2d)]


def test_logit_is_bias_plus_the_levels(result):
    answer = result.to_json()
    total = answer["logit_bias"] + sum(level["logit"] for level in answer["levels"].values())
    assert answer["logit"] == pytest.approx(total, abs=1e-5)
    assert all(abs(level["logit"]) > 1e-3 for level in answer["levels"].values())  # each level counts in this test


def test_compatibilities_differ(networks, picture):
    dp, pc = (networks.explain(picture, FAMILY, c) for c in ("dp", "pc"))
    assert all(not np.allclose(dp.levels[k].attention, pc.levels[k].attention, atol=1e-4) for k in dp.levels)


def test_no_such_weights(networks, picture):
    for family, compatibility in ((FAMILY, "additive"), ("vgg-nowhere", "dp")):
        with pytest.raises(CheckpointError, match=f"{FAMILY} with dp, pc"):
            networks.explain(picture, family, compatibility)


def test_a_checkpoint_is_named_by_its_own_name_or_as_a_family_with_a_compatibility(networks, picture):
    own = FAMILY.replace("att3-", "att3-pc-")
    by_name, by_family = networks.explain(picture, own), networks.explain(picture, FAMILY, "pc")
    assert by_name.probabilities == by_family.probabilities and by_name.compatibility == "pc"
    assert (by_name.checkpoint, by_family.checkpoint) == (own, FAMILY) and by_name.name == by_family.name == own
    assert networks.find(own, "pc") == networks.find(own) == (FAMILY, "pc")
    assert networks.find(FAMILY) == (FAMILY, networks.best(FAMILY))
    assert [*networks.compare(picture, own).explanations] == ["dp", "pc"]
    with pytest.raises(CheckpointError, match=f"{own} has the compatibility pc: leave the compatibility out"):
        networks.find(own, "dp")


def test_a_checkpoints_own_name_comes_before_a_family_of_that_name(tmp_path):
    make_checkpoints(tmp_path)
    for own, name, error in (("dp", "mine", 0.07), ("pc", "mine-pc", 0.05)):
        net = AttentionVGG.from_pretrained(tmp_path / f"vgg-att3-{own}-cifar10-s")
        net.save_pretrained(tmp_path / "both" / name, dataclasses.replace(net.info, results={"error": error}))
    networks = Networks.load(tmp_path / "both")
    assert [*networks.families] == ["mine"] and networks.best("mine") == "pc"
    assert networks.find("mine") == ("mine", "dp") and networks.find("mine", "pc") == ("mine", "pc")


def test_a_network_that_does_not_fit_into_a_family_gets_its_own(tmp_path, picture):
    """The same place twice, and a network of another input size: both are served, and nothing is lost."""
    make_checkpoints(tmp_path, ("dp",))
    net = AttentionVGG.from_pretrained(tmp_path / "vgg-att3-dp-cifar10-s")
    net.save_pretrained(tmp_path / FAMILY)
    other = AttentionVGG(width=0.125, compatibility="pc", input_size=48)
    other.save_pretrained(tmp_path / "vgg-att3-pc-cifar10-s", net.info)
    networks = Networks.load(tmp_path)
    assert {family: list(nets) for family, nets in networks.families.items()} == {
        FAMILY: ["dp"],
        "vgg-att3-dp-cifar10-s": ["dp"],
        "vgg-att3-pc-cifar10-s": ["pc"],
    }
    assert set(networks.every) == {FAMILY, "vgg-att3-dp-cifar10-s", "vgg-att3-pc-cifar10-s"}
    assert networks.explain(picture, "vgg-att3-pc-cifar10-s", "pc").seen.size == (48, 48)


@pytest.mark.parametrize(("arch", "levels"), [("resnet164-att2-concat-pc", 2), ("vgg-att1-concat-dp", 1)])
def test_a_network_of_other_levels_fills_the_first_cards(tmp_path, picture, arch, levels):
    import model
    from app.tabs.explain import CARDS, OUTPUTS, draw_answer
    from model.render import View

    make_checkpoints(tmp_path, ("dp",))
    info = AttentionVGG.from_pretrained(tmp_path / "vgg-att3-dp-cifar10-s").info
    net = model.build(arch, width=0.125)
    net.save_pretrained(tmp_path / "other", info)
    result = Networks.load(tmp_path).explain(picture, "other", net.compatibility)
    values = draw_answer(result, View(), "")
    titles, pictures = values[1::3], values[2::3]
    assert len(values) == OUTPUTS and len(result.levels) == levels
    for title, name in zip(titles, result.levels, strict=False):
        assert f"<h3>{name} " in title
    assert [p.visible for p in pictures] == [True] * levels + [False] * (CARDS - levels)


def test_a_new_compatibility_appears_by_itself(tmp_path, picture):
    make_checkpoints(tmp_path, ("additive", "dp", "uniform"))
    networks = Networks.load(tmp_path)
    assert networks.compatibilities(FAMILY) == ["dp", "additive"]  # the switch's order; the control is no choice
    assert networks.explain(picture, FAMILY, "additive").compatibility == "additive"


@pytest.mark.parametrize("harm", ["nothing there", "truncated", "foreign", "nameless"])
def test_bad_folders_are_refused_in_one_sentence(harm, tmp_path):
    if harm != "nothing there":
        make_checkpoints(tmp_path, ("dp",))
        folder = tmp_path / "vgg-att3-dp-cifar10-s"
        config = json.loads((folder / "config.json").read_text())
        if harm == "truncated":
            weights = (folder / "model.safetensors").read_bytes()
            (folder / "model.safetensors").write_bytes(weights[: len(weights) // 2])
        elif harm == "foreign":
            (folder / "config.json").write_text(json.dumps({**config, "architecture": "Foreign"}))
        else:
            (folder / "config.json").write_text(json.dumps({**config, "class_names": ["cat"]}))
    with pytest.raises(CheckpointError) as error:
        Networks.load(tmp_path)
    assert "\n" not in str(error.value)


def test_shipped_checkpoints(picture):
    entries = (
        [e for e in list_checkpoints(BUNDLED) if e.compatibility in ("dp", "pc", "additive")]
        if BUNDLED.is_dir()
        else []
    )
    if not entries:
        pytest.skip("no trained checkpoint is in assets/checkpoints")
    networks = Networks.load(BUNDLED)
    for family in networks.families:
        for compatibility in networks.compatibilities(family):
            result = networks.explain(picture, family, compatibility)
            assert result.logit == pytest.approx(
                result.logit_bias + sum(v.logit for v in result.levels.values()), abs=1e-4
            )
            assert result.test_error is not None and 0 < result.test_error < 0.5


def test_the_zip_is_made_of_an_answer_that_is_no_longer_kept(networks, picture_file, tmp_path, monkeypatch):
    """The answer goes when others ask many questions; after an hour the picture is gone, too."""
    import zipfile

    import gradio as gr

    from app import ui
    from app.site import Site

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    page = ui.build(Site(networks))
    zip_up = next(f.fn for f in page.fns.values() if getattr(f.fn, "__name__", "") == "zip_up")
    view = (60, 100, True, False)
    with zipfile.ZipFile(zip_up(str(picture_file), None, FAMILY, "pc", 0, *view, None)) as archive:
        assert '"compatibility": "pc"' in archive.read("manifest.json").decode() and len(archive.namelist()) > 3
    with pytest.raises(gr.Error, match="no longer there: please choose it again"):
        zip_up(str(tmp_path / "swept.png"), None, FAMILY, "pc", 0, *view, None)
    with pytest.raises(gr.Error, match="choose a picture first"):
        zip_up(None, None, FAMILY, "pc", 0, *view, None)


def test_answers_are_the_same_alone_and_together(networks, monkeypatch):
    """Different pictures, for two networks, at two sides, that arrive while the worker is busy."""
    rng = np.random.default_rng(0)
    pictures = [Image.fromarray(rng.integers(0, 256, (40, 50, 3), np.uint8)) for _ in range(12)]
    questions = [(p, FAMILY, "dp" if i % 4 else "pc", None, 48 if i % 3 == 2 else 0) for i, p in enumerate(pictures)]
    alone = [networks.explain(*question) for question in questions]
    sizes, answer = [], networks.together.answer
    monkeypatch.setattr(networks.together, "answer", lambda *call: sizes.append(len(call[1])) or answer(*call))
    gate = threading.Event()
    networks.together.worker.submit(gate.wait)
    with ThreadPoolExecutor(len(questions)) as threads:
        futures = [threads.submit(networks.explain, *question) for question in questions]
        while len(networks.together.waiting) < len(questions):
            pass
        gate.set()
        together = [one.result() for one in futures]
    assert sum(sizes) == len(questions) and len(sizes) == 4
    for one, other in zip(alone, together, strict=True):
        assert one.answer == other.answer and one.logit == pytest.approx(other.logit, abs=1e-4)
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)
        for level, a in one.maps.items():
            assert np.allclose(a, other.maps[level], atol=1e-6)
        assert (np.asarray(one.seen) == np.asarray(other.seen)).all()


@pytest.mark.parametrize("side", [-1, 1, 129, 10**9, 32.5, float("nan"), "32", None, True, [32]])
def test_a_side_out_of_range_is_refused(networks, picture, side):
    with pytest.raises(CheckpointError, match="Side must be 0 or a whole number of pixels from 8 to 128"):
        networks.explain(picture, FAMILY, "dp", side=side)


def test_without_drawings_there_is_no_square(networks, picture):
    assert networks.explain(picture, FAMILY, "dp", draw=False).square is None
    assert networks.explain(picture, FAMILY, "dp", picture, draw=False).square is None
