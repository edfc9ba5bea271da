"""Questions that wait together, each answered with its own answer."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.server.together import Together


class Slow:
    """Doubles numbers; holds the first call until it is released, and records the questions of each call."""

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
        futures = [threads.submit(together.ask, *question) for question in questions]
        while len(together.waiting) < len(questions):
            pass
        slow.go.set()
        assert first.result() == 0
        return futures


def test_questions_of_a_kind_are_answered_together_each_with_its_own_answer():
    slow = Slow()
    questions = [("a" if i % 3 else "b", i) for i in range(30)]
    futures = ask_while_busy(Together(slow, most=16), slow, questions)
    assert [one.result() for one in futures] == [2 * i for _, i in questions]
    assert len(slow.calls) == 4  # the first; a, 16 and 4; b, 10
    assert all(len(together) <= 16 for _, together in slow.calls)


def test_an_error_reaches_only_the_questions_it_concerns():
    slow = Slow()
    futures = ask_while_busy(Together(slow), slow, [("good", 1), ("bad", 2), ("bad", 3), ("good", 4)])
    assert [futures[0].result(), futures[3].result()] == [2, 8]
    for one in futures[1:3]:
        with pytest.raises(ValueError, match="no"):
            one.result()
