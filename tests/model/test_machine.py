"""The cores and abilities of a machine, from files as Linux writes them; no GPU is needed."""

import os
import warnings

import pytest
import torch
from typer.testing import CliRunner

from model import machine
from model.__main__ import app
from tests.conftest import REPO


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Writes control groups: ({path: content}, what /proc/self/cgroup says); eight cores by affinity."""
    monkeypatch.setattr(machine, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(machine, "OWN_CGROUP", tmp_path / "own")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))

    def write(files: dict[str, str], own: str) -> None:
        for path, content in files.items():
            (tmp_path / "cgroup" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "cgroup" / path).write_text(content)
        (tmp_path / "own").write_text(own)

    return write


V1 = "12:cpu,cpuacct:/docker/x\n3:cpuset:/\n0::/\n"


@pytest.mark.parametrize(
    ("files", "own", "cores"),
    [
        ({}, "", 8),
        ({"cpu.max": "max 100000\n"}, "0::/\n", 8),
        ({"cpu.max": "200000 100000\n"}, "0::/\n", 2),
        ({"cpu.max": "150000 100000\n"}, "0::/\n", 2),
        ({"cpu.max": "10000 100000\n"}, "0::/\n", 1),
        ({"cpu.max": "1600000 100000\n"}, "0::/\n", 8),
        ({"a/cpu.max": "300000 100000\n", "a/b/cpu.max": "max 100000\n"}, "0::/a/b\n", 3),
        ({"cpu.max": "200000 100000\n"}, "0::/seen/from/outside\n", 2),
        ({"cpu,cpuacct/cpu.cfs_quota_us": "-1\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n"}, V1, 8),
        ({"cpu,cpuacct/cpu.cfs_quota_us": "250000\n", "cpu,cpuacct/cpu.cfs_period_us": "50000\n"}, V1, 5),
        ({"cpu.max": "nonsense"}, "0::/\n", 8),
    ],
)
def test_a_quota_limits_the_cores(groups, files, own, cores):
    groups(files, own)
    assert machine.granted_cores() == cores


def test_threads_follow_the_quota_unless_their_number_is_set(groups, monkeypatch):
    groups({"cpu.max": "100000 100000"}, "0::/\n")
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        monkeypatch.setenv("OMP_NUM_THREADS", "4")
        machine.limit_threads()
        assert torch.get_num_threads() == 4
        monkeypatch.delenv("OMP_NUM_THREADS")
        machine.limit_threads()
        assert torch.get_num_threads() == 1
        torch.set_num_threads(4)
        CliRunner().invoke(
            app, ["explain", str(REPO / "assets" / "examples"), "--checkpoint", "nowhere", "--out", "nowhere"]
        )
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_emulated_bfloat16_does_not_count(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)
    assert not machine.multiplies_bfloat16("cuda")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: True)
    assert machine.multiplies_bfloat16("cuda")


@pytest.mark.parametrize(("flags", "native"), [("avx512f avx512_bf16", True), ("amx_bf16", True), ("avx2", False)])
def test_processors_that_multiply_bfloat16(monkeypatch, flags, native):
    monkeypatch.setattr(machine, "cpuinfo", lambda: f"flags\t\t: {flags}\n")
    assert machine.multiplies_bfloat16("cpu") == native


def test_a_device_that_computes_has_no_fault():
    assert machine.device_fault("cpu") == ""


@pytest.mark.parametrize("device", ["nonsense", "cuda:99", "hpu"])
def test_a_device_that_is_not_here_has_a_fault_of_one_line(device):
    fault = machine.device_fault(device)
    assert fault and "\n" not in fault


def test_what_torch_warns_of_a_card_is_left_to_the_fault(monkeypatch, recwarn):
    def warn_and_fail(*shape, device):
        warnings.warn("Found GPU0 that is too old.\nIts capability is 3.5.", stacklevel=1)
        raise RuntimeError("no kernel image\nCompile with")

    monkeypatch.setattr(torch, "ones", warn_and_fail)
    assert machine.device_fault("cuda") == "no kernel image" and not recwarn


@pytest.mark.parametrize(("count", "words"), [(1, "1 thread"), (2, "2 threads")])
def test_one_thread_is_singular(monkeypatch, count, words):
    monkeypatch.setattr(torch, "get_num_threads", lambda: count)
    assert machine.threads_in_use() == words
