"""Training, run as people run it: the command line on real CIFAR-10, a tiny network, killed and resumed."""

import contextlib
import fcntl
import json
import os
import pty
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

TINY = [
    "--arch",
    "vgg-att3-concat-dp",
    "--width",
    "0.03125",
    "--limit",
    "384",
    "--batch-size",
    "32",
    "--dropout",
    "0.5",
]
TINY += ["--device", "cpu", "--precision", "float32", "--holdout", "100"]


def start(*arguments, data_dir, out, launcher=("-m", "training"), threads="1", stderr=subprocess.PIPE, before=None):
    command = [sys.executable, *launcher, "fit", "--data-dir", str(data_dir), "--out", str(out), *TINY, *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": threads}
    pipes = {"stdout": subprocess.PIPE, "stderr": stderr, "text": True}
    return subprocess.Popen(command, env=environment, preexec_fn=before, **pipes)


def finish(process, code=0):
    out, err = process.communicate(timeout=300)
    assert process.returncode == code, err
    return out, err


def wait_for(file, process):
    while not file.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)


def weights(folder):
    return load_file(folder / "model.safetensors")


def rows(folder):
    timed = ("seconds", "images_per_second")
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k not in timed} for line in lines]


def recipe(folder):
    return json.loads((folder / "config.json").read_text())["recipe"]


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.fixture(scope="module")
def uninterrupted(data_dir, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "whole"
    _, err = finish(start("--stages", "16x2,32x1", data_dir=data_dir, out=out))
    assert "note:" not in err  # the last side is that of the pictures
    return out


def test_a_run_folder_is_a_checkpoint_that_loads(uninterrupted):
    from model import AttentionVGG

    net = AttentionVGG.from_pretrained(uninterrupted)
    logits, attention = net(torch.zeros(2, 3, 32, 32))
    assert logits.shape == (2, 10) and attention["conv7"].shape == (2, 32, 32)
    assert net.info.class_names[3] == "cat" and net.info.dataset == "cifar10"
    assert net.info.recipe["command"].startswith("python -m training fit")
    assert net.info.recipe["train_images"] == 384 and net.info.recipe["images_seen"] == 3 * 384
    present = {file.name for file in uninterrupted.iterdir()}
    assert {"settings.json", "metrics.jsonl", "curves.png", "state.pt", "README.md", "best"} <= present
    assert any(name.startswith("events.out.tfevents") for name in present)


def test_tensorboard_reads_what_metrics_say(uninterrupted):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(uninterrupted)).Reload()
    for key in ("train_loss", "train_error", "held_out_error", "lr"):
        points = [(event.step, event.value) for event in events.Scalars(key)]
        assert points == [(row["epoch"], pytest.approx(row[key], rel=1e-6)) for row in rows(uninterrupted)]


def test_the_progress_bar_on_a_terminal(data_dir, tmp_path):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 40, 160, 0, 0))  # rows, columns
    process = start("--stages", "16x1", data_dir=data_dir, out=tmp_path / "run", stderr=theirs)
    os.close(theirs)
    text = ""
    with contextlib.suppress(OSError):  # the end of a terminal
        while part := os.read(ours, 4096):
            text += part.decode()
    assert finish(process)
    os.close(ours)
    bar = text.replace("\r", "\n")
    assert re.search(r"epoch 1/1 at 16 px: 100%\|.*384/384 \[[\d:]+<[\d:]+, .*img/s, error=[\d.]+ %, loss=\d\.\d+", bar)


def test_held_out_pictures_choose_and_the_test_split_is_not_touched(uninterrupted):
    results = json.loads((uninterrupted / "config.json").read_text())["results"]
    assert results == {"held_out_error": rows(uninterrupted)[-1]["held_out_error"], "held_out_images": 100}


def test_the_error_of_the_raw_weights_is_recorded_too(uninterrupted, data_dir):
    from model import Network
    from training.data import hold_out, load
    from training.evaluate import predict

    net, data = Network.from_pretrained(uninterrupted), load("cifar10", data_dir)
    held_out = hold_out(data.train, 100, 0)[1]
    state = torch.load(uninterrupted / "state.pt", weights_only=True)
    for key, row in (("average", "held_out_error"), ("net", "held_out_error_raw")):
        net.load_state_dict(state[key])
        wrong = predict(net.eval(), held_out).argmax(1) != held_out.labels
        assert rows(uninterrupted)[-1][row] == pytest.approx(wrong.float().mean().item())
    assert not same(state["average"], state["net"])


