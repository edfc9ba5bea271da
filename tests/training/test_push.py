"""Publishing a run: the real client, over HTTP, against a local server."""

import dataclasses
import io
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from huggingface_hub import ModelCard
from PIL import Image

import model
from model import AttentionVGG, Info
from model.card import PAPER
from model.format import CARD, CONFIG, WEIGHTS
from tests.training.local_hub import READER, WRITER, LocalHub, client_of
from training.data.objects import EXAMPLES
from training.provenance import command_line
from training.push import TILE, PushError, draw_maps, push, read_scenes

REPO = Path(__file__).resolve().parents[2]
COMMAND = "python -m training fit --dataset cifar10 --width 0.0625 --out runs/tiny"
EVENTS = "events.out.tfevents.1.host.2.0"
INFO = Info(
    class_names=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    mean=(0.49, 0.48, 0.45),
    std=(0.25, 0.24, 0.26),
    dataset="cifar10",
    recipe={"name": "fast", "command": COMMAND, "hardware": "a CPU, 1 thread", "versions": "torch 2.15.0", "seed": 0},
    results={"error": 0.125, "interval": [0.1186, 0.1316], "test_images": 10000, "calibration": 0.02},
)


@pytest.fixture
def hub():
    with LocalHub() as hub:
        yield hub


@pytest.fixture(autouse=True)
def client(hub, tmp_path, monkeypatch):
    """The client, pointed at the server; it does not wait between its own retries, and may look for no other host."""
    (tmp_path / "cache").mkdir()
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with client_of(hub, tmp_path / "cache", monkeypatch) as outside:
        yield
    assert not outside


@pytest.fixture
def run(tmp_path) -> Path:
    """A run's folder, with what a run leaves in it."""
    torch.manual_seed(0)
    folder = tmp_path / "runs" / "tiny"
    AttentionVGG(num_classes=10, width=1 / 16).save_pretrained(folder, INFO)
    (folder / "settings.json").write_text(json.dumps({"seed": 0, "dataset": "cifar10"}, indent=1) + "\n")
    (folder / "metrics.jsonl").write_text('{"epoch": 1}\n')
    (folder / "state.pt").write_bytes(b"only for going on")
    (folder / EVENTS).write_bytes(b"for TensorBoard")
    Image.new("RGB", (8, 8)).save(folder / "curves.png")
    return folder


