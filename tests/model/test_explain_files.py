"""Many pictures: the same answers as one by one, complete shards, resumed runs and several processes."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import model
from model import Info, explain_files
from model.explain_files import FolderError, list_pictures
from tests.conftest import REPO


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("net") / "small-dp"
    model.build("vgg-att2-concat-dp", width=1 / 16).save_pretrained(folder, Info(class_names=tuple("abcdefghij")))
    return model.Network.from_pretrained(folder)


@pytest.fixture
def files(tmp_path):
    """Seven pictures in two folders, one that is cut short, one that is text, and a note without a picture's name."""
    random = np.random.default_rng(0)
    for i in range(7):
        path = tmp_path / "in" / ("deep" if i % 2 else "") / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (40 + i, 60, 3), np.uint8)).save(path)
    whole = (tmp_path / "in" / "0.png").read_bytes()
    (tmp_path / "in" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "in" / "text.jpg").write_text("hello")
    (tmp_path / "in" / "note.txt").write_text("hello")
    return list_pictures([tmp_path / "in"])


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(explain_files, "SHARD", 4)


def read(out):
    """Every line, and {file: {level: map}}, in the order of the shards."""
    lines, maps = [], {}
    for shard in sorted(out.glob("*.jsonl")):
        lines += [json.loads(line) for line in shard.read_text().splitlines()]
        with np.load(shard.with_suffix(".npz")) as shards:
            levels = [k for k in shards.files if k != "files"]
            maps |= {str(f): {k: shards[k][i] for k in levels} for i, f in enumerate(shards["files"])}
    return lines, maps


def test_each_line_and_map_is_what_explain_says(net, files, tmp_path):
    counts = []
    summary = explain_files.explain_files(net, files, tmp_path / "out", batch=3, pictures=True, progress=counts.append)
    lines, maps = read(tmp_path / "out")
    assert [line["file"] for line in lines] == [str(f) for f in files] and sum(counts) == len(files) == 9
    bad = {line["file"]: line["error"] for line in lines if "error" in line}
    assert {os.path.basename(f) for f in bad} == {"cut.png", "text.jpg"} and bad == summary.bad
    assert summary.answers == 7 and set(maps) == {str(f) for f in files} - set(bad)
    for line in lines:
        if "error" in line:
            continue
        alone = model.explain(line["file"], net)
        assert line["class"] == alone.answer and line["logit"] == pytest.approx(alone.logit, abs=1e-4)
        for level, a in alone.maps.items():
            assert np.allclose(maps[line["file"]][level], a, atol=1e-5)
    drawn = sorted(p.name for p in (tmp_path / "out" / "00000").iterdir())
    assert len(list((tmp_path / "out").rglob("*.jpg"))) == 2 * 7 and drawn[0] == f"0000-{files[0].stem}-conv10.jpg"


def test_a_run_that_was_stopped_goes_on_where_it_stopped(net, files, tmp_path):
    explain_files.explain_files(net, files, tmp_path / "whole")

    def stop(count):
        if (tmp_path / "out" / "00000.jsonl").exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        explain_files.explain_files(net, files, tmp_path / "out", progress=stop)
    first = (tmp_path / "out" / "00000.jsonl").stat().st_mtime_ns
    with pytest.raises(FolderError, match="is not empty; go on with --resume"):
        explain_files.explain_files(net, files, tmp_path / "out")
    summary = explain_files.explain_files(net, files, tmp_path / "out", resume=True)
    assert (summary.skips, len(summary.bad)) == (4, 2)
    assert (tmp_path / "out" / "00000.jsonl").stat().st_mtime_ns == first
    assert read(tmp_path / "out")[0] == read(tmp_path / "whole")[0]


def test_only_the_same_run_can_be_resumed(net, files, tmp_path):
    explain_files.explain_files(net, files, tmp_path / "out")
    with pytest.raises(FolderError, match="holds a run with other side;"):
        explain_files.explain_files(net, files, tmp_path / "out", side=48, resume=True)
    with pytest.raises(FolderError, match="holds a run with other files;"):
        explain_files.explain_files(net, files[1:], tmp_path / "out", resume=True)
    retrained = model.build("vgg-att2-concat-dp", width=1 / 16).eval()
    retrained.name, retrained.info = net.name, net.info
    with pytest.raises(FolderError, match="holds a run with other weights;"):
        explain_files.explain_files(retrained, files, tmp_path / "out", resume=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("")
    with pytest.raises(FolderError, match="holds no run to go on with"):
        explain_files.explain_files(net, files, tmp_path / "mine", resume=True)


def test_several_processes_share_the_files_and_write_the_same_results_as_one(net, files, tmp_path):
    """As torchrun starts them: each gets its rank and the number of processes. Here the second starts first."""
    folder = tmp_path / "net" / "small-dp"
    net.save_pretrained(folder)
    command = [
        sys.executable,
        "-c",
        "import model.explain_files as m; m.SHARD = 4; import model.__main__ as c; c.main()",
    ]
    command += ["explain", str(tmp_path / "in"), "--checkpoint", str(folder), "--out", str(tmp_path / "out")]
    command += ["--device", "cpu"]
    running = [
        subprocess.Popen(
            command,
            env={**os.environ, "RANK": rank, "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"},
            cwd=REPO,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in ("1", "0")
    ]
    outputs = [process.communicate(timeout=240) for process in running]
    assert [process.returncode for process in running] == [0, 0], outputs
    explain_files.explain_files(net, files, tmp_path / "alone")
    assert sorted(p.name for p in (tmp_path / "out").glob("*.jsonl")) == ["00000.jsonl", "00001.jsonl", "00002.jsonl"]
    both, alone = read(tmp_path / "out"), read(tmp_path / "alone")
    assert [(line["file"], line.get("class")) for line in both[0]] == [(o["file"], o.get("class")) for o in alone[0]]
    assert "process 1 of 2: " in outputs[1][0] and "bad files" in outputs[0][0]
    assert "is not a picture that can be read" in outputs[0][1] + outputs[1][1]


def test_a_side_that_is_too_small_leaves_no_folder_behind(net, files, tmp_path):
    with pytest.raises(ValueError, match="side must be 0 or a whole number of pixels from 8 to 1024"):
        explain_files.explain_files(net, files, tmp_path / "out", side=4)
    assert not (tmp_path / "out").exists()


def test_results_among_the_pictures_are_not_explained(net, files, tmp_path):
    out = tmp_path / "in" / "out"
    explain_files.explain_files(net, files, out, pictures=True)
    assert list(out.rglob("*.jpg")) and list_pictures([tmp_path / "in"], out) == files
    with pytest.raises(FolderError, match="is not empty"):
        explain_files.explain_files(net, list_pictures([tmp_path / "in"], tmp_path / "in"), tmp_path / "in")


def test_a_file_or_folder_that_is_missing_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file or folder"):
        list_pictures([tmp_path / "nowhere"])


def test_files_that_systems_leave_behind_are_no_pictures(tmp_path, files):
    for name in ("@eaDir/0.jpg", "__MACOSX/in/._0.png", ".Trash-1000/files/0.png", "$RECYCLE.BIN/$R1.png", "._0.png"):
        place = tmp_path / "in" / "deep" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"x")
    assert list_pictures([tmp_path / "in"]) == files
    assert list_pictures([place]) == [place]  # it was asked for by name


def test_a_phones_pictures_are_listed_as_bad_and_not_ignored(net, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    summary = explain_files.explain_files(net, list_pictures([tmp_path / "in"]), tmp_path / "out")
    assert list(summary.bad.values()) == ["not a picture that can be read"]
