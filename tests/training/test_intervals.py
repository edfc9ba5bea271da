"""Intervals, put back into the formulas that define them."""

import pytest
import torch

from training.intervals import bootstrap, wilson


def test_wilson_interval():
    # Solves |error - p| = z sqrt(p (1 - p) / n) for p: put back, the ends must satisfy it.
    for end in wilson(0.1, 1000):
        assert abs(0.1 - end) == pytest.approx(1.959964 * (end * (1 - end) / 1000) ** 0.5, abs=1e-5)
    assert wilson(0.0, 100)[0] == 0.0


def test_the_interval_is_that_of_a_mean():
    values = torch.rand(400, generator=torch.Generator().manual_seed(0))
    estimate = bootstrap(values)
    half = 1.96 * values.std().item() / 20
    assert estimate.mean == pytest.approx(values.mean().item(), abs=1e-4)
    assert estimate.low == pytest.approx(estimate.mean - half, abs=0.2 * half)
    assert estimate.high == pytest.approx(estimate.mean + half, abs=0.2 * half)
    assert bootstrap(values) == estimate
    alike = bootstrap(torch.full((10,), 0.25))
    assert (alike.low, alike.mean, alike.high) == (0.25, 0.25, 0.25)
