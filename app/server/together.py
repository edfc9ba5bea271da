"""Calls that wait at the same time are answered together: one forward pass of a network for all of their pictures."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Together(Generic[K]):
    """One worker that answers, each time it is free, all waiting questions of the kind that has waited longest.

    A question that comes alone is answered at once.

    Args:
        answer: takes a kind and a list of questions of it, and gives their answers in order. Each of its callers gets
            the error that it raises.
        most: questions that are answered at once; with more, the first would wait for the last.
    """

    def __init__(self, answer: Callable[[K, list], list], most: int = 16):
        self.answer, self.most = answer, most
        self.waiting: deque[tuple[K, Any, Future]] = deque()
        self.worker = ThreadPoolExecutor(1, "together")

    def ask(self, kind: K, question: Any) -> Any:
        """The answer to one question, once it is there; safe to call from many threads."""
        future: Future = Future()
        self.waiting.append((kind, question, future))
        self.worker.submit(self.answer_waiting)  # finds nothing if the question was answered with others
        return future.result()

    def answer_waiting(self) -> None:
        """Answers the question that has waited longest, and with it those of its kind."""
        waiting = list(self.waiting)
        batch = [one for one in waiting if one[0] == waiting[0][0]][: self.most]
        for one in batch:
            self.waiting.remove(one)  # only this thread removes
        if not batch:
            return
        kind, questions, futures = batch[0][0], [question for _, question, _ in batch], [f for *_, f in batch]
        try:
            answers = self.answer(kind, questions)
        except Exception as e:
            for future in futures:
                future.set_exception(e)
            return
        for future, answer in zip(futures, answers, strict=True):
            future.set_result(answer)