@pytest.mark.parametrize("save_every", ["0", "5"])
def test_a_run_killed_in_mid_epoch_and_resumed_loses_nothing(uninterrupted, data_dir, tmp_path, save_every):
    out = tmp_path / "killed"
    arguments = ["--stages", "16x2,32x1", "--save-every", save_every]
    process = start(*arguments, data_dir=data_dir, out=out)
    wait_for(out / "state.pt", process)  # the first epoch (or five steps of it) is saved: the next is running
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL and len(rows(out) if (out / "metrics.jsonl").exists() else []) < 3
    output, _ = finish(start(*arguments, "--resume", data_dir=data_dir, out=out))
    assert same(weights(out), weights(uninterrupted))
    assert rows(out) == rows(uninterrupted)
    assert save_every != "0" or "epoch 1/3" not in output  # what was done was not done again


def test_a_run_that_asks_goes_on_where_it_was_and_keeps_a_question_for_each_class(data_dir, tmp_path):
    arguments = ["--objective", "ask", "--stages", "16x2", "--save-every", "4", "--mixed", "16,24"]
    finish(start(*arguments, data_dir=data_dir, out=tmp_path / "whole"))
    process = start(*arguments, data_dir=data_dir, out=tmp_path / "killed")
    wait_for(tmp_path / "killed" / "state.pt", process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    finish(start(*arguments, "--resume", data_dir=data_dir, out=tmp_path / "killed"))
    whole = weights(tmp_path / "whole")
    assert same(weights(tmp_path / "killed"), whole) and whole["class_questions"].shape == (10, 16)
    assert rows(tmp_path / "killed") == rows(tmp_path / "whole")
    row = rows(tmp_path / "whole")[-1]
    assert 0 < row["train_asked_share"] < 1 and {"held_out_1x2_conv13", "held_out_2x2_absent_named"} <= row.keys()
    assert recipe(tmp_path / "whole")["objective"] == "ask" and recipe(tmp_path / "whole")["mixed"] == [16, 24]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_saves_and_exits_as_shells_expect_and_resume_goes_on(number, uninterrupted, data_dir, tmp_path):
    out = tmp_path / "stopped"
    process = start("--stages", "16x2,32x1", data_dir=data_dir, out=out)
    wait_for(out / "state.pt", process)
    process.send_signal(number)
    output, _ = finish(process, code=128 + number)
    assert "--resume goes on from here" in output and len(rows(out)) < 3
    if number != signal.SIGTERM:
        return  # what is saved does not depend on the signal
    command = recipe(out)["command"] if (out / "config.json").exists() else None
    resumed = ["--stages", "16x2,32x1", "--resume", "--precision", "auto"]  # auto is that of the run
    output, _ = finish(start(*resumed, data_dir=data_dir, out=out))
    assert "epoch 1/3" not in output
    assert same(weights(out), weights(uninterrupted))
    assert "--resume" not in recipe(out)["command"] and command in (None, recipe(out)["command"])


def test_a_second_ctrl_c_ends_at_once(data_dir, tmp_path):
    process = start("--stages", "32x1000", "--save-every", "1", data_dir=data_dir, out=tmp_path / "out")
    wait_for(tmp_path / "out" / "state.pt", process)
    os.kill(process.pid, signal.SIGSTOP)  # so that both come within one step
    process.send_signal(signal.SIGINT)
    os.kill(process.pid, signal.SIGCONT)
    message = process.stderr.readline() + process.stderr.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert "press Ctrl-C again to stop at once" in message and process.returncode is not None


def test_a_signal_that_is_ignored_stays_ignored(data_dir, tmp_path):
    before = partial(signal.signal, signal.SIGHUP, signal.SIG_IGN)  # nohup
    process = start("--stages", "16x2,32x1", data_dir=data_dir, out=tmp_path, before=before)
    wait_for(tmp_path / "state.pt", process)
    process.send_signal(signal.SIGHUP)
    finish(process)
    assert len(rows(tmp_path)) == 3


OTHER_WORK = """
compute_environment: LOCAL_MACHINE
distributed_type: "NO"
dynamo_config: {dynamo_backend: INDUCTOR}
mixed_precision: bf16
num_processes: 1
use_cpu: true
"""


def test_a_launchers_configuration_of_other_work_changes_no_number(data_dir, tmp_path, monkeypatch):
    finish(start("--stages", "16x1", data_dir=data_dir, out=tmp_path / "plain"))
    (tmp_path / "other.yaml").write_text(OTHER_WORK)
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    launcher = ("-m", "accelerate.commands.launch", "--config_file", tmp_path / "other.yaml", "-m", "training")
    finish(start("--stages", "16x1", data_dir=data_dir, out=tmp_path / "launched", launcher=launcher))
    assert rows(tmp_path / "launched") == rows(tmp_path / "plain")
    assert same(weights(tmp_path / "launched"), weights(tmp_path / "plain"))


TWO = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "training")  # on a CPU


