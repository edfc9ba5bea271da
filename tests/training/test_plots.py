"""Any class name can be drawn, matplotlib says nothing about it on stderr, and no drawing costs a result."""

import io
import warnings

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image

import model
from training import plots
from training.evaluate import draw_confusion, measure
from training.push import draw_maps
from training.run_folder import RunFolder, add_events, whole_events

ODD = [
    "$5 bill",
    "$x_{",
    "a\\frac",
    "100 %",
    "#1",
    "^up_",
    "two\nlines",
    "<b>",
    "{}",
    "~",
    "x" * 200,
    "Bücher",
    "猫",
    "🦊",
    "नमस्ते",
]
ROW = {"epoch": 1, "side": 16, "train_loss": 1.0, "train_error": 0.5, "seconds": 2.0}


def confusion(names, file):
    logits = torch.eye(len(names))
    draw_confusion(measure(logits, torch.arange(len(names)), tuple(names)), file)
    return np.asarray(Image.open(file))


@pytest.mark.parametrize("name", ODD)
def test_any_name_is_drawn_without_a_warning(name, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = confusion([name, "dog"], tmp_path / "confusion.png")
    assert (drawn < 255).any()


def test_names_that_no_font_has_are_numbers_with_a_legend_in_words(capsys):
    with plots.canvas(["dog", "\U0001f98a"]) as (_, labels):
        assert labels == ["0", "1"]
    assert capsys.readouterr().err.endswith(": 0 is dog, 1 is \U0001f98a\n")
    with plots.canvas(["$5", "a\tb", "y" * 30]) as (_, labels):
        assert labels == ["$5", "a b", "y" * 21 + "..."]
    assert not capsys.readouterr().err


def test_a_font_that_has_the_letters_is_found(monkeypatch):
    families, lacking = plots.fonts(set("aé"))
    assert families == ["DejaVu Sans"] and not lacking
    original = plots.characters

    def some(file):  # as if a second font had what DejaVu lacks
        return original(file) | ({ord("猫")} if "STIXGeneral.ttf" in file else set())

    monkeypatch.setattr(plots, "characters", some)
    assert plots.fonts(set("a猫")) == (["DejaVu Sans", "STIXGeneral"], False)


def test_a_users_matplotlib_settings_change_nothing(tmp_path):
    plain = confusion(["a", "b"], tmp_path / "plain.png")
    with matplotlib.rc_context({"text.usetex": True, "figure.facecolor": "black", "font.family": "fantasy"}):
        assert np.array_equal(confusion(["a", "b"], tmp_path / "own.png"), plain)
        assert matplotlib.rcParams["text.usetex"]  # still as the user set it


def test_maps_of_classes_with_any_name():
    net = model.build("vgg-att3-concat-dp", num_classes=len(ODD), width=1 / 16).eval()
    net.info = type(net.info)(class_names=tuple(ODD))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Image.open(io.BytesIO(draw_maps(net, torch.zeros(2, 3, 32, 32, dtype=torch.uint8))))


@pytest.mark.parametrize("fault", [RuntimeError("no font"), OSError(28, "No space left on device"), MemoryError()])
def test_a_drawing_that_fails_costs_no_numbers(fault, tmp_path, monkeypatch, capsys):
    def fail(*_):
        raise fault

    monkeypatch.setattr("training.run_folder.curves", fail)
    monkeypatch.setattr("training.run_folder.add_events", fail)
    RunFolder(tmp_path).save_history([ROW])
    assert (tmp_path / "metrics.jsonl").read_text().count("\n") == 1
    notes = capsys.readouterr().err.splitlines()
    assert len(notes) == 2 and all(line.startswith("note: ") and "left out" in line for line in notes)


def steps(file):
    return [event.step for event, _ in whole_events(file.read_bytes())]


def test_the_event_file_grows_and_stays_the_same_file(tmp_path):
    file = tmp_path / "events.out.tfevents.run"
    rows = [ROW | {"epoch": epoch} for epoch in range(1, 6)]
    add_events(file, rows[:2])
    first, content = file.stat().st_ino, file.read_bytes()
    add_events(file, rows[:3])
    assert file.stat().st_ino == first and file.read_bytes().startswith(content)
    file.write_bytes(file.read_bytes()[:-5])  # killed while it wrote
    add_events(file, rows[:4])
    assert steps(file) == [0, 1, 2, 3, 4]
    add_events(file, rows[:4])  # killed before the state was saved: the epoch comes again
    assert steps(file) == [0, 1, 2, 3, 4]
    file.write_bytes(b"noise")
    add_events(file, rows)
    assert steps(file) == [0, 1, 2, 3, 4, 5]


def test_a_reader_that_has_the_file_open_sees_later_epochs(tmp_path):
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    file = tmp_path / "events.out.tfevents.run"
    rows = [ROW | {"epoch": epoch} for epoch in range(1, 7)]
    add_events(file, rows[:2])
    reader = EventFileLoader(str(file))
    assert [event.step for event in reader.Load()] == [0, 1, 2]
    for k in range(3, 7):
        add_events(file, rows[:k])
    assert [event.step for event in reader.Load()] == [3, 4, 5, 6]
