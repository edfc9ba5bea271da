"""What holds for any input: hypothesis draws pictures, files, configs and maps, and shows the smallest failure."""

import io
import json
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from model import AttentionVGG, CheckpointError, Info, Network, render
from model.card import front_matter
from model.format import CONFIG, WEIGHTS, read_config
from model.pictures import BadPicture, read_picture, to_8_bit
from model.render import View, limits, overlay
from tests.training.local_hub import faults

settings.register_profile(
    "plain",
    deadline=None,
    max_examples=60,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
settings.load_profile("plain")

HEADS = [
    b"",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"GIF89a",
    b"BM",
    b"II*\0",
    b"MM\0*",
    b"RIFF\0\0\0\0WEBP",
    b"P3 ",
    b"P5 ",
]
REASONS = {"foreign", "raw", "damaged", "large", "memory"}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
colours = arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3)))


@given(st.sampled_from(HEADS), st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(head, rest):
    try:
        assert read_picture(head + rest).mode == "RGB"
    except BadPicture as e:
        assert e.reason in REASONS and "\n" not in str(e)


@given(colours, st.sampled_from(["PNG", "BMP", "TIFF", "PPM", "WEBP"]))
def test_a_lossless_file_is_read_with_every_pixel(pixels, kind):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **({"lossless": True} if kind == "WEBP" else {}))
    assert np.array_equal(np.asarray(read_picture(buffer.getvalue())), pixels)


@given(colours, st.data())
def test_a_file_cut_anywhere_is_refused_or_whole(pixels, data):
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "PPM"]))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    content = buffer.getvalue()
    whole = np.asarray(read_picture(content))
    try:
        read = read_picture(content[: data.draw(st.integers(0, len(content)))])
    except BadPicture:
        return
    assert np.array_equal(np.asarray(read), whole)


@given(arrays(np.uint16, array_shapes(min_dims=2, max_dims=2, max_side=9)), st.integers(0, 65535))
def test_16_bit_values_keep_their_order_and_use_8_bits(values, file_white):
    shown = to_8_bit(values, file_white).astype(int)
    order = np.argsort(values, axis=None, kind="stable")
    assert (np.diff(shown.ravel()[order]) >= 0).all() and shown.min() >= 0 and shown.max() <= 255


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("net")
    AttentionVGG(num_classes=3, width=1 / 32).save_pretrained(folder, Info(class_names=tuple("abc"), dataset="cifar10"))
    return folder


@given(data=st.data())
def test_any_config_is_loaded_or_refused_in_one_sentence(data, checkpoint, tmp_path):
    shutil.copytree(checkpoint, tmp_path, dirs_exist_ok=True)
    config = read_config(checkpoint)
    place = data.draw(st.sampled_from([config, config["arguments"], config["results"], config["recipe"]]))
    place[data.draw(st.sampled_from(sorted(place) or ["error"]) | st.text(max_size=5))] = data.draw(json_values)
    (tmp_path / CONFIG).write_text(json.dumps(config))
    try:
        net = Network.from_pretrained(tmp_path)
    except CheckpointError as e:
        assert "\n" not in str(e)
    else:
        assert sum(p.numel() for p in net.parameters()) > 0


@given(data=st.data())
def test_any_damage_to_the_weights_is_refused_in_one_sentence(data, checkpoint, tmp_path):
    shutil.copytree(checkpoint, tmp_path, dirs_exist_ok=True)
    content = (checkpoint / WEIGHTS).read_bytes()
    at = data.draw(st.integers(0, 600) | st.integers(0, len(content) - 1))  # the first 600 bytes describe the others
    piece = data.draw(st.binary(max_size=8))
    (tmp_path / WEIGHTS).write_bytes(
        content[:at] + piece + (b"" if data.draw(st.booleans()) else content[at + len(piece) :])
    )
    try:
        Network.from_pretrained(tmp_path)  # a change inside a number leaves a number
    except CheckpointError as e:
        assert "\n" not in str(e)


@given(st.text(max_size=30), st.text(min_size=1, max_size=30))
def test_the_hub_takes_the_card_of_any_data_set(name, dataset):
    import yaml

    config = {"architecture": "AttentionVGG", "dataset": f"folder:{dataset}", "results": {"error": 0.5}}
    try:
        head = front_matter(f"user/{name}", config)
    except ValueError as e:
        assert "rename" in str(e)
    else:
        assert not faults(yaml.safe_load(head))


maps = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.floats(0, 1, width=32)).map(
    lambda a: a / a.sum() if a.sum() > 0 else np.full_like(a, 1 / a.size)
)
views = st.builds(View, st.floats(0, 1), st.booleans(), st.booleans(), st.floats(0.5, 100))
sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


@given(maps, views, sizes)
def test_any_map_is_drawn_at_the_size_of_the_picture(values, view, size):
    square = Image.new("RGB", size, (90, 120, 30))
    with np.errstate(all="raise", under="ignore"):
        scale = limits({"conv7": values}, view)["conv7"]
        drawn = overlay(square, values, scale, view)
        assert np.isfinite(scale).all() and scale[0] <= scale[1]
    assert (drawn.mode, drawn.size) == ("RGB", size)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(render.png(drawn)))), np.asarray(drawn))


@given(maps, st.floats(0.5, 100))
def test_the_highest_part_holds_its_share_and_the_highest_values(values, keep):
    mask = render.highest_share(values, keep)
    assert values[mask].sum(dtype=np.float64) >= values.sum(dtype=np.float64) * keep / 100 - 1e-6
    assert mask.all() or values[mask].min() > values[~mask].max()


@given(st.integers(1, 8), st.integers(1, 8), st.data())
def test_a_peak_is_drawn_where_it_is(height, width, data):
    row, column = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    values = np.full((height, width), 0.1 / (height * width), np.float32)
    values[row, column] += 0.9
    drawn = overlay(
        Image.new("RGB", (10 * width, 10 * height)), values, (0, float(values.max() * values.size)), View(1.0)
    )
    light = np.asarray(drawn.convert("L"))
    y, x = np.unravel_index(light.argmax(), light.shape)
    assert (y // 10, x // 10) == (row, column)