@pytest.mark.parametrize("objective", ["class", "ask"])
def test_two_processes_take_the_same_steps_as_one(data_dir, objective):
    """In float64, where rounding stays far smaller than any mistake."""

    def losses(*launcher):
        command = [
            sys.executable,
            *launcher,
            str(Path(__file__).with_name("steps_in_float64.py")),
            str(data_dir),
            objective,
        ]
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=300, env=os.environ | {"PYTHONPATH": "."}
        )
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout.splitlines()[-1])

    one, two = losses(), losses(*TWO[:-2])
    assert (one["processes"], two["processes"]) == (1, 2)
    assert two["losses"] == pytest.approx(one["losses"], rel=1e-8) and len(set(one["losses"])) == 8


@pytest.mark.parametrize("hour", [3600, 0.25])
def test_the_others_wait_while_the_first_process_reads(hour):
    """The first reads for six seconds. The others wait for 12 hours; if an hour has 0.25 seconds, they give up."""
    program = Path(__file__).with_name("slow_first_process.py")
    result = subprocess.run(
        [sys.executable, *TWO[:-2], program, str(hour)],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"PYTHONPATH": "."},
    )
    went_on = result.returncode == 0 and result.stdout.split() == ["read", "read"]
    assert went_on == (hour == 3600), result.stderr


def test_two_processes_go_on_in_mid_epoch_where_they_were(data_dir, tmp_path):
    """Each process draws its own dropout, and keeps its own part of the sums."""
    arguments = ["--stages", "16x1", "--save-every", "5", "--limit", "1920"]  # long enough to copy a state in mid epoch
    whole, again = tmp_path / "whole", tmp_path / "again"
    process = start(*arguments, data_dir=data_dir, out=whole, launcher=TWO)
    wait_for(whole / "state.pt", process)
    again.mkdir()
    for name in ("state.pt", "settings.json"):
        shutil.copy(whole / name, again)
    finish(process)
    partial = torch.load(again / "state.pt", weights_only=True)["partial"]
    assert partial["step"] % 5 == 0 and len(partial["random"]) == 2
    assert partial["sums"][0, 1] == 32 * partial["step"]  # of both processes
    finish(start(*arguments, "--resume", data_dir=data_dir, out=again, launcher=TWO))
    assert same(weights(again), weights(whole)) and rows(again) == rows(whole)
    assert recipe(whole)["hardware"].endswith(", 2 processes")


def test_a_signal_to_one_of_two_processes_stops_both(data_dir, tmp_path):
    process = start("--stages", "16x1000", "--save-every", "1", data_dir=data_dir, out=tmp_path, launcher=TWO)
    wait_for(tmp_path / "state.pt", process)
    *_, second = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(second), signal.SIGTERM)
    output, err = process.communicate(timeout=300)
    assert process.returncode != 0 and "--resume goes on from here" in output and "exitcode  : 143" in err


