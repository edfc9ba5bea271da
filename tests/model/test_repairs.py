"""Files that viewers can show are read with every pixel; no other file is taken for one of them."""

import contextlib
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from model.pictures import BadPicture, read_picture
from tests.model.test_pictures import encoded, png_bomb, reason

ramp = np.tile(np.linspace(0, 4095, 100).round().astype(np.uint16), (60, 1))
colours = np.stack([ramp, ramp[:, ::-1], ramp // 2], -1)
SHOWN = np.round(ramp * (255 / 4095))


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return Image.fromarray((colours >> 4).astype(np.uint8))


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(values: np.ndarray, *extra: bytes) -> bytes:
    """A 16-bit PNG of values [H, W], [H, W, 3] or [H, W, 4]."""
    height, width, *bands = values.shape
    kind = {(): 0, (3,): 2, (4,): 6}[tuple(bands)]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def with_chunk(content: bytes, extra: bytes) -> bytes:
    """A PNG with one more chunk before its pixels."""
    return content[:33] + extra + content[33:]


def tiff(pages: list[dict[int, int | tuple[int, ...]]], data: bytes, order: str = "<") -> bytes:
    """An uncompressed TIFF of one or more pages of the same data, from their tags; a tuple is a tag of many values."""
    content, link = bytearray((b"II*\0" if order == "<" else b"MM\0*") + bytes(4)), 4
    content += data
    for tags in pages:
        tags = {259: 1, 262: 1, 273: 8, 277: 1, 278: tags[257], 279: len(data)} | tags
        counts, places = {}, {}
        for tag, values in tags.items():
            if isinstance(values, tuple):
                counts[tag], places[tag] = len(values), len(content)
                content += struct.pack(f"{order}{len(values)}I", *values)
        struct.pack_into(f"{order}I", content, link, len(content))
        content += struct.pack(f"{order}H", len(tags))
        for tag, value in sorted((tags | places).items()):
            content += struct.pack(f"{order}HHII", tag, 4, counts.get(tag, 1), value)
        link = len(content)
        content += bytes(4)
    return bytes(content)


def page(width: int = 100, height: int = 60, bits: int = 16, **tags: int) -> dict[int, int]:
    return {256: width, 257: height, 258: bits} | {int(tag[1:]): value for tag, value in tags.items()}


def bands_apart() -> dict[int, int | tuple[int, ...]]:
    """A page of three bands of 16 bits, one after another."""
    starts = {273: (8, 12_008, 24_008), 279: (12_000,) * 3}
    return page(_262=2, _277=3, _284=2) | {258: (16,) * 3} | starts


def bitmap(pixels: np.ndarray) -> bytes:
    """A 32-bit bitmap, as a clipboard gives it, of B, G, R and alpha [60, 100, 4] from the last row to the first."""
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 108, 100, 60, 1, 32, 3, pixels.size, 0, 0, 0, 0) + masks + bytes(52)
    return b"BM" + struct.pack("<IHHI", 122 + pixels.size, 0, 0, 122) + header + pixels.tobytes()


def odd_files(picture: Image.Image) -> dict[str, tuple[bytes, bytes]]:
    """{name: (a file that viewers show well, the same picture in a plain file)}, of a picture of 100 x 60."""
    plain, jpeg = encoded(picture), encoded(picture, "JPEG")
    rows = np.dstack([np.asarray(picture)[::-1, :, ::-1], np.zeros((60, 100), np.uint8)])
    profile = chunk(b"iCCP", b"name\0\0" + zlib.compress(bytes(2_000_000)))
    return {
        "profile.png": (with_chunk(plain, profile), plain),
        "sum.png": (with_chunk(plain, chunk(b"pHYs", bytes(9))[:-4] + b"oops"), plain),
        "end.jpg": (jpeg[:-2], jpeg),
        "alpha.bmp": (bitmap(rows), plain),
        "12bit.png": (png(ramp), encoded(Image.fromarray(SHOWN.astype(np.uint8)))),
    }


def raw_file() -> bytes:
    """A raw file as a camera writes it: only its preview can be read."""
    return tiff([page(_50706=1)], ramp.tobytes())


def grey(content: bytes) -> np.ndarray:
    """The picture as class folders read it."""
    return np.asarray(read_picture(content, guess_range=False), int)[..., 0]


@pytest.mark.parametrize("kind", [b"iCCP", b"zTXt", b"iTXt", b"tEXt"])
def test_metadata_of_any_size_do_not_matter(picture, kind):
    large = bytes(40_000_000)
    content = {
        b"iCCP": b"name\0\0" + zlib.compress(large),
        b"zTXt": b"Raw profile type exif\0\0" + zlib.compress(large),
        b"iTXt": b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(large),
        b"tEXt": b"workflow\0" + large,
    }[kind]
    read = read_picture(with_chunk(encoded(picture), chunk(kind, content)))
    assert np.array_equal(np.asarray(read), np.asarray(picture))


@pytest.mark.parametrize("kind", [b"pHYs", b"tEXt", b"eXIf", b"iTXt", b"sBIT", b"acTL"])
def test_a_wrong_check_sum_beside_the_pixels(picture, kind):
    extra = chunk(kind, b"XML:com.adobe.xmp\0\0\0\0\0")[:-4] + b"oops"
    assert np.array_equal(np.asarray(read_picture(with_chunk(encoded(picture), extra))), np.asarray(picture))


def test_a_wrong_check_sum_of_the_header_is_damage(picture):
    content = bytearray(encoded(picture))
    content[30] ^= 1
    assert reason(bytes(content)) == "damaged"


def test_every_place_where_a_png_says_how_it_is_turned(picture):
    exif = Image.Exif()
    exif[274] = 6
    notes = PngImagePlugin.PngInfo()
    notes.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="6"/>', zip=True)
    old = b"Raw profile type exif\0\0" + zlib.compress(
        b"\nexif\n  %d\n" % len(exif.tobytes()) + exif.tobytes().hex().encode()
    )
    plain = encoded(picture)
    for content in (
        encoded(picture, exif=exif),
        encoded(picture, pnginfo=notes),
        with_chunk(plain, chunk(b"zTXt", old)),
        plain[:-12] + chunk(b"eXIf", exif.tobytes()) + plain[-12:],  # after the pixels
    ):
        assert read_picture(content).size == (60, 100)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 2}])
