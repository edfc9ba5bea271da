"""Every odd or hostile file is read correctly, or refused with the reason."""

import contextlib
import io
import struct
import tracemalloc
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model import pictures
from model.pictures import MAX_PIXELS, BadPicture, read_picture, to_8_bit


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    """200 x 120, a bright disc on a gradient: no symmetry that would hide a flip."""
    y, x = np.mgrid[:120, :200]
    pixels = np.stack([x, 2 * y, 255 - x], -1).astype(np.uint8)
    pixels[(x - 80) ** 2 + (y - 40) ** 2 < 500] = (250, 240, 30)
    return Image.fromarray(pixels)


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_bomb(width: int, height: int) -> bytes:
    """A valid black PNG of any size, without ever holding its pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packer = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    packed = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def reason(content: bytes | Path) -> str:
    """The name of the reason for which a file is refused."""
    with pytest.raises(BadPicture) as error:
        read_picture(content)
    assert error.value.__suppress_context__ or error.value.__context__ is None
    return error.value.reason


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM"])
def test_formats(picture, kind):
    read = read_picture(encoded(picture, kind, **({"lossless": True} if kind == "WEBP" else {})))
    assert read.mode == "RGB" and read.size == picture.size
    difference = np.abs(np.asarray(read, int) - np.asarray(picture, int)).mean()
    assert difference < (6 if kind == "GIF" else 1e-9)  # a GIF has 256 colours


def test_jpeg_is_decoded_at_a_fraction_of_its_size(picture):
    large = picture.resize((6000, 3600))
    read = read_picture(encoded(large, "JPEG"))
    assert 1280 <= min(read.size) < 3600
    shrunk = np.asarray(read.resize((50, 30)), int)
    assert np.abs(shrunk - np.asarray(large.resize((50, 30)), int)).mean() < 3


def test_a_jpeg_keeps_all_rows_and_columns_if_they_count(picture):
    assert read_picture(encoded(picture.resize((3000, 2600)), "JPEG"), turn=False).size == (3000, 2600)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "F"])
def test_large_pictures_are_averaged_before_they_are_converted(picture, mode):
    shown = picture if mode != "F" else picture.convert("L")
    large = shown.resize((4500, 2700), Image.Resampling.NEAREST).convert(mode)
    large = large.point(lambda value: value * (1 / 255)) if mode == "F" else large
    exif = Image.Exif()
    exif[274] = 6  # turn a quarter clockwise
    read = read_picture(encoded(large, "TIFF" if mode == "F" else "PNG", exif=exif))
    assert read.size == (1350, 2250)
    small = np.asarray(read.resize((60, 100)), int)
    expected = np.asarray(shown.convert("RGB").resize((100, 60)).transpose(Image.Transpose.ROTATE_270), int)
    assert np.abs(small - expected).mean() < (8 if mode == "P" else 3)  # 256 colours
    whole = read_picture(encoded(large, "TIFF" if mode == "F" else "PNG"), turn=False)
    assert whole.size == large.size  # as boxes count them


@pytest.mark.parametrize(("size", "taken"), [((2001, 2000), 1), ((2000, 2000), 0)])
def test_only_large_pictures_wait_for_each_other(size, taken, monkeypatch):
    entered = []

    class Gate(contextlib.nullcontext):
        def __enter__(self):
            entered.append(self)

    monkeypatch.setattr(pictures, "reading", Gate())
    read_picture(encoded(Image.new("RGB", size)))
    assert len(entered) == taken


def test_exif_turns_the_picture(picture):
    exif = Image.Exif()
    exif[274] = 6  # the camera was held upright: turn a quarter clockwise
    read = read_picture(encoded(picture, "PNG", exif=exif))
    assert read.size == (120, 200)
    assert np.array_equal(np.asarray(read), np.rot90(np.asarray(picture), -1))
    assert read_picture(encoded(picture, "PNG", exif=exif), turn=False).size == picture.size


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_of_every_format(picture, kind, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    turned = [
        None,
        "FLIP_LEFT_RIGHT",
        "ROTATE_180",
        "FLIP_TOP_BOTTOM",
        "TRANSPOSE",
        "ROTATE_270",
        "TRANSVERSE",
        "ROTATE_90",
    ]
    upright = turned[orientation - 1]
    expected = picture.transpose(Image.Transpose[upright]) if upright else picture
    read = read_picture(encoded(picture, kind, exif=exif, **lossless(kind)))
    assert np.abs(np.asarray(read, int) - np.asarray(expected, int)).mean() < 4


def test_broken_exif_is_no_reason_to_refuse(picture):
    assert read_picture(encoded(picture, "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff")).size == picture.size


def test_transparency_lies_on_white():
    image = Image.new("RGBA", (4, 4), (255, 0, 0, 0))  # hidden red
    image.putpixel((1, 1), (0, 0, 255, 255))
    read = read_picture(encoded(image))
    assert read.getpixel((0, 0)) == (255, 255, 255) and read.getpixel((1, 1)) == (0, 0, 255)


@pytest.mark.parametrize("mode", ["P", "LA", "L"])
def test_transparency_of_other_modes(mode):
    image = Image.new(mode, (2, 2), (0, 0) if mode == "LA" else 0)
    options = {} if mode == "LA" else {"transparency": 0}
    assert read_picture(encoded(image, **options)).getpixel((0, 0)) == (255, 255, 255)


def test_first_frame_of_an_animation():
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    for kind in ("GIF", "WEBP", "PNG"):
        read = read_picture(encoded(first, kind, save_all=True, append_images=[second], **lossless(kind)))
        assert read.getpixel((4, 4)) == (255, 0, 0), kind


def lossless(kind: str) -> dict:
    return {"lossless": True} if kind == "WEBP" else {}


def test_16_bit_grey_is_scaled_not_clipped():
    values = np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8)
    read = np.asarray(read_picture(encoded(Image.fromarray(values))))
    assert np.abs(read[..., 0] - values / 257).max() <= 1 and (read[..., 0] == read[..., 2]).all()


def test_16_bit_of_the_other_byte_order():
    values = np.array([[0, 0x8000], [0xFFFF, 257]], dtype=">u2")
    assert to_8_bit(values).tolist() == [[0, 128], [255, 1]]


def test_floats_and_not_a_number():
    values = np.array([[0.0, 0.5], [1.0, np.nan]], np.float32)
    read = np.asarray(read_picture(encoded(Image.fromarray(values), "TIFF")))[..., 0]
    assert read.tolist() == [[0, 128], [255, 0]]
    with pytest.raises(BadPicture, match="range is unknown"):
        read_picture(encoded(Image.fromarray(values), "TIFF"), guess_range=False)


def test_wide_values_are_scaled_in_parts_that_take_little_memory():
    values = np.linspace(-2, 6, 3_000_000, dtype=np.float32).reshape(1000, 3000)
    tracemalloc.start()
    shown = to_8_bit(values)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.array_equal(shown, np.round((values.astype(float) + 2) / 8 * 255))
    assert peak < 3 * values.nbytes + shown.nbytes


@pytest.mark.parametrize("constant", [-3.0, 0.0, 1.0, 70000.0])
def test_constant_values_have_a_range(constant):
    with np.errstate(all="raise"):
        assert to_8_bit(np.full((2, 2), constant)).shape == (2, 2)


def test_cmyk():
    read = read_picture(encoded(Image.new("CMYK", (8, 8), (0, 0, 0, 0)), "JPEG"))
    assert read.mode == "RGB" and min(read.getpixel((3, 3))) > 250


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1)])
def test_extreme_shapes(size):
    assert read_picture(encoded(Image.new("RGB", size, "green"))).size == size


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"],
    ids=["empty", "text", "svg", "postscript"],
)
def test_not_a_picture(content):
    assert reason(content) == "foreign"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_cut_short(picture, kind, part):
    content = encoded(picture, kind)
    assert reason(content[: int(len(content) * part)]) in ("damaged", "foreign")


def test_noise_after_a_valid_head(picture):
    content = bytearray(encoded(picture))
    content[60:400] = bytes(340)
    assert reason(bytes(content)) == "damaged"


def test_a_file_that_is_gone(tmp_path):
    assert reason(tmp_path / "gone.png") == "gone"


@pytest.mark.parametrize("size", [(12_000, 12_000), (30_000, 30_000), (50_000_001, 1)])
def test_too_many_pixels_are_refused_undecoded(size, monkeypatch):
    content = png_bomb(*size)
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("pixels were decoded"))
    with warnings.catch_warnings(record=True) as logged:
        warnings.simplefilter("always")
        assert reason(content) == "large"
    assert not logged  # Pillow's own message would name its file


def test_as_many_pixels_as_allowed_are_read():
    width = 5000
    assert read_picture(png_bomb(width, MAX_PIXELS // width)).size == (width, MAX_PIXELS // width)
