"""Mends files that a decoder refuses or misreads although every pixel is there."""

from __future__ import annotations

import contextlib
import io
import re
import string
import struct
import sys
import zlib
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageChops, PngImagePlugin, UnidentifiedImageError
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from model.run_lengths import RunLengths

PNG = b"\x89PNG\r\n\x1a\n"
PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
ORIENTATION = {b"eXIf": (b"",), b"iTXt": (b"XML:com.adobe.xmp\0",), b"zTXt": (b"Raw profile type exif\0",)}
NO_NUMBERS = re.compile(rb"[^\s\d]")
COMMENT = re.compile(rb"#[^\r\n]*")
PAGES = 64  # of a TIFF that are looked at
END_OF_JPEG = b"\xff\xd9"
NOISE = [bytes(range(1, 255)), bytes(range(254, 0, -1))]
RESTARTS = [b"\xff" + bytes([mark]) for mark in range(0xD0, 0xD8)]  # marks between the pixels of a JPEG
REDUCED, OLD_KIND, SUB_PAGES, INVERTED, BITS, EXTRA, PLANES = 254, 255, 330, 262, 258, 338, 284  # tags of a TIFF
RAW = {33421, 33422, 50706}  # a mosaic of colours, its pattern, the version of a DNG
SIGNED = ("JPEG", "GIF", "TIFF", "WEBP")  # whose first bytes are in no other file
OTHER_BYTE = {"16B": "16L", "16L": "16B", "16N": "16B" if sys.byteorder == "little" else "16L"}


class UnknownKind(OSError):
    """A file that begins as a picture does, but that the decoder cannot read."""


def without_extras(file: BinaryIO) -> tuple[BinaryIO, int]:
    """A PNG's chunks of pixels and orientation alone, and the bits that it says each value uses, 0 if it does not say.

    Colour profiles, texts and further frames can be of any size, or damaged, without harm to the pixels. A file that
    is no PNG comes back as it is.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if file.read(len(PNG)) != PNG:
        return file, 0
    copy, bits, kinds = io.BytesIO(), 0, set()
    copy.write(PNG)
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind in PIXELS:
            copy.write(head)
            copy.write(file.read(min(length + 4, size)))
        elif kind in {b"sBIT", *ORIENTATION} - kinds and length <= PngImagePlugin.MAX_TEXT_CHUNK:
            content, check = file.read(length), file.read(4)
            if check != struct.pack(">I", zlib.crc32(kind + content)):
                continue
            if kind == b"sBIT":
                bits = max(content, default=0)
            elif content.startswith(ORIENTATION[kind]) and pillow_takes(kind, content):
                copy.write(head + content + check)
                kinds.add(kind)
        else:
            file.seek(length + 4, io.SEEK_CUR)
    copy.seek(0)
    return copy, bits


def pillow_takes(kind: bytes, content: bytes) -> bool:
    """Whether Pillow reads a chunk of metadata. If not, say because it inflates too far, it refuses the whole file."""
    try:
        with PngImagePlugin.PngStream(io.BytesIO(content)) as stream:
            getattr(stream, f"chunk_{kind.decode()}")(0, len(content))
    except Exception:  # whatever it raises, the pixels do not depend on it
        return False
    return True


def is_raw(image: Image.Image, file: BinaryIO) -> bool:
    """Whether it is a camera's raw file: a TIFF in which only a preview can be read."""
    if not isinstance(image, TiffImageFile):
        return False
    file.seek(8)
    canon = file.read(2) == b"CR"
    return canon or not RAW.isdisjoint(image.tag_v2) or (is_preview(image) and SUB_PAGES in image.tag_v2)


def is_preview(image: TiffImageFile) -> bool:
    """Whether a page of a TIFF says that it is a smaller copy of another page."""
    return bool(image.tag_v2.get(REDUCED, 0) & 1) or image.tag_v2.get(OLD_KIND) == 2


def open_image(file: BinaryIO, formats: list[str] | tuple[str, ...]) -> ImageFile:
    """Opens a file at its first frame; a TIFF that begins with a preview, at its largest page.

    Raises:
        UnknownKind: its head is damaged, or the decoder does not know its kind.
        UnidentifiedImageError: it does not begin as a picture does.
    """
    file.seek(0)
    try:
        image = Image.open(file, formats=formats)
    except OSError as error:
        file.seek(0)
        head = file.read(16)
        if head.startswith(PNG):  # it knows every kind of PNG
            raise ValueError("a damaged PNG") from None
        is_known = any(begins(head) for kind in SIGNED if (begins := Image.OPEN[kind][1]))
        if str(error).startswith("Unsupported") or (is_known and isinstance(error, UnidentifiedImageError)):
            raise UnknownKind from None
        raise
    if isinstance(image, TiffImageFile) and is_preview(image):
        areas = []
        with contextlib.suppress(EOFError):
            for page in range(PAGES):
                image.seek(page)
                areas.append(image.width * image.height)
        image.seek(areas.index(max(areas)))
    if isinstance(image, TiffImageFile) and image.tag_v2.get(PLANES) == 2 and 16 in image.tag_v2.get(BITS, ()):
        take_both_bytes(image)
    return image


