"""A film for Chromium's fake camera: pictures that it shows one after the other, again and again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PIL import Image

WIDTH, HEIGHT, RATE = 640, 480, 10  # as many webcams have; pictures a second
CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]  # it shows a test picture


def camera_flags(film: Path) -> list[str]:
    """Flags with which Chromium's camera plays a film."""
    return [*CAMERA, f"--use-file-for-fake-video-capture={film}"]


def write_film(film: Path, pictures: Iterable[Image.Image], seconds: int = 2) -> Path:
    """Writes a film (.y4m) of square pictures on black, each shown for some seconds; returns its path."""
    frames = []
    for picture in pictures:
        frame = Image.new("RGB", (WIDTH, HEIGHT))
        frame.paste(picture.convert("RGB").resize((HEIGHT, HEIGHT)), ((WIDTH - HEIGHT) // 2, 0))
        light, *colours = frame.convert("YCbCr").split()
        halves = [colour.resize((WIDTH // 2, HEIGHT // 2)).tobytes() for colour in colours]
        frames += [b"".join([b"FRAME\n", light.tobytes(), *halves])] * (RATE * seconds)
    film.write_bytes(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{RATE}:1 Ip A1:1 C420jpeg\n".encode() + b"".join(frames))
    return film
