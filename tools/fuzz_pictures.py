"""Damages pictures of every format at random and reads them: each must soon be read, or refused with a reason.

    python -m tools.fuzz_pictures --files 200000 --minutes 60

Prints how many files were read and refused, the slowest, the most memory that one took, and what went wrong. A file
depends on its number alone, so ``--first 4711 --files 1`` makes and reads file 4711 again.
"""

from __future__ import annotations

import io
import multiprocessing
import random
import struct
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image, PngImagePlugin

from model.pictures import BadPicture, read_picture

CHUNK = 500  # files in a row in one process
SECONDS, MEGABYTES = 1.0, 200  # what a file may take
SPECIAL = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]


@dataclass
class Findings:
    """The results of some files: counts by outcome, and the numbers of the files that broke a limit."""

    outcomes: Counter = field(default_factory=Counter)
    slowest: tuple[float, int] = (0.0, -1)  # seconds, the file's number
    largest: tuple[float, int] = (0.0, -1)  # megabytes, the file's number
    faults: list[str] = field(default_factory=list)

    def add(self, other: Findings) -> None:
        self.outcomes += other.outcomes
        self.slowest, self.largest = max(self.slowest, other.slowest), max(self.largest, other.largest)
        self.faults += other.faults


def seeds() -> list[tuple[str, bytes]]:
    """One good file of each kind that the reader accepts, and its name."""
    y, x = np.mgrid[:40, :60]
    pixels = np.stack([x * 4, y * 6, 255 - x * 4], -1).astype(np.uint8)
    colour, grey = Image.fromarray(pixels), Image.fromarray(pixels[..., 0])
    deep = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    clear = Image.fromarray(np.dstack([pixels, pixels[..., 1]]))
    exif, notes = Image.Exif(), PngImagePlugin.PngInfo()
    exif[274] = 6
    notes.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="6"/>', zip=True)
    both = {"save_all": True}
    kinds = [
        *((f"{mode}.png", image, "PNG", {}) for mode, image in (("rgb", colour), ("deep", deep), ("rgba", clear))),
        ("palette.png", colour.quantize(16), "PNG", {"transparency": 3}),
        ("bits.png", grey.convert("1"), "PNG", {}),
        ("notes.png", colour, "PNG", {"pnginfo": notes, "exif": exif, "icc_profile": bytes(9000)}),
        ("animated.png", colour, "PNG", both),
        ("plain.jpg", colour, "JPEG", {"exif": exif}),
        ("progressive.jpg", colour, "JPEG", {"progressive": True}),
        ("restarts.jpg", colour, "JPEG", {"restart_marker_blocks": 2}),
        ("cmyk.jpg", colour.convert("CMYK"), "JPEG", {}),
        ("pair.mpo", colour, "MPO", both),
        ("lossy.webp", colour, "WEBP", {}),
        ("lossless.webp", clear, "WEBP", {"lossless": True}),
        ("animated.webp", colour, "WEBP", both),
        ("animated.gif", colour, "GIF", both),
        ("rgb.bmp", colour, "BMP", {}),
        ("grey.bmp", grey, "BMP", {}),
        *((f"{how}.tiff", colour, "TIFF", {"compression": how}) for how in (None, "tiff_lzw", "tiff_deflate", "jpeg")),
        ("deep.tiff", deep, "TIFF", {}),
        ("float.tiff", grey.convert("F"), "TIFF", {}),
        ("pages.tiff", colour, "TIFF", both),
        ("fax.tiff", grey.convert("1"), "TIFF", {"compression": "group4"}),
        ("colour.avif", colour, "AVIF", {}),
        ("rgb.ppm", colour, "PPM", {}),
        ("deep.pgm", deep, "PPM", {}),
    ]
    files = [("text.ppm", b"P3 4 2 99\n# x\n" + b"1 2 3 99 0 7 " * 4), ("bits.pbm", b"P1 8 2\n" + b"01" * 8)]
    run = struct.pack("<IiiHHIIiiII", 40, 60, 40, 1, 8, 1, 0, 0, 0, 0, 0) + bytes(range(256)) * 4 + b"\x3c\7\0\0" * 40
    files.append(("runs.bmp", b"BM" + struct.pack("<IHHI", 14 + len(run), 0, 0, 1078) + run))
    for name, image, kind, options in kinds:
        buffer = io.BytesIO()
        more = {"append_images": [image.rotate(90)]} if "save_all" in options else {}
        image.copy().save(buffer, kind, **options, **more)  # a copy, as saving leaves traces in an image
        files.append((name, buffer.getvalue()))
    return files