def take_both_bytes(image: TiffImageFile) -> None:
    """Makes Pillow decode separate 16-bit bands as 16-bit; if they are not packed, it takes bytes for values."""
    order = "16B" if image.tag_v2.prefix == b"MM" else "16L"
    for i, tile in enumerate(image.tile):
        if tile.codec_name == "raw" and isinstance(tile.args, tuple):
            mode = image.mode if image.mode.startswith("I;") else f"{tile.args[0]};{order}"
            image.tile[i] = tile._replace(args=(mode, *tile.args[1:]))


def lacks_pixels(image: ImageFile, file: BinaryIO, large: int) -> bool:
    """Whether a small file says that it is a large picture: its rows or its first frame fill little of that.

    Args:
        image: opened, not loaded.
        file: which it was opened from.
        large: pixels up to which an animation may begin with a small frame.
    """
    whole = image.width * image.height
    boxes = [tile.extents for tile in image.tile if tile.extents]
    area = sum((right - left) * (low - high) for left, high, right, low in boxes)
    if image.format == "TIFF":
        return area < whole
    if image.format == "WEBP":
        area = first_frame_of_webp(file) or whole
    return image.format in ("GIF", "WEBP") and whole > large and 4 * area < whole


def first_frame_of_webp(file: BinaryIO) -> int:
    """How many pixels the first frame of an animation has; 0 where there is none."""
    file.seek(12)
    while len(head := file.read(8)) == 8:
        kind, length = struct.unpack("<4sI", head)
        if kind == b"ANMF":
            sides = file.read(12)[6:]
            return (1 + int.from_bytes(sides[:3], "little")) * (1 + int.from_bytes(sides[3:], "little"))
        file.seek(length + length % 2, io.SEEK_CUR)
    return 0


def complete_jpeg(file: BinaryIO, enough: int | None) -> Image.Image:
    """A JPEG that lacks its end mark, if no pixel depends on what may be missing before that mark.

    Args:
        file: the JPEG.
        enough: the side for ``draft``, if it is to be called.

    Raises:
        ValueError: it lacks pixels, too.
    """
    file.seek(0)
    content = file.read().rstrip(b"\xff")  # half a mark
    images = []
    for rest in (b"", *(noise + b"".join(mark + noise for mark in RESTARTS) for noise in NOISE)):
        image = Image.open(io.BytesIO(content + rest + END_OF_JPEG), formats=("JPEG", "MPO"))
        if enough:
            image.draft(None, (enough, enough))
        image.load()
        images.append(image)
    first, *others = images
    if any(ImageChops.difference(first, other).getbbox() for other in others) or lacks_scans(content, first):
        raise ValueError("the JPEG is cut short")
    return first


def lacks_scans(content: bytes, image: Image.Image) -> bool:
    """Whether a progressive JPEG ends before its last refinement: some coefficient lacks its lowest bits."""
    if not isinstance(image, JpegImageFile) or "progressive" not in image.info:
        return False
    missing = dict.fromkeys(((part, k) for part in range(image.layers) for k in range(64)), 1)
    start = content.rfind(b"\xff\xc2")  # where the frame begins; a thumbnail comes before
    parts = [layer[0] for layer in image.layer]
    while (start := content.find(b"\xff\xda", start + 2)) >= 0:
        count = content[start + 4]
        first, last, bits = content[start + 5 + 2 * count : start + 8 + 2 * count]
        for part in content[start + 5 : start + 5 + 2 * count : 2]:
            missing.update({(parts.index(part), k): bits & 15 for k in range(first, last + 1)})
    return any(missing.values())


def drop_empty_alpha(image: Image.Image) -> Image.Image:
    """Drops an alpha channel that is 0 everywhere, if readers of the format may ignore it."""
    optional = image.format == "BMP" or (isinstance(image, TiffImageFile) and EXTRA not in image.tag_v2)
    if image.mode == "RGBA" and optional and image.getchannel("A").getextrema() == (0, 0):
        return image.convert("RGB")
    return image


def read_white(image: Image.Image, bits: int) -> int:
    """The value of white that the file gives, for values of more than 8 bits; 0 where it gives none.

    Args:
        image: opened, not loaded.
        bits: as ``without_extras`` says.
    """
    if isinstance(image, TiffImageFile) and image.mode == "I;16":
        bits = min(image.tag_v2.get(BITS, (16,)))
    return (1 << bits) - 1 if bits and bits < 16 else 0


