"""What a slider's number box gives while one types."""

import pytest

from app.sliders import slider


@pytest.mark.parametrize(("typed", "taken"), [(4, 5), (40, 40), (400, 100), (None, 60), (-1, 5), (9.6, 10)])
def test_what_is_typed_is_brought_into_range(typed, taken):
    assert slider(5, 100, 60, step=5, label="Keep").preprocess(typed) == taken