def test_a_jpeg_without_its_end_mark(picture, options):
    content = encoded(picture, "JPEG", **options)
    whole = np.asarray(read_picture(content))
    for missing in (1, 2):
        assert np.array_equal(np.asarray(read_picture(content[:-missing])), whole)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 2}])
def test_a_jpeg_that_lacks_pixels(picture, options):
    content = encoded(picture, "JPEG", **options)
    whole = np.asarray(read_picture(content), int)
    accepted = []
    for end in range(1, len(content) - 2):
        with contextlib.suppress(BadPicture):
            accepted.append(read_picture(content[:end]))
    assert len(accepted) < 15
    assert all(np.array_equal(np.asarray(image), whole) for image in accepted)  # the end held no pixel


def test_a_bitmap_with_an_empty_alpha_channel_is_opaque(picture):
    rows = np.dstack([np.asarray(picture)[::-1, :, ::-1], np.zeros((60, 100), np.uint8)])

    assert np.array_equal(np.asarray(read_picture(bitmap(rows))), np.asarray(picture))
    rows[0, 0, 3] = 255  # now one pixel is opaque
    assert read_picture(bitmap(rows)).getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (png(ramp), SHOWN),
        (png(ramp * 16), SHOWN),
        (png(ramp >> 4), SHOWN),
        (png(ramp >> 2, chunk(b"sBIT", b"\x0a")), SHOWN),
        (png(ramp * 16, chunk(b"sBIT", b"\x0c")), SHOWN),  # scaled, as the standard asks
        (png(colours), SHOWN),
        (png(np.dstack([colours, np.full_like(ramp, 65535)])), SHOWN),
        (png(colours * 16), SHOWN),
        (tiff([page()], ramp.tobytes()), SHOWN),
        (tiff([page()], ramp.astype(">u2").tobytes(), ">"), SHOWN),
        (tiff([page(_284=2)], ramp.tobytes()), SHOWN),
        (tiff([bands_apart()], colours.transpose(2, 0, 1).tobytes()), SHOWN),
        (tiff([bands_apart()], colours.transpose(2, 0, 1).astype(">u2").tobytes(), ">"), SHOWN),
        (tiff([page(_262=0)], (4095 - ramp).tobytes()), SHOWN),
        (tiff([page(_262=0)], (65535 - ramp * 16).tobytes()), SHOWN),
        (b"P5 100 60 4095\n" + ramp.astype(">u2").tobytes(), SHOWN),
        (b"P5 100 60 8190\n" + ramp.astype(">u2").tobytes(), SHOWN / 2),
        (b"P5 100 60 65535\n" + (ramp * 16).astype(">u2").tobytes(), SHOWN),
        (b"P6 100 60 4095\n" + colours.astype(">u2").tobytes(), SHOWN),
        (b"P5 100 60 63\n" + (ramp >> 6).astype(np.uint8).tobytes(), np.round((ramp >> 6) * (255 / 63))),
        (b"P2 100 60 4095\n# a remark\n" + " ".join(map(str, ramp.ravel())).encode(), SHOWN),
    ],
)
def test_values_of_few_bits_have_their_full_range(content, shown):
    assert np.abs(grey(content) - shown).max() <= 1


