"""Every network by its name: what it is, what it returns, that it saves and loads, and what is refused."""

import pytest
import torch

import model
from model import CheckpointError, Network
from model.networks.attention import COMPATIBILITIES

NAMES = [
    "vgg",
    "vgg-gap",
    "vgg-pan",
    "vgg-global",
    *(f"vgg-att{n}-{head}-{c}" for n in (1, 2, 3) for head in ("concat", "indep") for c in COMPATIBILITIES),
    "resnet164",
    *(f"resnet164-att2-concat-{c}" for c in COMPATIBILITIES),
]
GRIDS = {"conv7": 32, "conv10": 16, "conv13": 8, "stage2": 16, "stage3": 8}
ONE_OF_EACH = ["vgg", "vgg-gap", "vgg-pan", "vgg-global", "vgg-att2-indep-additive", "resnet164-att2-concat-pc"]


def levels_of(name):
    """The levels whose maps a network of that name returns."""
    if name.startswith("resnet164-att2"):
        return ["stage2", "stage3"]
    if "-att" in name:
        return ["conv7", "conv10", "conv13"][-int(name[7]) :]
    return {"vgg-gap": ["conv13"], "vgg-pan": ["conv10", "conv13"]}.get(name, [])


def test_the_list_is_complete():
    assert sorted(model.list()) == sorted(model.list_names()) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_network_gives_logits_and_named_maps(name):
    with torch.device("meta"):
        net = model.build(name, num_classes=7, width=0.3).eval()
        logits, maps = net(torch.empty(2, 3, 32, 32))
    assert isinstance(net, Network)
    assert logits.shape == (2, 7)
    assert {k: tuple(v.shape) for k, v in maps.items()} == {k: (2, GRIDS[k], GRIDS[k]) for k in levels_of(name)}


@pytest.mark.parametrize("name", ONE_OF_EACH)
@pytest.mark.parametrize("size", [8, 16, 33, 80])
def test_other_sizes_work_as_the_trunk_allows(name, size):
    net = model.build(name, width=0.01, input_size=size).eval()
    with torch.no_grad():
        logits, maps = net(torch.randn(1, 3, size, size))
    assert logits.shape == (1, 10) and logits.isfinite().all()
    if size == 80 and "conv13" in maps:
        assert maps["conv13"].shape == (1, 8, 8)


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_half_precision_gives_finite_answers(name, pictures):
    net = model.build(name, width=0.0625)
    for m in net.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            m.momentum = 1.0
    net(pictures(batch=8))  # with fitting statistics; without them 54 residual blocks overflow half precision
    net.eval()
    for dtype in (torch.float16, torch.bfloat16):
        with torch.no_grad(), torch.autocast("cpu", dtype=dtype):
            logits, maps = net(pictures())
        assert all(x.isfinite().all() for x in (logits, *maps.values()))
        assert all(a.dtype == torch.float32 for a in maps.values())


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_every_kind_saves_and_loads_through_the_same_format(name, tmp_path, lively, pictures):
    net = lively(model.build(name, num_classes=7, width=0.0625))
    net.save_pretrained(tmp_path / name)
    loaded = Network.from_pretrained(tmp_path / name)
    assert type(loaded) is type(net) and loaded.arguments == net.arguments
    with torch.no_grad():
        assert torch.equal(loaded(pictures())[0], net(pictures())[0])
    with pytest.raises(CheckpointError, match="not Foreign"):
        type("Foreign", (Network,), {}).from_pretrained(tmp_path / name)


@pytest.mark.parametrize("name", [*ONE_OF_EACH, "resnet164", "vgg-att3-concat-dp"])
def test_the_classifier_reads_what_embed_gives(name, lively, pictures):
    net = lively(model.build(name, num_classes=7, width=0.0625)).double()
    with torch.no_grad():
        vectors, logits = net.embed(pictures(dtype=torch.float64)), net(pictures(dtype=torch.float64))[0]
        if isinstance(net.classifier, torch.nn.ModuleDict):
            layers = net.classifier.values()
            parts = vectors.split([layer.in_features for layer in layers], dim=1)
            read = sum(layer(part) for layer, part in zip(layers, parts, strict=True))
        else:
            read = net.classifier(vectors)
    assert torch.allclose(read, logits, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("vgg-att3-dp", {}, "there is no network called 'vgg-att3-dp'; did you mean vgg-att"),
        ("alexnet!", {}, r"there is no network called 'alexnet!'; model.list\(\) has all names"),
        ("vgg", {"scale_scores": False}, "vgg takes no scale_scores"),
        ("vgg-att1-concat-dp", {"scale_scores": "no"}, "scale_scores must be True, False or, under dp, 'learnt'"),
        ("vgg-att1-concat-pc", {"scale_scores": "learnt"}, "under dp, 'learnt', not 'learnt'"),
        ("vgg-att1-concat-pc", {"levels": ("conv7",)}, "vgg-att1-concat-pc takes no levels"),
        *(
            (name, {"input_size": 4}, "input_size must be a whole number of pixels from 8 to 1024, not 4")
            for name in ONE_OF_EACH
        ),
        *((name, {"num_classes": 0}, "num_classes must be at least 1") for name in ONE_OF_EACH),
    ],
)
def test_wrong_names_and_arguments_get_one_sentence(name, arguments, message):
    with pytest.raises(ValueError, match=message) as e:
        model.build(name, **arguments)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_picture_that_is_too_small_gets_one_sentence(name):
    with pytest.raises(ValueError, match="sides of at least 8 pixels, not "):
        model.build(name, width=0.01)(torch.zeros(1, 3, 7, 32))
