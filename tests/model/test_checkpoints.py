"""A checkpoint comes back as it was saved, or is refused in one sentence."""

import json
import math

import pytest
import torch
from safetensors.torch import load_file, save_file

from model import AttentionVGG, CheckpointError, Info, Network, checkpoints, list_checkpoints
from model.format import CARD, CONFIG, WEIGHTS

INFO = Info(
    class_names=("cat", "dog", "ship"),
    mean=(0.1, 0.2, 0.3),
    std=(0.4, 0.5, 0.6),
    dataset="cifar10",
    recipe={"name": "fast", "seed": 3},
    results={"error": 0.125, "test_images": 8},
)


class OtherNetwork(Network):
    """Another class of network, with nothing in common with AttentionVGG."""

    def __init__(self, num_classes: int = 3, width: float = 1.0, input_size: int = 32):
        super().__init__(num_classes=num_classes, width=width, input_size=input_size)
        self.classifier = torch.nn.Linear(2, num_classes)


def network(**arguments):
    torch.manual_seed(0)
    net = AttentionVGG(**{"num_classes": 3, "width": 0.0625, "compatibility": "pc", **arguments})
    net(torch.randn(4, 3, 32, 32))  # moves the running statistics
    return net.eval()


@pytest.fixture
def checkpoint(tmp_path):
    """A good checkpoint in a folder of its own."""
    network().save_pretrained(tmp_path / "net", INFO)
    return tmp_path / "net"


def refusal(folder, kind=AttentionVGG):
    """The message with which loading is refused, which must be one line."""
    with pytest.raises(CheckpointError) as e:
        kind.from_pretrained(folder)
    assert "\n" not in str(e.value)
    return str(e.value)


@pytest.mark.parametrize(
    "arguments",
    [
        {"compatibility": "additive"},
        {"compatibility": "dp", "scale_scores": False},
        {"compatibility": "dp", "scale_scores": "learnt"},
        {"head": "indep", "input_size": 80},
    ],
)
def test_a_round_trip_is_equal_bit_for_bit(tmp_path, arguments):
    net = network(**arguments)
    net.save_pretrained(tmp_path / "net", INFO)
    for kind in (AttentionVGG, Network):
        loaded = kind.from_pretrained(tmp_path / "net")
        assert type(loaded) is AttentionVGG and not loaded.training
        assert loaded.info == INFO
        assert loaded.arguments == net.arguments
        assert loaded.state_dict().keys() == net.state_dict().keys()
        assert all(torch.equal(v, net.state_dict()[k]) for k, v in loaded.state_dict().items())
        images = torch.randn(2, 3, 32, 32)
        assert torch.equal(loaded(images)[0], net(images)[0])


def test_half_precision_halves_the_file_and_loads_as_float32(tmp_path):
    net = network()
    net.save_pretrained(tmp_path / "full", INFO)
    net.save_pretrained(tmp_path / "half", INFO, dtype=torch.float16)
    full, half = ((tmp_path / name / WEIGHTS).stat().st_size for name in ("full", "half"))
    assert half < 0.55 * full
    loaded = AttentionVGG.from_pretrained(tmp_path / "half")
    for k, v in net.state_dict().items():
        assert loaded.state_dict()[k].dtype == v.dtype
        assert torch.equal(loaded.state_dict()[k], v.half().to(v.dtype) if v.is_floating_point() else v)
    assert next(net.parameters()).dtype == torch.float32  # saving leaves the network as it was


def test_saving_again_replaces_and_leaves_no_temporary_file(checkpoint):
    network(num_classes=5).save_pretrained(checkpoint)
    assert AttentionVGG.from_pretrained(checkpoint).arguments["num_classes"] == 5
    assert sorted(p.name for p in checkpoint.iterdir()) == sorted([CONFIG, WEIGHTS, CARD])


def test_a_folder_that_cannot_be_written_gets_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot be written: "):
        network().save_pretrained(tmp_path / "file" / "net")


def test_missing_things_are_named(checkpoint, tmp_path):
    assert "there is no checkpoint folder" in refusal(tmp_path / "absent")
    assert refusal("x" * 5000).endswith("cannot be opened: File name too long")
    (checkpoint / WEIGHTS).rename(tmp_path / "weights")
    assert f"has no {WEIGHTS}" in refusal(checkpoint)
    (checkpoint / CONFIG).unlink()
    assert f"it has no {CONFIG}" in refusal(checkpoint)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 100, 0.5, 0.999])
def test_a_truncated_weights_file_is_refused(checkpoint, length):
    content = (checkpoint / WEIGHTS).read_bytes()
    (checkpoint / WEIGHTS).write_bytes(content[: length if isinstance(length, int) else int(length * len(content))])
    assert "is truncated or not a safetensors file" in refusal(checkpoint)