def refusal(monkeypatch, capsys, *arguments, data_dir, out):
    """Runs the command line in this process; returns the one sentence it ends with."""
    from training.__main__ import main

    command = ["training", "fit", "--data-dir", str(data_dir), "--out", str(out), *TINY, *arguments]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as exit:
        main()
    lines = capsys.readouterr().err.strip().splitlines()
    err = "\n".join(line for line in lines if not line.startswith("note: "))
    assert exit.value.code == 2 and "Traceback" not in err and len(err.splitlines()) == 1, err
    return err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--stages", "16"], "stages are written like"),
        (["--recipe", "paper", "--warmup", "0.5"], "there is no warm-up where milestones set the learning rate"),
        (["--milestones", "soon"], "milestones are written like"),
        (["--stages", "100000x1"], "sides of 8 to 1024"),
        (["--arch", "vgg-att9"], "vgg-att9"),
        (["--recipe", "slow"], "there are fast and paper"),
        (["--dataset", "mnist"], "mnist"),
        (["--precision", "float8"], "precision must be"),
        (["--device", "tpu"], "device must be"),
        (["--batch-size", "4096"], "do not fill one batch"),
        (["--start", "nowhere"], "there is no checkpoint folder nowhere"),
        (["--lr", "1e20", "--stages", "16x1"], "the loss is not finite"),
        (["--absent", "0.2"], "--absent goes with --objective ask"),
        (["--objective", "ask", "--limit", "16", "--batch-size", "16"], "is left for scenes: raise --limit"),
        (["--objective", "ask", "--holdout", "3"], "the pictures held out show fewer: raise --holdout"),
    ],
)
def test_a_mistake_gets_one_sentence_and_exit_code_2(arguments, says, data_dir, tmp_path, monkeypatch, capsys):
    out = tmp_path / "run"
    assert says in refusal(monkeypatch, capsys, *arguments, data_dir=data_dir, out=out)
    assert not (out / "state.pt").exists()
    assert says in refusal(monkeypatch, capsys, *arguments, data_dir=data_dir, out=out)  # no run is in the way


def test_pictures_that_get_too_small_get_one_sentence(tmp_path, monkeypatch, capsys):
    from PIL import Image

    for name in ("red", "blue"):
        (tmp_path / "own" / name).mkdir(parents=True)
        for number in range(3):
            Image.effect_noise((12, 12), 50).convert("RGB").save(tmp_path / "own" / name / f"{number}.png")
    command = ["--dataset", "folder:own", "--input-size", "12", "--limit", "0", "--holdout", "0", "--batch-size", "2"]
    message = refusal(monkeypatch, capsys, *command, "--stages", "0x1,16x1", data_dir=tmp_path, out=tmp_path / "run")
    assert "pictures of 6 pixels a side" in message and "--stages" in message and not (tmp_path / "run").exists()


def test_a_loss_that_is_not_finite_is_never_saved(data_dir, tmp_path, monkeypatch, capsys):
    arguments = ["--lr", "1e20", "--stages", "16x1", "--save-every", "1"]
    assert "not finite" in refusal(monkeypatch, capsys, *arguments, data_dir=data_dir, out=tmp_path)
    net = torch.load(tmp_path / "state.pt", weights_only=True)["net"]
    assert all(v.isfinite().all() for v in net.values())


def test_a_loss_that_is_not_finite_is_noticed_within_ten_steps(data_dir, tmp_path, monkeypatch, capsys):
    from training import fit

    steps, step = [], fit.step
    monkeypatch.setattr(fit, "step", lambda *arguments: steps.append(0) or step(*arguments))
    refusal(monkeypatch, capsys, "--lr", "1e20", "--stages", "16x1", data_dir=data_dir, out=tmp_path)
    assert len(steps) == 10 < 384 // 32


def test_too_little_memory_gets_one_sentence(data_dir, tmp_path, monkeypatch, capsys):
    from training import fit

    monkeypatch.setattr(fit, "step", lambda *_: torch.empty(2**50))
    assert "not enough memory" in refusal(monkeypatch, capsys, "--stages", "16x1", data_dir=data_dir, out=tmp_path)


def test_a_note_says_that_the_last_stage_has_another_side_than_the_pictures(data_dir, tmp_path):
    _, err = finish(start("--stages", "16x1", "--limit", "32", data_dir=data_dir, out=tmp_path))
    assert "the last epochs are at 16 pixels a side, the result is measured at 32" in err


def test_a_checkpoint_that_is_no_run_is_never_overwritten(uninterrupted, data_dir, tmp_path, monkeypatch, capsys):
    shutil.copytree(uninterrupted / "best", tmp_path / "kept")
    message = refusal(monkeypatch, capsys, "--stages", "16x1", data_dir=data_dir, out=tmp_path / "kept")
    assert "holds a checkpoint, which a run would overwrite" in message
    assert sorted(file.name for file in (tmp_path / "kept").iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]


def test_a_finished_run_is_never_overwritten_though_its_state_is_gone(
    uninterrupted, data_dir, tmp_path, monkeypatch, capsys
):
    shutil.copytree(uninterrupted, tmp_path / "kept")
    (tmp_path / "kept" / "state.pt").unlink()  # as of a run that was published and fetched
    before = weights(tmp_path / "kept")
    for more in ([], ["--resume"]):
        message = refusal(monkeypatch, capsys, "--stages", "16x1", *more, data_dir=data_dir, out=tmp_path / "kept")
        assert "holds a checkpoint, which a run would overwrite" in message
    assert same(before, weights(tmp_path / "kept"))


