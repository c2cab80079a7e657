"""Many databases are asked at once; one that hangs keeps no other from answering."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NoReturn, TypeVar

T = TypeVar("T")
R = TypeVar("R")

# Enough to hide the way to the servers, few enough for one that allows 20 connections.
WORKERS = 16
# Whoever has not answered after so many seconds makes room for another, up to so many times the workers.
_SLOW, _MOST = 0.4, 6


def gather(
    items: Sequence[T],
    ask: Callable[[T], R],
    *,
    timeout: float,
    late: Callable[[T], R],
    workers: int = WORKERS,
) -> list[R]:
    """Ask about every item, several at a time, and return the answers in order.

    Whoever has not answered in time is left alone in its thread, which does not keep the process from ending.

    Args:
        items: what to ask about.
        ask: the question; what it raises is raised here.
        timeout: seconds for each item.
        late: the answer for an item that did not give one in time.
        workers: how many are asked at a time.
    """
    answers: SimpleQueue[tuple[int, Callable[[], R]]] = SimpleQueue()
    waiting = deque(enumerate(items))
    begun: dict[int, float] = {}
    found: dict[int, R] = {}
    while waiting or begun:
        # Those that take long are waiting for their databases, and no work for anybody else.
        quick = sum(time.monotonic() - start < _SLOW for start in begun.values())
        while waiting and quick < workers and len(begun) < workers * _MOST:
            index, item = waiting.popleft()
            begun[index] = time.monotonic()
            quick += 1
            Thread(target=_work, args=(index, item, ask, answers), daemon=True).start()
        next_look = min(begun.values()) + timeout - time.monotonic()
        try:
            index, answer = answers.get(timeout=max(0.0, min(next_look, _SLOW) if waiting else next_look))
        except Empty:
            for index in [index for index, start in begun.items() if start + timeout <= time.monotonic()]:
                del begun[index]
                found[index] = late(items[index])
        else:
            if begun.pop(index, None) is not None:
                found[index] = answer()
    return [found[index] for index in range(len(items))]


def _work(index: int, item: T, ask: Callable[[T], R], answers: SimpleQueue[tuple[int, Callable[[], R]]]) -> None:
    try:
        answer = ask(item)
    except BaseException as error:  # raised again in the thread that waits
        answers.put((index, _raiser(error)))
    else:
        answers.put((index, lambda: answer))


def _raiser(error: BaseException) -> Callable[[], NoReturn]:
    def raise_it() -> NoReturn:
        raise error

    return raise_it