@pytest.mark.parametrize("content", [b"\x80\x04pickle", b"<html>not found</html>", b"\xff" * 64])
def test_a_foreign_weights_file_is_refused(checkpoint, content):
    (checkpoint / WEIGHTS).write_bytes(content)
    assert "is truncated or not a safetensors file" in refusal(checkpoint)


def test_tensors_missing_foreign_or_of_another_shape_are_counted(checkpoint):
    state = load_file(checkpoint / WEIGHTS)
    state["extra"] = torch.zeros(1)
    del state["classifier.bias"]
    state["classifier.weight"] = torch.zeros(3, 1)
    save_file(state, checkpoint / WEIGHTS)
    assert "(1 tensors missing, 1 foreign, 1 of another shape or kind; for one, classifier.bias)" in refusal(checkpoint)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda w: w.to(torch.int8), "1 of another shape or kind; for one, classifier.weight"),
        (lambda w: w.to(torch.complex64), "1 of another shape or kind; for one, classifier.weight"),
        (lambda w: w.fill_(math.nan), "not finite (for one, in classifier.weight)"),
    ],
)
def test_weights_of_another_type_or_not_finite_are_refused(checkpoint, spoil, says):
    state = load_file(checkpoint / WEIGHTS)
    save_file(state | {"classifier.weight": spoil(state["classifier.weight"])}, checkpoint / WEIGHTS)
    assert says in refusal(checkpoint)


def test_a_network_is_not_allocated_before_its_weights_are_known_to_fit(checkpoint):
    config = json.loads((checkpoint / CONFIG).read_text())
    config["arguments"]["num_classes"] = 10**10  # more than any memory holds
    (checkpoint / CONFIG).write_text(json.dumps(config))
    assert "2 of another shape" in refusal(checkpoint)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"architecture": "AttentionVGG"}',
        '{"arguments": {}}',
        '{"architecture": 1, "arguments": 2}',
        '{"architecture": "AttentionVGG", "arguments": {"compatibility": ["dp"]}}',
        pytest.param("[" * 200_000, id="deep"),
        '{"architecture": "AttendingNetwork", "arguments": {"num_classes": 3}}',
        '{"architecture": "AttentionVGG", "arguments": {"num_classes": 1000000000000}}',
        b'{"architecture": "\xff"}',
    ],
)
def test_a_config_that_is_no_config_is_refused(checkpoint, content):
    (checkpoint / CONFIG).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert CONFIG in refusal(checkpoint, Network)


ASK = {"grid": [1, 2], "question": "class", "pictures": 9, "shares": {"conv13": 0.9}, "named": 0.9, "auroc": None}
BAD_ASK = (
    {"pictures": None},
    {"question": None},
    {"grid": [0, 0]},
    {"grid": ["a", "b"]},
    {"shares": {"conv13": None}},
    {"named": 9},
)


def test_what_was_measured_by_asking_is_kept(checkpoint):
    config = json.loads((checkpoint / CONFIG).read_text())
    (checkpoint / CONFIG).write_text(json.dumps(config | {"results": {"ask": [ASK]}}))
    net = Network.from_pretrained(checkpoint)
    assert net.info.results["ask"] == [ASK] and "| 1 x 2 | 0.50 | class | 0.900 | 90.0 % |  |  |" in net.card("net")


def test_results_are_not_written_into_the_hub_clients_copy(checkpoint, monkeypatch):
    monkeypatch.setattr(checkpoints, "fetch", lambda *_: checkpoint)
    assert checkpoints.own_folder(checkpoint) == checkpoint
    with pytest.raises(CheckpointError, match="user/net is on the Hub: results are kept in folders only"):
        checkpoints.own_folder("user/net")


def test_a_config_may_leave_out_what_is_the_constructors_default(checkpoint):
    network(num_classes=10).save_pretrained(checkpoint, Info(class_names=tuple("abcdefghij")))
    config = json.loads((checkpoint / CONFIG).read_text())
    del config["arguments"]["num_classes"]
    (checkpoint / CONFIG).write_text(json.dumps(config))
    assert Network.from_pretrained(checkpoint).arguments["num_classes"] == 10


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"results": None}, "under results"),
        ({"results": {"error": None}}, "under results"),
        ({"results": {"error": 8.17}}, "under results"),
        ({"results": {"error": 0.1, "interval": [0.05]}}, "under results"),
        ({"results": {"held_out_error": 0.1, "held_out_images": "many"}}, "under results"),
        *(({"results": {"ask": [ASK | change]}}, "under results") for change in BAD_ASK),
        ({"results": {"ask": [ASK, ASK | {"shares": {"conv7": 0.5}}]}}, "under results"),
        ({"results": {"sides": {"48": 0.1}, "sides_images": "all"}}, "under results"),
        ({"mean": "abc"}, "under mean"),
        ({"mean": [0, 0], "std": [1, 0, 1]}, "under mean, std"),
        ({"mean": [0, math.nan, 0], "std": [1, math.nan, 1]}, "under mean, std"),
        ({"mean": [10**400, 0, 0], "std": [1, 1, math.inf]}, "under mean, std"),
        ({"class_names": [1, 2, 3]}, "under class_names"),
        ({"class_names": ["crane", "cat", "crane"]}, "under class_names"),
        ({"recipe": [], "dataset": 7}, "under dataset, recipe"),
        ({"class_names": ["cat"]}, "does not name each of its classes"),
    ],
)
def test_each_field_of_the_config_must_be_valid(checkpoint, change, says):
    config = json.loads((checkpoint / CONFIG).read_text())
    (checkpoint / CONFIG).write_text(json.dumps(config | change))
    assert says in refusal(checkpoint)