def test_accelerates_own_precision_changes_nothing(monkeypatch):
    from accelerate.state import AcceleratorState

    from training.parallel import accelerator

    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    AcceleratorState._reset_state(reset_partial_state=True)  # a test before may have read another
    assert accelerator("cpu").mixed_precision == "no"


def test_a_resumed_run_does_not_need_the_checkpoint_it_started_from(data_dir, tmp_path, monkeypatch):
    import model
    from training import start
    from training.data import load
    from training.parallel import accelerator
    from training.recipes.registry import find_recipe
    from training.run import Run
    from training.run_folder import RunFolder
    from training.settings import Settings

    monkeypatch.setattr(start, "start_from", lambda *_: pytest.fail("it was looked for"))
    settings = Settings(
        "vgg-att1-concat-pc", "cifar10", find_recipe("fast", "cifar10", ""), width=0.03125, start="gone"
    )
    run = Run(settings, load("cifar10", data_dir), RunFolder(tmp_path), accelerator("cpu"), from_state=True)
    assert run.settings.start == "gone" and isinstance(run.net, model.AttentionVGG)


def test_a_finished_run_is_left_as_it_is(uninterrupted, data_dir, tmp_path, monkeypatch, capsys):
    import model
    from training.__main__ import main

    out = tmp_path / "run"
    shutil.copytree(uninterrupted, out)
    model.Network.from_pretrained(out).add_results(out, {"sides": {"48": 0.5}, "sides_images": 9})
    before = {file.name: file.read_bytes() for file in out.iterdir() if file.is_file()}
    command = ["fit", "--data-dir", str(data_dir), "--out", str(out), *TINY, "--stages", "16x2,32x1", "--resume"]
    monkeypatch.setattr(sys, "argv", ["training", *command])
    with pytest.raises(SystemExit) as exit:
        main()
    assert exit.value.code == 0 and "nothing is left to train" in capsys.readouterr().out
    after = {file.name: file.read_bytes() for file in out.iterdir() if file.is_file()}
    assert after == before


def test_scores_are_scaled_as_where_the_run_starts(tmp_path):
    import model
    from training.run_folder import RunError
    from training.start import start_from

    model.build("vgg-att1-concat-dp", width=0.03125, scale_scores=False).save_pretrained(tmp_path)
    with pytest.raises(RunError, match="are scaled in another way: add --scale-scores no"):
        start_from(model.build("vgg-att1-concat-dp", width=0.03125), str(tmp_path))


def test_a_run_may_start_from_a_pruned_checkpoint(tmp_path):
    import model
    from training.start import start_from

    torch.manual_seed(0)
    first, second = (model.build("vgg-att1-concat-pc", width=0.03125) for _ in range(2))
    first.without_global_branch().save_pretrained(tmp_path)
    fresh = second.classifier.weight.clone()
    start_from(second, str(tmp_path))
    assert torch.equal(second.trunk.conv1[0].weight, first.trunk.conv1[0].weight)
    assert torch.equal(second.classifier.weight, fresh)


def test_damaged_data_gets_one_sentence(tmp_path, monkeypatch, capsys):
    (tmp_path / "cifar-10-batches-py").mkdir()
    assert "cifar10" in refusal(monkeypatch, capsys, data_dir=tmp_path, out=tmp_path / "run").lower().replace("-", "")


