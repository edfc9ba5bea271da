"""Decodes the run lengths of a BMP in blocks; Pillow goes through them in Python, pixel by pixel."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFile

BLOCK = 1 << 16  # pairs of bytes that are decoded together
LONGEST = 128  # the most pairs that follow a command and belong to it
LINE, END, MOVE = 0, 1, 2  # their meanings after a 0; a larger number there is how many single pixels follow


class RunLengths(ImageFile.PyDecoder):
    """Takes the place of Pillow's "bmp_rle"."""

    name = "bmp_blocks"
    _pulls_fd = True

    def decode(self, buffer: Image.DecoderInput) -> tuple[int, int]:
        assert self.fd is not None  # since _pulls_fd
        width, height = self.state.xsize, self.state.ysize
        content = self.fd.read(4 * (width + 1) * (height + 1))  # twice what a run for every pixel takes
        lines = decode_runs(content, width, height, 4 if self.args[1] else 8)
        self.set_as_raw(lines.tobytes(), {"L": "L", "1": "1;8"}.get(self.mode, "P"), (0, self.args[-1]))
        return -1, 0


Image.register_decoder(RunLengths.name, RunLengths)


def decode_runs(content: bytes, width: int, height: int, bits: int) -> np.ndarray:
    """What the commands write: pixels that they pass over are 0, those beyond the end of a line are dropped.

    Args:
        content: the commands, and whatever follows them.
        width: pixels in a line.
        height: lines.
        bits: of a pixel, 8 or 4.

    Returns:
        Places in the palette [height, width], uint8, lines in the order of the file.

    Raises:
        ValueError: the commands end before the last pixel.
    """
    pairs = np.frombuffer(content, np.uint8, len(content) // 2 * 2).reshape(-1, 2)
    pixels = np.zeros(width * height, np.uint8)
    column = line = 0
    while len(pairs) and line < height:
        own, count, is_last = find_commands(pairs[: BLOCK + LONGEST], bits)
        values, counts, right, down, ends = effects(pairs[:count], own[:count], bits)
        pairs = pairs[len(pairs) if is_last else count :]
        if not len(counts):
            continue
        reach = column + np.cumsum(counts + right)
        earlier = np.maximum.accumulate(reach * ends)  # columns that belong to earlier lines
        columns, lines = reach - counts - earlier, line + np.cumsum(down)
        column, line = int(reach[-1] - earlier[-1]), int(lines[-1])
        run = (columns < width) & (lines < height) & (counts > 0)
        columns, lines, counts = columns[run], lines[run], counts[run]
        write(pixels, lines * width + columns, np.minimum(counts, width - columns), values[run], bits)
    if line < height - 1 or (line == height - 1 and column < width):
        raise ValueError("the run lengths are cut short")
    return pixels.reshape(height, width)


def find_commands(pairs: np.ndarray, bits: int) -> tuple[np.ndarray, int, bool]:
    """Tells commands from the pairs that belong to them.

    Args:
        pairs: [N, 2], of which the first is a command.
        bits: of a pixel.

    Returns:
        Which pairs are commands, bool [N]; how many pairs are whole; and whether no others follow.
    """
    first, second = pairs[:BLOCK].T
    special = np.flatnonzero((first == 0) & (second >= MOVE))  # commands, or pixels that look like one
    numbers = second[special].astype(int)
    after = special + 1 + np.where(numbers == MOVE, 1, (numbers * bits + 15) // 16)
    following = np.searchsorted(special, after).tolist()
    commands, i = [], 0
    while i < len(special):
        commands.append(i)
        i = following[i]
    change = np.zeros(len(pairs) + LONGEST + 2, np.int8)
    change[special[commands] + 1] = 1
    change[after[commands]] -= 1
    own = np.cumsum(change)[: len(pairs)] == 0
    count = max(min(BLOCK, len(pairs)), *after[commands[-1:]], 0)
    if count > len(pairs):  # the last is cut short
        count = int(special[commands[-1]])
    stops = np.flatnonzero(own[:count] & (pairs[:count, 0] == 0) & (pairs[:count, 1] == END))
    return own, int(stops[0]) if len(stops) else count, len(stops) > 0 or count < BLOCK


def effects(pairs: np.ndarray, own: np.ndarray, bits: int) -> list[np.ndarray]:
    """What each byte does: the value it writes, to how many pixels, how many pixels and lines it passes over.

    The last array says where a line ends.
    """
    values, (counts, right, down, ends) = pairs.copy(), np.zeros((4, *pairs.shape), np.int32)
    values[own, 0] = pairs[own, 1]
    counts[own, 0] = pairs[own, 0]
    counts[~own] = 8 // bits
    special = np.flatnonzero(own & (pairs[:, 0] == 0))
    numbers = pairs[special, 1].astype(int)
    down[special[numbers == LINE], 0] = ends[special[numbers == LINE], 0] = 1
    moves = special[numbers == MOVE] + 1
    counts[moves], right[moves, 0], down[moves, 0] = 0, pairs[moves, 0], pairs[moves, 1]
    singles, numbers = special[numbers > MOVE], numbers[numbers > MOVE]
    size = (numbers * bits + 7) // 8
    last = 2 * singles + 1 + size
    counts.flat[last] = numbers - (size - 1) * (8 // bits)
    counts.flat[(last + 1)[size % 2 == 1]] = 0  # a byte that fills the pair
    effective = np.flatnonzero(counts | right | down)
    return [each.ravel()[effective] for each in (values, counts, right, down, ends)]


def write(pixels: np.ndarray, starts: np.ndarray, counts: np.ndarray, values: np.ndarray, bits: int) -> None:
    """Writes runs [M], one after another: a run has one value, or two by turns where a byte holds two pixels."""
    if not len(starts):
        return
    begin, end = starts[0], starts[-1] + counts[-1]
    lengths, shades = np.zeros(2 * len(starts), int), np.zeros(2 * len(starts), np.uint8)
    lengths[1::2], lengths[2::2] = counts, starts[1:] - (starts + counts)[:-1]
    if bits == 8:
        shades[1::2] = values
        pixels[begin:end] = np.repeat(shades, lengths)
        return
    for place in (0, 1):  # of the pixels, by turns
        shades[1::2] = np.where(starts % 2 == place, values >> 4, values & 15)
        skip = (place - begin) % 2
        pixels[begin + skip : end : 2] = np.repeat(shades, lengths)[skip::2]
