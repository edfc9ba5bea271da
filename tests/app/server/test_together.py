"""Questions that wait together, each answered with its own answer."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.server.together import Together


class Slow:
    """Doubles numbers; holds the first call until told, and keeps what it was asked at once."""

    def __init__(self):
        self.calls, self.began, self.go = [], threading.Event(), threading.Event()

    def __call__(self, kind, questions):
        self.calls.append((kind, questions))
        self.began.set()
        assert self.go.wait(10)
        if kind == "bad":
            raise ValueError("no")
        return [2 * q for q in questions]


def ask_while_busy(together: Together, slow: Slow, questions: list) -> list:
    """The answers to questions that all came while the worker was busy with another."""
    with ThreadPoolExecutor(40) as threads:
        first = threads.submit(together.ask, "first", 0)
        assert slow.began.wait(10)
        asked = [threads.submit(together.ask, *question) for question in questions]
        while len(together.waiting) < len(questions):
            pass
        slow.go.set()
        assert first.result() == 0
        return asked


def test_those_of_a_kind_are_answered_together_and_each_gets_its_own():
    slow = Slow()
    questions = [("a" if i % 3 else "b", i) for i in range(30)]
    asked = ask_while_busy(Together(slow, most=16), slow, questions)
    assert [one.result() for one in asked] == [2 * i for _, i in questions]
    assert len(slow.calls) == 4  # the first; a, 16 and 4; b, 10
    assert all(len(together) <= 16 for _, together in slow.calls)


def test_an_error_reaches_those_whom_it_concerns():
    slow = Slow()
    asked = ask_while_busy(Together(slow), slow, [("good", 1), ("bad", 2), ("bad", 3), ("good", 4)])
    assert [asked[0].result(), asked[3].result()] == [2, 8]
    for one in asked[1:3]:
        with pytest.raises(ValueError, match="no"):
            one.result()