def is_negative(image: Image.Image) -> bool:
    """Whether 0 is white, for values of more than 8 bits; Pillow inverts the others."""
    return isinstance(image, TiffImageFile) and image.mode[0] in "IF" and image.tag_v2.get(INVERTED) == 0


def white_value(highest: int, file_white: int) -> int:
    """The value of white among 16-bit values up to ``highest``.

    It is the file's own, if no value is above it; else that of the least of 8, 12 and 16 bits that hold all values.
    Cameras and microscopes write 8-bit and 12-bit values into wider files.
    """
    return next(white for white in (file_white, 255, 4095, 65535) if white and highest <= white)


def raw_mode(image: ImageFile) -> str:
    """How the decoder takes the file's bytes, such as "RGB;16B"; "" where it decides by itself."""
    args = image.tile[0].args if image.tile else ""
    return args if isinstance(args, str) else str(args[0]) if args else ""


def load(image: ImageFile, file: BinaryIO, file_white: int, enough: int | None) -> Image.Image:
    """Decodes the pixels of an opened file.

    Args:
        image: the opened image.
        file: which it was opened from.
        file_white: as ``read_white`` gives it.
        enough: the side given to ``draft``, if it was called.
    """
    wide = raw_mode(image).partition(";")[2]
    if image.format == "PPM" and (image.mode == "I" or image.tile[0].codec_name != "raw"):
        return read_netpbm(image, file)
    image.tile = [t._replace(codec_name=RunLengths.name) if t.codec_name == "bmp_rle" else t for t in image.tile]
    try:
        image.load()
    except OSError:
        if image.format not in ("JPEG", "MPO"):
            raise
        return complete_jpeg(file, enough)
    if image.mode in ("RGB", "RGBA") and wide in OTHER_BYTE:
        if isinstance(clear := image.info.get("transparency"), tuple):
            image.info["transparency"] = tuple(value >> 8 for value in clear)  # as the pixels are now
        return stretch(image, file, file_white)
    return drop_empty_alpha(image)


def stretch(image: ImageFile, file: BinaryIO, file_white: int) -> Image.Image:
    """Scales 16-bit colours, whose high bytes Pillow keeps, by the range that they use."""
    highest = max(int(np.asarray(band).max()) for band in image.split()[:3])
    white = white_value(highest << 8, file_white)
    if white == 65535:
        return image
    low = open_image(file, [image.format or ""])
    low.tile = [tile._replace(args=with_other_byte(tile.args)) for tile in low.tile]
    low.load()
    bands = list(image.split())
    for i, other in enumerate(low.split()[:3]):
        values = np.asarray(bands[i]).astype(np.uint32) << 8 | np.asarray(other)
        bands[i] = Image.fromarray(np.minimum((values * 255 + white // 2) // white, 255).astype(np.uint8))
    return Image.merge(image.mode, bands)


def with_other_byte(args: str | tuple | None) -> str | tuple:
    """A decoder's arguments, changed to read the low bytes of 16-bit values, not the high ones."""
    raw, *rest = (args,) if isinstance(args, str) else args or ("",)
    kind, _, wide = raw.partition(";")
    raw = f"{kind};{OTHER_BYTE[wide]}"
    return raw if isinstance(args, str) else (raw, *rest)


def read_netpbm(image: ImageFile, file: BinaryIO) -> Image.Image:
    """Reads in 8 bits a PPM, PGM or PBM; Pillow reads its values one by one, in Python.

    Raises:
        ValueError: values are missing, or one is above the highest that the file gives.
    """
    _, _, start, args = image.tile[0]
    bands = 3 if image.mode == "RGB" else 1
    count, highest = image.width * image.height * bands, args[-1] if isinstance(args, tuple) else 65535
    file.seek(start)
    if image.tile[0].codec_name != "ppm_plain":
        kind = np.dtype(">u2" if highest > 255 else "u1")
        values = np.minimum(np.frombuffer(file.read(count * kind.itemsize), kind), highest)
    elif image.mode == "1":
        highest, digits = 1, COMMENT.sub(b"", file.read()).translate(None, string.whitespace.encode())
        values = b"1"[0] - np.frombuffer(digits[:count], np.uint8)  # 1 is black; other characters give more than 1
    else:
        numbers = NO_NUMBERS.split(COMMENT.sub(b" ", file.read()), 1)[0]  # up to a second picture, say
        values = np.fromstring(numbers, np.int32, sep=" ")[:count]
    if len(values) < count or values.max() > highest:
        raise ValueError("values are missing or too high")
    to_8_bit = ((np.arange(highest + 1) * 255 + highest // 2) // highest).astype(np.uint8)
    return Image.fromarray(to_8_bit[values].reshape(image.height, image.width, bands).squeeze(2 if bands == 1 else ()))