def refusal(*args, **kwargs) -> str:
    with pytest.raises(PushError) as caught:
        push(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message and "127.0.0.1" not in message
    return message


def test_one_commit_holds_the_run(hub, run):
    result = push(run, "user/tiny")
    there = hub.repos["user/tiny"]
    assert len(there.commits) == 2 and not there.private  # the Hub's own first commit, and ours
    assert result.url == f"{hub.url}/user/tiny/commit/{there.commits[-1][0]}" and not result.kept_card
    assert there.messages[-1] == "AttentionVGG on cifar10, test error 12.50 %"
    files = hub.files("user/tiny")
    copied = {WEIGHTS, CONFIG, "settings.json", "metrics.jsonl", "curves.png", EVENTS}
    assert files.keys() == copied | {".gitattributes", CARD, "maps.png"}
    assert all(files[name] == (run / name).read_bytes() for name in copied)
    width, height = Image.open(io.BytesIO(files["maps.png"])).size
    assert width > 1000 and height > 300  # ten columns; the picture and three levels


def test_paths_are_not_published(hub, run):
    settings = {"seed": 0, "dataset": "folder:/home/somebody/birds", "start": "../somebody/run"}
    (run / "settings.json").write_text(json.dumps(settings))
    push(run, "user/tiny")
    published = json.loads(hub.files("user/tiny")["settings.json"])
    assert published == {"seed": 0, "dataset": "folder:birds", "start": "run"}


@pytest.mark.parametrize(
    "argument, published",
    [
        ("folder:/home/somebody/birds/", "folder:birds/"),
        ("folder:birds/of/ours", "folder:birds/of/ours"),
        ("--out=/home/somebody/runs/dp", "--out=dp"),
        ("~/runs/dp", "dp"),
        ("../../somebody/runs/dp", "dp"),
        ("runs/dp", "runs/dp"),
        ("user/repo", "user/repo"),
        ("16x6,24x4,32x5", "16x6,24x4,32x5"),
    ],
)
def test_a_command_is_published_without_its_folders(argument, published, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["training", "fit", argument])
    assert command_line() == f"python -m training fit {published}"


@pytest.mark.parametrize("content", ["{", "[]", '{"dataset": 7}'])
def test_damaged_settings_are_not_published(hub, run, content):
    (run / "settings.json").write_text(content)
    assert refusal(run, "user/tiny") == "settings.json of the run is damaged"


def test_the_card_states_what_a_config_leaves_to_the_constructor(hub, run):
    config = json.loads((run / CONFIG).read_text())
    for name in ("levels", "head"):
        del config["arguments"][name]
    del config["results"]["test_images"]
    (run / CONFIG).write_text(json.dumps(config))
    push(run, "user/tiny")
    card = hub.files("user/tiny")[CARD].decode()
    assert "Attention at conv7, conv10, conv13" in card and "**Test error: 12.50 %** on the test images of" in card


def test_the_card_is_one_the_hub_reads(hub, run):
    push(run, "user/tiny")
    card = ModelCard(hub.files("user/tiny")[CARD].decode())
    (result,) = card.data.eval_results
    assert (result.metric_type, result.metric_value, result.dataset_split) == ("accuracy", 0.875, "test")
    assert (card.data.pipeline_tag, card.data.license, card.data.datasets) == (
        "image-classification",
        "mit",
        ["uoft-cs/cifar10"],
    )
    for expected in (
        PAPER,
        COMMAND,
        "a CPU, 1 thread",
        "12.50 %",
        "](curves.png)",
        "](maps.png)",
        'from_pretrained("user/tiny")',
    ):
        assert expected in card.text
    assert "confusion.png" not in card.text


def test_what_is_pushed_is_read_back_bit_for_bit(hub, run):
    commit = push(run, "user/tiny").url.rsplit("/", 1)[1]
    pushed = AttentionVGG.from_pretrained(run)
    torch.manual_seed(1)
    AttentionVGG(num_classes=10, width=1 / 16).save_pretrained(run, INFO)
    push(run, "user/tiny")
    read = AttentionVGG.from_pretrained("user/tiny", revision=commit)
    assert all(torch.equal(v, read.state_dict()[k]) for k, v in pushed.state_dict().items())
    latest = AttentionVGG.from_pretrained("user/tiny")
    assert not torch.equal(latest.classifier.weight, read.classifier.weight)
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(latest(images)[0], AttentionVGG.from_pretrained(run)(images)[0])


def test_private_is_private(hub, run, monkeypatch):
    push(run, "user/secret", private=True)
    assert hub.repos["user/secret"].private
    push(run, "user/secret", private=True)
    push(run, "user/open")
    assert "already exists and is public" in refusal(run, "user/open", private=True)
    assert not hub.repos["user/open"].private and len(hub.repos["user/open"].commits) == 2


def test_a_readme_is_kept_unless_told(hub, run):
    hub.put("user/tiny", {CARD: b"# written by hand"})
    result = push(run, "user/tiny")
    assert result.kept_card and "was kept" in str(result)
    files = hub.files("user/tiny")
    assert files[CARD] == b"# written by hand" and files[WEIGHTS] == (run / WEIGHTS).read_bytes()
    assert not push(run, "user/tiny", overwrite_card=True).kept_card
    assert b"model-index" in hub.files("user/tiny")[CARD]


def test_pushing_the_same_again_makes_no_commit(hub, run):
    assert push(run, "user/tiny").url == push(run, "user/tiny").url
    assert len(hub.repos["user/tiny"].commits) == 2


def test_a_connection_cut_once_is_taken_up_again(hub, run):
    hub.cut = 1
    push(run, "user/tiny")
    assert hub.cut == 0 and hub.files("user/tiny")[WEIGHTS] == (run / WEIGHTS).read_bytes()


def test_a_connection_that_stays_cut_leaves_nothing_and_a_later_push_is_whole(hub, run):
    hub.cut = 10**6
    assert "the connection to the Hub broke" in refusal(run, "user/tiny")
    assert hub.cut < 10**6 and hub.files("user/tiny").keys() == {".gitattributes"} and not hub.blobs
    hub.cut = 0
    push(run, "user/tiny")
    assert hub.files("user/tiny")[WEIGHTS] == (run / WEIGHTS).read_bytes()


@pytest.mark.parametrize("name", ["tiny", "user/tiny/x", "user/a b", "user/-a", "../tiny", "user/", "", "user/a--b"])
def test_a_bad_name_is_refused_before_any_call(hub, run, name):
    assert "is not the name of a repository" in refusal(run, name)
    assert not hub.requests


def test_without_a_right_to_write_nothing_is_pushed(hub, run, monkeypatch):
    assert "the name is someone else's" in refusal(run, "taken/tiny")
    hub.put("taken/tiny", {CARD: b"theirs"})
    assert "the name is someone else's" in refusal(run, "taken/tiny")
    monkeypatch.setenv("HF_TOKEN", READER)
    assert "the token can only read" in refusal(run, "user/tiny")
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    assert "does not accept the token" in refusal(run, "user/tiny")
    monkeypatch.delenv("HF_TOKEN")
    hub.requests.clear()
    assert "hf auth login" in refusal(run, "user/tiny")
    assert not hub.requests and hub.files("taken/tiny") == {CARD: b"theirs"} and "user/tiny" not in hub.repos


def test_a_hub_that_is_not_there_gets_one_sentence(hub, run, monkeypatch):
    from huggingface_hub import constants

    hub.broken = 503
    assert "the Hub has a fault (status 503)" in refusal(run, "user/tiny")
    hub.stop()
    assert "the connection to the Hub broke" in refusal(run, "user/tiny")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in refusal(run, "user/tiny")


def test_what_is_no_run_is_refused_before_any_call(hub, run, tmp_path):
    assert "there is no folder" in refusal(tmp_path / "absent", "user/tiny")
    assert f"it has no {CONFIG}" in refusal(tmp_path / "cache", "user/tiny")
    (run / WEIGHTS).write_bytes((run / WEIGHTS).read_bytes()[:-100])
    assert "is truncated" in refusal(run, "user/tiny")
    assert not hub.requests


def test_no_picture_that_was_put_beside_the_scenes_is_published(hub, run, tmp_path, monkeypatch):
    push(run, "user/without")
    folder = shutil.copytree(EXAMPLES, tmp_path / "examples")
    monkeypatch.setattr("training.push.EXAMPLES", folder)
    Image.effect_noise((50, 40), 90).save(folder / "a child.jpg")  # the first by name
    (folder / "broken.jpg").write_bytes(b"no picture")
    push(run, "user/with")
    assert hub.files("user/with")["maps.png"] == hub.files("user/without")["maps.png"]
    (folder / "cat.png").write_bytes(b"no picture")
    assert "not a picture" in refusal(run, "user/none")


@pytest.mark.parametrize("arch, rows", [("vgg-att2-concat-dp", 3), ("vgg-gap", 2), ("vgg-pan", 3), ("vgg", 0)])
def test_every_network_with_maps_is_drawn(arch, rows, tmp_path):
    Image.new("RGB", (40, 40), "green").save(tmp_path / "a.png")
    net = model.build(arch, width=1 / 16).eval()
    drawn = draw_maps(net, read_scenes(net, [tmp_path / "a.png"]))
    assert bool(drawn) == bool(rows)
    if rows:
        height = Image.open(io.BytesIO(drawn)).height
        assert abs(height - 1.2 * (rows * TILE + 30)) < 2  # 120 dots an inch of 100 pixels, and a margin of .3


def test_the_command(hub, run, tmp_path):
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "home"),
        "HF_TOKEN": WRITER,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "OMP_NUM_THREADS": "1",
    }
    hub.put("user/tiny", {CARD: b"# written by hand"})
    line = [sys.executable, "-m", "training", "push", str(run), "user/tiny"]
    call = {"cwd": REPO, "env": environment, "capture_output": True, "text": True}
    result = subprocess.run([*line, "--overwrite-readme"], **call)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{hub.url}/user/tiny/commit/{hub.repos['user/tiny'].commits[-1][0]}\n"
    files = hub.files("user/tiny")
    assert files[WEIGHTS] == (run / WEIGHTS).read_bytes() and b"model-index" in files[CARD]
    result = subprocess.run([*line, "--private"], **call)
    assert result.returncode == 2 and result.stderr.splitlines()[-1].startswith("error: user/tiny already exists")
    assert "Traceback" not in result.stderr
    behind = {**environment, "ALL_PROXY": "socks://127.0.0.1:9/", "NO_PROXY": ""}
    result = subprocess.run(line, **{**call, "env": behind})
    assert result.returncode == 2 and "the proxy that ALL_PROXY sets" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("name", ["Blumen-für-alle", "猫と犬", "my flowers (2)", "---", "a #b", "x" * 200, "…", "'\""])
def test_a_data_set_of_any_name_is_published(name, hub, run):
    net = AttentionVGG.from_pretrained(run)
    net.info = dataclasses.replace(net.info, dataset=f"folder:{name}")
    net.save_pretrained(run)
    push(run, "user/flowers")
    head = yaml.safe_load(hub.files("user/flowers")[CARD].decode().split("---\n")[1])
    shown = head["model-index"][0]["results"][0]["dataset"]
    assert shown["name"] == name and shown["type"].isascii()


def test_a_token_that_may_write_to_one_repository_alone(hub, run):
    hub.put("user/tiny", {CARD: b"theirs"})
    hub.may_create = False
    push(run, "user/tiny")
    assert WEIGHTS in hub.files("user/tiny")