def damage(content: bytes, draw: random.Random, others: list[bytes]) -> bytes:
    """The file after one to eight random changes, most of them near its head."""
    data = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 8))):
        at = draw.randrange(min(len(data), draw.choice((32, 256, len(data) + 1))) or 1)
        length = draw.choice((1, 2, 4, 16, 200))
        change = draw.randrange(7)
        if change == 0:
            data[at : at + 1] = bytes([draw.randrange(256)])
        elif change == 1:
            data[at : at + 1] = bytes([(data[at] if at < len(data) else 0) ^ 1 << draw.randrange(8)])
        elif change == 2:
            size = draw.choice("BHI")
            value = draw.choice(SPECIAL) & (1 << 8 * struct.calcsize(size)) - 1
            data[at : at + struct.calcsize(size)] = struct.pack(draw.choice("<>") + size, value)
        elif change == 3:
            del data[at : at + length]
        elif change == 4:
            data[at:at] = data[at : at + length]
        elif change == 5:
            other = draw.choice(others)
            start = draw.randrange(len(other))
            data[at : at + length] = other[start : start + length]
        else:
            del data[draw.randrange(len(data) + 1) :]
    return bytes(data)


def make(number: int, good: list[tuple[str, bytes]]) -> bytes:
    draw = random.Random(number)
    return damage(good[number % len(good)][1], draw, [content for _, content in good])


def peak() -> float:
    """The most memory that this process has held since ``reset_peak``, in megabytes; 0 where the system keeps none."""
    try:
        line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    except OSError:
        return 0.0
    return int(line.split()[1]) / 1024


def reset_peak() -> float:
    """Forgets the peak; returns what the process holds now, in megabytes."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return 0.0
    return peak()


def read(numbers: range) -> Findings:
    """Makes and reads the files of these numbers."""
    good, result = seeds(), Findings()
    for number in numbers:
        content = make(number, good)
        before, began = reset_peak(), time.process_time()
        try:
            image = read_picture(content)
            outcome = "read" if image.mode == "RGB" else "not RGB"
        except BadPicture as e:
            outcome = e.reason
        except Exception as e:  # no file may cause one
            outcome = type(e).__name__
        seconds, memory = time.process_time() - began, peak() - before
        result.outcomes[outcome] += 1
        result.slowest, result.largest = max(result.slowest, (seconds, number)), max(result.largest, (memory, number))
        wrong = [outcome] if outcome[0].isupper() or outcome == "not RGB" else []
        wrong += [f"{seconds:.1f} s"] * (seconds > SECONDS) + [f"{memory:.0f} MB"] * (memory > MEGABYTES)
        if wrong:
            result.faults.append(f"file {number} (from {good[number % len(good)][0]}): {', '.join(wrong)}")
    return result


def main(
    files: Annotated[int, typer.Option(min=1, help="Number of files.")] = 200_000,
    minutes: Annotated[float, typer.Option(help="Stop after this many minutes.")] = 60,
    first: Annotated[int, typer.Option(min=0, help="Number of the first file.")] = 0,
    processes: Annotated[int, typer.Option(min=1, help="Number of processes that read at once.")] = 1,
) -> None:
    """Damage pictures at random and read them."""
    total, began, end = Findings(), time.monotonic(), first + files
    context = multiprocessing.get_context("fork")
    starts = iter(range(first, end, CHUNK))
    while time.monotonic() - began < 60 * minutes:
        batch = [range(s, min(s + CHUNK, end)) for _, s in zip(range(4 * processes), starts, strict=False)]
        if not batch:
            break
        with ProcessPoolExecutor(processes, context) as pool:
            for numbers, task in [(numbers, pool.submit(read, numbers)) for numbers in batch]:
                try:
                    total.add(task.result())
                except BrokenProcessPool:
                    total.faults.append(f"a process that read files {numbers[0]} to {numbers[-1]} crashed")
    counts = ", ".join(f"{count:,} {outcome}" for outcome, count in total.outcomes.most_common())
    print(f"{total.outcomes.total():,} files from {len(seeds())} kinds in {time.monotonic() - began:.0f} s: {counts}")
    print(f"slowest {total.slowest[0]:.2f} s (file {total.slowest[1]})")
    print(f"most memory {total.largest[0]:.0f} MB (file {total.largest[1]})")
    print(*total.faults[:50], sep="\n")
    sys.exit(1 if total.faults else 0)


if __name__ == "__main__":
    typer.run(main)