def test_a_colour_of_16_bits_that_means_transparent():
    for values, kind in (ramp, ">H"), (np.dstack([ramp] * 3) << 4, ">HHH"):
        clear = values[0, 40].reshape(-1).tolist()
        read = grey(png(values, chunk(b"tRNS", struct.pack(kind, *clear))))
        assert np.unique(read[:, 40]).tolist() == [255]
        assert np.abs(np.delete(read - SHOWN, 40, axis=1)).max() <= 1


def test_a_tiff_that_says_12_bits_is_scaled_by_them():
    pairs = (ramp >> 2).reshape(60, 50, 2)
    packed = np.stack([pairs[..., 0] >> 4, (pairs[..., 0] & 15) << 4 | pairs[..., 1] >> 8, pairs[..., 1] & 255], -1)
    dark = tiff([page(bits=12)], packed.astype(np.uint8).tobytes())
    assert np.abs(grey(dark) - SHOWN / 4).max() <= 1.5


def test_text_pictures_are_read_in_order():
    assert np.asarray(read_picture(b"P3 2 1 255\n1 2 3 # x\n4 5 6"))[0].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert grey(b"P1 4 2\n10 01\n#x\n1 1 1 1").tolist() == [[0, 255, 255, 0], [0, 0, 0, 0]]
    assert grey(b"P2 2 1 9\n9 0 P2 1 1").tolist() == [[255, 0]]  # what follows is passed over
    for wrong in (b"P2 2 1 9\n1", b"P2 2 1 9\n1 10", b"P2 2 1 9\n1 -1", b"P2 2 1 9\n1 x", b"P1 2 1\n12", b"P1 2 1\n1"):
        assert reason(wrong) == "damaged"


def test_long_comments_are_skipped_quickly():
    assert reason(b"P3 1000 1000 255\n" + b"#\n" * 1_000_000) == "damaged"


@pytest.mark.parametrize("tags", [{"_50706": 1}, {"_33422": 1}, {"_254": 1, "_330": 8}, {"_255": 2, "_330": 8}])
def test_a_cameras_raw_file_is_not_its_preview(tags):
    assert reason(tiff([page(**tags)], ramp.tobytes())) == "raw"


def test_canons_raw_file_is_recognised_by_its_head():
    content = tiff([page()], b"CR\2\0" + ramp.tobytes())
    assert reason(content) == "raw"


def test_the_largest_page_after_a_preview():
    small, large = page(50, 30, _254=1), page()
    assert read_picture(tiff([small, large, small], ramp.tobytes())).size == (100, 60)
    assert read_picture(tiff([small], ramp.tobytes())).size == (50, 30)  # all that there is
    assert read_picture(tiff([page(50, 30), large], ramp.tobytes())).size == (50, 30)  # the first, as ever


def test_a_text_bomb_is_refused_or_read_without_inflating_it():
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(1000)) + packer.flush()
    extra = chunk(b"zTXt", b"Raw profile type exif\0\0" + packed) * 70
    assert read_picture(with_chunk(png_bomb(30, 20), extra)).size == (30, 20)


@pytest.mark.parametrize("kind", ["GIF", "JPEG", "TIFF", "WEBP"])
def test_a_picture_that_is_cut_off_in_its_head_is_called_damaged(picture, kind):
    content = encoded(picture, kind, **({"compression": "tiff_lzw"} if kind == "TIFF" else {}))
    with pytest.raises(BadPicture, match="damaged"):
        read_picture(content[:20])


def test_a_whole_picture_of_a_kind_that_the_decoder_lacks_is_not_simply_called_damaged():
    other_masks = bitmap(np.zeros((60, 100, 4), np.uint8)).replace(b"\0\0\xff\0", b"\0\0\x0f\0")
    for content in tiff([page(bits=10)], ramp.tobytes()), other_masks:
        with pytest.raises(BadPicture, match="damaged, or of a kind that cannot be read"):
            read_picture(content)


def test_a_tiff_without_some_of_its_rows_is_damaged():
    rows = bytes(400 * 100)
    assert read_picture(tiff([page(bits=32, _339=3)], rows[: 4 * 6000])).size == (100, 60)
    assert reason(tiff([page(100, 400_000, 32, _339=3, _278=60)], rows)) == "damaged"  # one strip of many
    assert reason(tiff([page(100, 61, 8, _278=60)], rows)) == "damaged"


@pytest.mark.parametrize("kind", ["WEBP", "GIF"])
def test_a_canvas_far_larger_than_its_first_frame(picture, kind):
    content = bytearray(encoded(picture, kind, save_all=True, append_images=[picture.rotate(180)]))
    assert read_picture(bytes(content)).size == (100, 60)
    at, length, less = (24, 3, 1) if kind == "WEBP" else (6, 2, 0)  # where the canvas' sides are, and how written

    def with_canvas(side: int) -> bytes:
        content[at : at + 2 * length] = 2 * (side - less).to_bytes(length, "little")
        return bytes(content)

    assert read_picture(with_canvas(1000)).size == (1000, 1000)
    assert reason(with_canvas(6000)) == "damaged"
