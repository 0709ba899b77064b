"""Reading what is needed next while what is there is worked on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

__all__ = ["one_ahead", "several_ahead"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def one_ahead(read: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield ``read(item)`` of all items in order; the next is read in a thread meanwhile."""
    return several_ahead(read, items, 1)


def several_ahead(
    read: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Iterator[Result]:
    """Yield ``read(item)`` of all items in order; that many are read in threads meanwhile.

    Examples
    --------
    >>> from bnfast.files.ahead import several_ahead
    >>> list(several_ahead(str, [1, 2, 3], 2))
    ['1', '2', '3']
    """
    waiting: deque[Future[Result]] = deque()
    left = iter(items)
    with ThreadPoolExecutor(threads) as pool:
        try:
            waiting.extend(pool.submit(read, item) for item in islice(left, threads))
            while waiting:
                result = waiting.popleft().result()
                waiting.extend(pool.submit(read, item) for item in islice(left, 1))
                yield result
        finally:
            for future in waiting:
                future.cancel()
