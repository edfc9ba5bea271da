"""Run lengths of a BMP, held against a plain loop written from the format's description."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from model import run_lengths
from model.pictures import BadPicture, read_picture
from model.run_lengths import decode_runs

commands = st.one_of(
    st.builds(lambda n, value: bytes([n, value]), st.integers(1, 12), st.integers(0, 255)),
    st.sampled_from([b"\0\0", b"\0\0", b"\0\1", b"\0\2\1\0", b"\0\2\3\1"]),
    st.integers(3, 9).flatmap(lambda n: st.binary(min_size=n, max_size=n)),
)


def expected(content: bytes, width: int, height: int, bits: int) -> np.ndarray | None:
    """The picture; None where the commands end before its last pixel."""
    picture = np.zeros((height, width), np.uint8)
    x = y = at = 0

    def put(value: int) -> None:
        nonlocal x
        if x < width and y < height:
            picture[y, x] = value
        x += 1

    while at + 1 < len(content):
        count, value = content[at : at + 2]
        at += 2
        if count:
            for i in range(count):
                put(value if bits == 8 else value >> 4 if i % 2 == 0 else value & 15)
        elif value == 0:
            x, y = 0, y + 1
        elif value == 1:
            break
        elif value == 2:
            if at + 1 >= len(content):
                break
            x, y = x + content[at], y + content[at + 1]
            at += 2
        else:
            size = (value * bits + 15) // 16 * 2
            if at + size > len(content) // 2 * 2:
                break
            for i in range(value):
                put(content[at + i] if bits == 8 else content[at + i // 2] >> (4 if i % 2 == 0 else 0) & 15)
            at += size
        if y >= height:
            break
    return picture if y >= height or (y == height - 1 and x >= width) else None


def bitmap(content: bytes, width: int, height: int, bits: int = 8, palette: bytes = bytes(range(256))) -> bytes:
    colours = b"".join(bytes([value, 255 - value, value // 2, 0]) for value in palette)
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 1 if bits == 8 else 2, 0, 0, 0, len(palette), 0)
    start = 14 + len(head) + len(colours)
    return b"BM" + struct.pack("<IHHI", start + len(content), 0, 0, start) + head + colours + content


@settings(deadline=None, max_examples=300, derandomize=True)
@given(
    st.lists(commands, max_size=40).map(b"".join),
    st.integers(1, 9),
    st.integers(1, 6),
    st.sampled_from([4, 8]),
    st.integers(1, 5),
)
def test_as_the_format_says(content, width, height, bits, block):
    right = expected(content, width, height, bits)
    whole, run_lengths.BLOCK = run_lengths.BLOCK, block  # small enough that commands lie across blocks
    try:
        if right is None:
            with pytest.raises(ValueError, match="cut short"):
                decode_runs(content, width, height, bits)
        else:
            assert np.array_equal(decode_runs(content, width, height, bits), right)
    finally:
        run_lengths.BLOCK = whole


@pytest.mark.parametrize("bits", [4, 8])
def test_a_bitmap_of_run_lengths_has_its_colours(bits):
    content = b"\3\x12\0\0" + b"\0\3\x21\x34\x05" + (b"\0" if bits == 8 else b"") + b"\0\1"
    content = content if bits == 8 else b"\3\x12\0\0" + b"\0\3\x21\x30" + b"\0\1"
    places = [[0x21, 0x34, 5], [0x12] * 3] if bits == 8 else [[2, 1, 3], [1, 2, 1]]
    colours = [[[value // 2, 255 - value, value] for value in line] for line in places]
    palette = bytes(range(1 << bits))
    assert np.asarray(read_picture(bitmap(content, 3, 2, bits, palette))).tolist() == colours


def test_black_and_white_in_run_lengths():
    two = bitmap(b"\2\1\1\0\0\1", 3, 1, palette=b"ab")
    two = two.replace(bytes([97, 158, 48, 0, 98, 157, 49, 0]), bytes([0, 0, 0, 0, 255, 255, 255, 0]))
    assert np.asarray(read_picture(two))[0, :, 0].tolist() == [255, 255, 0]


@pytest.mark.parametrize(
    "line",
    [b"\xff\x07" * 28, b"\1\7\1\x09" * 3500, b"\0\3abc\0" * 2334, b""],
    ids=["long runs", "a run for each pixel", "pixels singly", "empty lines"],
)
def test_a_large_bitmap_of_run_lengths_is_read(line):
    image = read_picture(bitmap((line + b"\0\0") * 1000 + b"\0\1", 7000, 1000), turn=False)
    assert image.size == (7000, 1000)
    first = image.getpixel((0, 0))
    assert first == {b"": (0, 255, 0), b"\0": (48, 158, 97)}.get(line[:1], (3, 248, 7))


def test_run_lengths_that_are_cut_short():
    with pytest.raises(BadPicture, match="damaged or cut short"):
        read_picture(bitmap(b"\xff\7" * 500, 300, 300))


def test_pillows_own_run_lengths_give_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    content = b"".join(b"".join(bytes([n, v]) for n, v in rng.integers(1, 9, (12, 2))) + b"\0\0" for _ in range(20))
    content = bitmap(content + b"\0\1", 12, 20)
    assert np.array_equal(read_picture(content), Image.open(io.BytesIO(content)).convert("RGB"))