def test_the_folder_here_is_named_by_its_own_name(checkpoint, monkeypatch):
    (checkpoint / CONFIG).unlink()
    monkeypatch.chdir(checkpoint)
    assert f"{checkpoint.name} is not a checkpoint" in refusal(".")


@pytest.mark.parametrize(
    "arguments",
    [{"width": -1}, {"width": 1e9}, {"num_classes": "ten"}, {"levels": 3}, {"colour": "red"}, {"compatibility": None}],
)
def test_arguments_no_network_takes_are_refused(checkpoint, arguments):
    config = json.loads((checkpoint / CONFIG).read_text())
    config["arguments"] |= arguments
    (checkpoint / CONFIG).write_text(json.dumps(config))
    assert f"the arguments in {CONFIG} do not fit AttentionVGG" in refusal(checkpoint)


def test_weights_of_another_width_are_refused(checkpoint, tmp_path):
    network(width=0.125).save_pretrained(tmp_path / "wider")
    (tmp_path / "wider" / WEIGHTS).replace(checkpoint / WEIGHTS)
    assert "of another shape" in refusal(checkpoint)


def test_another_class_of_network_is_refused(checkpoint, tmp_path):
    OtherNetwork().save_pretrained(tmp_path / "other")
    assert "holds the network 'OtherNetwork', not AttentionVGG" in refusal(tmp_path / "other")
    assert "holds the network 'AttentionVGG', not OtherNetwork" in refusal(checkpoint, OtherNetwork)
    config = json.loads((checkpoint / CONFIG).read_text())
    for name in ("Sequential", "Network"):  # a foreign class; the base of all classes
        (checkpoint / CONFIG).write_text(json.dumps(config | {"architecture": name}))
        assert f"holds the network '{name}', not Network" in refusal(checkpoint, Network)


def test_the_registry_reads_what_is_saved_and_refuses_what_is_broken(tmp_path):
    for compatibility in ("pc", "dp"):
        network(compatibility=compatibility).save_pretrained(tmp_path / f"vgg-att3-{compatibility}-cifar10-s", INFO)
    OtherNetwork().save_pretrained(tmp_path / "vgg-cifar10-s")
    entries = list_checkpoints(tmp_path)
    assert [(e.name, e.family, e.compatibility) for e in entries] == [
        ("vgg-att3-dp-cifar10-s", "vgg-att3-cifar10-s", "dp"),
        ("vgg-att3-pc-cifar10-s", "vgg-att3-cifar10-s", "pc"),
        ("vgg-cifar10-s", "vgg-cifar10-s", None),
    ]
    assert entries[0].info == INFO
    (tmp_path / "vgg-cifar10-s" / CONFIG).write_text("{")
    with pytest.raises(CheckpointError, match="vgg-cifar10-s: config.json cannot be read"):
        list_checkpoints(tmp_path)


@pytest.mark.parametrize(
    ("names", "family"),
    [(("run-dp", "run-pc"), "run"), (("dp-run", "pc-run"), "run"), (("dp", "pc"), "runs"), (("dp-a", "pc-a"), "a")],
)
def test_a_family_is_the_name_without_its_compatibility(tmp_path, names, family):
    for name, compatibility in zip(names, ("dp", "pc"), strict=True):
        network(compatibility=compatibility).save_pretrained(tmp_path / "runs" / name, INFO)
    entries = list_checkpoints(tmp_path / "runs")
    assert [(e.family, e.compatibility) for e in entries] == [(family, "dp"), (family, "pc")]


def test_the_card_states_the_measured_error_and_no_other(checkpoint, tmp_path):
    text = (checkpoint / CARD).read_text()
    assert "12.50 %" in text and "value: 0.875" in text
    network().save_pretrained(tmp_path / "unmeasured")
    text = (tmp_path / "unmeasured" / CARD).read_text()
    assert "model-index" not in text and "%" not in text
