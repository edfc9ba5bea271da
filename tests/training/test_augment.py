"""Augmentation, held against plain loops and other libraries."""

import numpy as np
import pytest
import torch
from PIL import Image

from training.augment import cutout, random_crop, random_flip, random_part, resize


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images():
    """[40, 3, 12, 9]: no two values are equal, and height is not width."""
    return torch.randperm(40 * 3 * 12 * 9, generator=generator(1)).float().view(40, 3, 12, 9) + 1


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_crop_is_the_reflected_picture_moved_by_at_most_pad(images, layout):
    pad = 3
    moved = random_crop(images.contiguous(memory_format=layout), pad, generator())
    shifts = []
    for before, after in zip(images.numpy(), moved.numpy(), strict=True):
        padded = np.pad(before, ((0, 0), (pad, pad), (pad, pad)), mode="reflect")
        matches = [
            (y, x)
            for y in range(2 * pad + 1)
            for x in range(2 * pad + 1)
            if np.array_equal(after, padded[:, y : y + 12, x : x + 9])
        ]
        assert len(matches) == 1
        shifts += matches
    assert {y for y, _ in shifts} == {x for _, x in shifts} == set(range(2 * pad + 1))
    assert any(y != x for y, x in shifts)


def test_no_pad_is_no_crop(images):
    assert random_crop(images, 0, generator()) is images


def test_a_crop_needs_something_to_reflect(images):
    with pytest.raises(ValueError, match="12 x 9 pixels cannot be moved by 9"):
        random_crop(images, 9, generator())


def test_a_part_is_of_the_area_asked_for_and_inside_the_picture():
    """In a picture whose values are its own coordinates, a part's values say where it was cut out."""
    rows, columns = torch.meshgrid(torch.arange(16.0) + 0.5, torch.arange(16.0) + 0.5, indexing="ij")
    places = torch.stack([rows, columns, torch.zeros(16, 16)]).expand(2000, 3, 16, 16)
    parts = random_part(places, 0.25, generator())[:, :, 4:12, 4:12]  # the border repeats its outermost pixels
    heights, widths = ((parts[:, i].amax((1, 2)) - parts[:, i].amin((1, 2))) / 7 for i in (0, 1))
    assert torch.allclose(heights, widths, atol=1e-4)
    assert 0.25 <= (areas := heights**2).min() < 0.27 and 0.98 < areas.max() <= 1
    assert areas.mean() == pytest.approx(0.625, abs=0.02)
    centres = parts.mean((2, 3))[:, :2]
    free = 8 * (1 - heights)[:, None]
    assert ((centres - 8).abs() <= free + 1e-3).all() and ((centres - 8).abs() > 0.9 * free).any(0).all()


def test_a_part_of_the_whole_area_is_the_picture_itself(images):
    assert random_part(images, 1, generator()) is images


def test_a_flip_mirrors_about_half_of_the_pictures(images):
    flipped = random_flip(images, generator())
    mirrored = [torch.equal(after, before.flip(2)) for before, after in zip(images, flipped, strict=True)]
    kept = [torch.equal(after, before) for before, after in zip(images, flipped, strict=True)]
    assert all(m != k for m, k in zip(mirrored, kept, strict=True))
    assert 10 <= sum(mirrored) <= 30
    many = torch.arange(2.0).expand(4000, 1, 1, 2)
    assert 0.46 < random_flip(many, generator())[:, 0, 0, 0].mean() < 0.54


@pytest.mark.parametrize("size", [1, 4, 5])
def test_cutout_blanks_one_square_and_nothing_else(images, size):
    centres = set()
    for before, after in zip(images, cutout(images, size, generator()), strict=True):
        blank = after[0] == 0
        assert torch.equal(after, before.masked_fill(blank, 0.0))
        rows, columns = (blank.any(d).nonzero().flatten() for d in (1, 0))
        assert blank.sum() == len(rows) * len(columns)  # a rectangle
        for lines, side in ((rows, 12), (columns, 9)):
            assert len(lines) == size or {0, side - 1} & set(lines.tolist())  # smaller only at an edge
            assert 1 <= len(lines) <= size
            assert lines[-1] - lines[0] + 1 == len(lines)
        centres.add((rows[0].item(), columns[0].item()))
    assert len(centres) > 15


def test_cutout_reaches_every_pixel_and_none_at_size_0(images):
    pictures = torch.ones(3000, 1, 6, 5)
    assert (cutout(pictures, 2, generator()) == 0).any(0).all()
    assert cutout(images, 0, generator()) is images


@pytest.mark.parametrize("side", [8, 16, 24, 48])
def test_resize_agrees_with_pillow(side):
    pixels = torch.randint(0, 256, (2, 3, 32, 32), generator=generator(), dtype=torch.uint8)
    resized = resize(pixels.float(), side)
    for picture, ours in zip(pixels, resized, strict=True):
        pillow = Image.fromarray(picture.permute(1, 2, 0).numpy()).resize((side, side), Image.Resampling.BILINEAR)
        theirs = torch.from_numpy(np.array(pillow)).permute(2, 0, 1)
        assert (ours - theirs).abs().max() <= 1.01  # Pillow rounds to whole numbers, twice


def test_resize_to_the_same_side_changes_nothing():
    images = torch.rand(2, 3, 16, 16)
    assert resize(images, 16) is images


@pytest.mark.parametrize(
    "augment",
    [random_flip, lambda x, g: random_crop(x, 4, g), lambda x, g: random_part(x, 0.5, g), lambda x, g: cutout(x, 4, g)],
    ids=["flip", "crop", "part", "cutout"],
)
def test_the_generator_alone_decides(images, augment):
    before = images.clone()
    first, again, other = (augment(images, generator(seed)) for seed in (7, 7, 8))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(images, before)  # the data set itself is never changed