def test_an_unwritable_folder_gets_one_sentence(data_dir, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("not a folder")
    message = refusal(monkeypatch, capsys, data_dir=data_dir, out=tmp_path / "file" / "run")
    assert "cannot be written" in message


def test_a_run_is_never_overwritten_by_accident(uninterrupted, data_dir, monkeypatch, capsys):
    before, stages = weights(uninterrupted), ["--stages", "16x2,32x1"]
    message = refusal(monkeypatch, capsys, *stages, data_dir=data_dir, out=uninterrupted)
    assert "already holds a run" in message
    message = refusal(monkeypatch, capsys, "--stages", "16x9", "--resume", data_dir=data_dir, out=uninterrupted)
    assert "other settings (recipe" in message
    assert same(before, weights(uninterrupted))


def test_a_folder_takes_one_run_at_a_time_and_loses_leftovers(uninterrupted, data_dir, tmp_path, monkeypatch, capsys):
    out, stages = tmp_path / "run", ["--stages", "16x2,32x1"]
    process = start(*stages, data_dir=data_dir, out=out)
    wait_for(out / "state.pt", process)
    process.send_signal(signal.SIGSTOP)  # or it might end meanwhile
    for more in ([], ["--resume"]):
        message = refusal(monkeypatch, capsys, *stages, *more, data_dir=data_dir, out=out)
        assert "is in use: another run is training in it" in message
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (out / "best").mkdir(exist_ok=True)
    for half_written in (".state.pt.abcdefgh", "best/.model.safetensors.a_0bcdef"):
        (out / half_written).write_bytes(b"half")
    (out / ".own.abcdefgh").touch()
    finish(start(*stages, "--resume", data_dir=data_dir, out=out))
    assert same(weights(out), weights(uninterrupted))
    assert [file.name for file in out.rglob(".*")] == [".own.abcdefgh"]


def test_a_run_does_not_go_on_with_other_pictures(tmp_path, monkeypatch, capsys):
    """One picture is added to the folder."""
    from PIL import Image

    rng = np.random.default_rng(0)

    def add(name, number):
        (tmp_path / "own" / name).mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "own" / name / f"{number}.png")

    for number in range(20):
        add("red", number)
        add("blue", number)
    out, command = tmp_path / "run", ["--dataset", "folder:own", "--limit", "0", "--batch-size", "8"]
    command += ["--stages", "16x1", "--holdout", "4"]
    finish(start(*command, data_dir=tmp_path, out=out))
    before = weights(out)
    finish(start(*command, "--resume", data_dir=tmp_path, out=out))  # nothing is left to do
    add("red", 20)
    message = refusal(monkeypatch, capsys, *command, "--resume", data_dir=tmp_path, out=out)
    assert "folder:own has changed since the run in" in message and same(before, weights(out))
    (tmp_path / "own" / "red" / "20.png").unlink()
    add("green", 0)
    add("green", 1)
    message = refusal(monkeypatch, capsys, *command, "--resume", data_dir=tmp_path, out=out)
    assert "folder:own has changed since the run in" in message and same(before, weights(out))


def test_a_damaged_state_gets_one_sentence(uninterrupted, data_dir, tmp_path, monkeypatch, capsys):
    shutil.copytree(uninterrupted, tmp_path / "run")
    state = tmp_path / "run" / "state.pt"
    data = torch.load(state, weights_only=True)["data"]

    def message() -> str:
        resumed = ["--stages", "16x2,32x1", "--resume"]
        return refusal(monkeypatch, capsys, *resumed, data_dir=data_dir, out=tmp_path / "run")

    state.write_bytes(state.read_bytes()[:1000])
    assert "state.pt is damaged" in message()
    for foreign in ([1, 2], {"data": data, "net": 1}):
        torch.save(foreign, state)
        assert "is of another version" in message()
    (tmp_path / "run" / "settings.json").write_text("[]")
    assert "settings.json is missing or damaged" in message()


def test_a_run_that_cannot_write_says_so_and_loses_nothing(data_dir, tmp_path):
    """As on a full disk: here the system refuses files of more than half of the state's size."""
    out, stages = tmp_path / "run", ["--stages", "16x2,32x1"]
    process = start(*stages, data_dir=data_dir, out=out)
    wait_for(out / "state.pt", process)
    process.terminate()
    finish(process, 128 + signal.SIGTERM)
    saved = (out / "state.pt").read_bytes()
    limit = len(saved) // 2
    tight = start(
        *stages,
        "--resume",
        data_dir=data_dir,
        out=out,
        before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    _, message = finish(tight, code=2)
    assert message.splitlines()[-1].startswith("error: ") and "cannot be written (File too large)" in message
    assert "Traceback" not in message and (out / "state.pt").read_bytes() == saved
    assert not [file.name for file in out.iterdir() if file.name.startswith(".")]  # nothing half written


def test_a_full_disk_leaves_the_last_good_state(tmp_path, monkeypatch):
    from training import run_folder

    folder = run_folder.RunFolder(tmp_path)
    folder.save_state({"epoch": 1})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(run_folder.RunError, match="No space left on device"):
        folder.save_state({"epoch": 2})
    assert folder.load_state() == {"epoch": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["state.pt"]
