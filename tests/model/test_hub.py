"""Reading checkpoints from the Hub: the real client, over HTTP, against a local server."""

import socket

import huggingface_hub
import pytest
import torch

from model import AttentionVGG, CheckpointError, Info, format, hub
from model.format import CONFIG, WEIGHTS
from tests.training.local_hub import LocalHub, client_of


@pytest.fixture
def server():
    with LocalHub() as server:
        yield server


@pytest.fixture(autouse=True)
def client(server, tmp_path, monkeypatch):
    """The client, pointed at the server, with nothing cached; no test may look for another host."""
    (tmp_path / "cache").mkdir()
    with client_of(server, tmp_path / "cache", monkeypatch) as outside:
        yield
    assert not outside


def network(seed: int) -> AttentionVGG:
    torch.manual_seed(seed)
    net = AttentionVGG(num_classes=10, width=1 / 16)
    net.info = Info(class_names=tuple("abcdefghij"), dataset="cifar10")
    return net


def publish(server: LocalHub, net: AttentionVGG, folder, repo: str = "user/net", private: bool = False) -> str:
    net.save_pretrained(folder)
    return server.put(repo, {file.name: file.read_bytes() for file in folder.iterdir()}, private)


def equal(a: AttentionVGG, b: AttentionVGG) -> bool:
    ours, theirs = a.state_dict(), b.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)


def refusal(*args, **kwargs) -> str:
    with pytest.raises(CheckpointError) as caught:
        AttentionVGG.from_pretrained(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message and "127.0.0.1" not in message and "cache/" not in message
    return message


def test_a_checkpoint_is_read_as_it_was_published(server, tmp_path):
    net = network(0)
    publish(server, net, tmp_path / "net")
    read = AttentionVGG.from_pretrained("user/net")
    assert equal(read, net) and read.info == net.info
    fetched = {path.rsplit("/", 1)[1] for _, path in server.requests if "/resolve/" in path}
    assert fetched == {CONFIG, WEIGHTS}


def test_a_branch_is_followed_and_a_commit_stays(server, tmp_path):
    first, second = network(1), network(2)
    commit = publish(server, first, tmp_path / "net")
    assert equal(AttentionVGG.from_pretrained("user/net"), first)
    publish(server, second, tmp_path / "net")
    assert equal(AttentionVGG.from_pretrained("user/net"), second)
    assert equal(AttentionVGG.from_pretrained("user/net", revision=commit), first)
    assert equal(AttentionVGG.from_pretrained("user/net", revision="main"), second)


def test_a_cached_commit_never_asks_the_network(server, tmp_path):
    net = network(3)
    commit = publish(server, net, tmp_path / "net")
    AttentionVGG.from_pretrained("user/net", revision=commit)
    server.requests.clear()
    assert equal(AttentionVGG.from_pretrained("user/net", revision=commit), net)
    assert not server.requests


@pytest.mark.parametrize("state", ["refuses", "is silent", "is not well", "is switched off"])
def test_without_the_hub_the_cached_copy_serves(server, tmp_path, monkeypatch, state):
    from huggingface_hub import constants

    net = network(4)
    publish(server, net, tmp_path / "net")
    AttentionVGG.from_pretrained("user/net")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connects, and never answers
        if state == "refuses":
            server.stop()
        elif state == "is silent":
            monkeypatch.setattr(hub, "PATIENCE", 0.2)
            monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        elif state == "is not well":
            server.broken = 503
        else:
            monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        server.requests.clear()
        assert equal(AttentionVGG.from_pretrained("user/net"), net)
    assert not [path for _, path in server.requests if "/resolve/" in path]


def test_half_a_copy_in_the_cache_is_completed(server, tmp_path):
    net = network(5)
    commit = publish(server, net, tmp_path / "net")
    folder = hub.fetch("user/net", commit)
    (folder / WEIGHTS).unlink()
    assert equal(AttentionVGG.from_pretrained("user/net", revision=commit), net)


def test_a_checkpoint_that_cannot_be_fetched_gets_one_sentence(server, tmp_path, monkeypatch):
    publish(server, network(6), tmp_path / "net", private=True)
    assert "has no revision v9" in refusal("user/net", revision="v9")
    assert "nor such a repository on the Hub" in refusal("user/absent")
    assert "a repository on the Hub cannot have that name" in refusal("user/a--b")
    server.put("user/other", {"README.md": b"hello"})
    assert f"user/other on the Hub is not a checkpoint of ours: it has no {CONFIG}" == refusal("user/other")
    server.put("user/other", {CONFIG: b'{"architecture": "Foreign", "arguments": {}}', WEIGHTS: b""})
    assert "user/other holds the network 'Foreign'" in refusal("user/other")
    monkeypatch.delenv("HF_TOKEN")
    assert "that you may read" in refusal("user/net")
    server.broken = 500
    assert "status 500" in refusal("user/net")
    server.stop()
    assert "not in the local cache, and the Hub cannot be reached" in refusal("user/net")


def test_a_folder_comes_before_a_shipped_one_and_that_before_the_hub(server, tmp_path, monkeypatch):
    here, shipped, remote = network(7), network(8), network(9)
    publish(server, remote, tmp_path / "remote")
    shipped.save_pretrained(tmp_path / "shipped" / "user" / "net")
    here.save_pretrained(tmp_path / "work" / "user" / "net")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert equal(AttentionVGG.from_pretrained("user/net"), remote)
    server.requests.clear()
    monkeypatch.setattr(format, "BUNDLED", tmp_path / "shipped")
    assert equal(AttentionVGG.from_pretrained("user/net"), shipped)
    monkeypatch.chdir(tmp_path / "work")
    assert equal(AttentionVGG.from_pretrained("user/net"), here)
    assert not server.requests


def test_a_full_disk_is_not_the_hubs_fault(server, tmp_path, monkeypatch):
    publish(server, network(0), tmp_path / "net")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("huggingface_hub.snapshot_download", full)
    assert refusal("user/net") == "user/net cannot be kept in the Hub's local cache: No space left on device"


@pytest.mark.parametrize("proxy", ["socks5://u:secret@127.0.0.1:9", "socks://127.0.0.1:9/", "http://127.0.0.1:9"])
def test_a_proxy_that_does_not_reach_the_hub_is_named_by_its_variable(monkeypatch, proxy):
    monkeypatch.setenv("ALL_PROXY", proxy)
    monkeypatch.setenv("NO_PROXY", "")
    huggingface_hub.close_session()
    message = refusal("user/net")
    assert "the Hub cannot be reached through the proxy that ALL_PROXY sets" in message and "secret" not in message


def test_a_stale_token_is_named(server, tmp_path, monkeypatch):
    net = network(0)
    publish(server, net, tmp_path / "net")
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    assert "does not accept the token in HF_TOKEN" in refusal("user/net")
    monkeypatch.setenv("HF_TOKEN", "hf_…copied")
    assert "the token in HF_TOKEN is not a token" in refusal("user/net")
    for empty in ("", " "):
        monkeypatch.setenv("HF_TOKEN", empty)
        assert equal(AttentionVGG.from_pretrained("user/net"), net)
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    assert equal(AttentionVGG.from_pretrained("user/net"), net)  # as it lies in the cache
