"""What takes turns: something whose turn takes a known time.

The standard library alone: a worker with another build of bnfast loads this file by its path.
"""

import gc
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import repeat
from typing import Protocol

Clock = Callable[[], float]

LEAST_BATCHES = 2
_BATCH_SECONDS = 5e-5
_LONG_BATCH_SECONDS = 5e-3
_TRIES = 3
_MOST_GROWTH = 16


class Contender(Protocol):
    """What `interleave` asks of a contender."""

    def turn(self, warm_up: float, seconds: float) -> float:
        """Run for `warm_up` seconds, then be timed for `seconds`; return seconds per call."""


class Timed:
    """A callable as a contender.

    A turn begins with calls that are not timed: an OpenMP runtime keeps the idle threads of the
    contender before spinning for some milliseconds, and caches hold its data. Then it times
    batches of calls, a batch being long enough for the clock, and takes the fastest: what else the
    machine does can only add.

    Parameters
    ----------
    call : callable
        What to time; called without arguments.
    clock : callable, optional
        Returns seconds; `time.perf_counter` by default.

    Examples
    --------
    >>> from bnfast.bench.contender import Timed
    >>> Timed(lambda: sum(range(100))).turn(warm_up=0.001, seconds=0.001) > 0
    True
    """

    def __init__(self, call: Callable[[], object], clock: Clock = time.perf_counter) -> None:
        self._call = call
        self._clock = clock
        self._calls = 0

    def turn(self, warm_up: float, seconds: float) -> float:
        """Return the seconds per call of the turn's fastest batch."""
        with _no_garbage_collection():
            self._calls = self._calls or self._calls_per_batch()
            self._batches(warm_up, least=1)
            return min(self._batches(seconds, LEAST_BATCHES)) / self._calls

    def _calls_per_batch(self) -> int:
        calls = 1
        while (seconds := self._fastest_batch(calls)) < _BATCH_SECONDS:
            growth = min(_BATCH_SECONDS / seconds, _MOST_GROWTH) if seconds > 0 else _MOST_GROWTH
            calls = math.ceil(calls * growth)
        return calls

    def _fastest_batch(self, calls: int) -> float:
        """Of some, unless they are long: a first call is slow, and would be taken for a batch."""
        times = [self._batch(calls)]
        while len(times) < _TRIES and times[-1] < _LONG_BATCH_SECONDS:
            times.append(self._batch(calls))
        return min(times)

    def _batches(self, seconds: float, least: int) -> list[float]:
        end = self._clock() + seconds
        times = [self._batch(self._calls) for _ in range(least)]
        while self._clock() < end:
            times.append(self._batch(self._calls))
        return times

    def _batch(self, calls: int) -> float:
        call = self._call
        start = self._clock()
        for _ in repeat(None, calls):
            call()
        return self._clock() - start


class Slowed(Timed):
    """A callable that takes `share` of its time longer: a slowdown planted on purpose."""

    def __init__(
        self, call: Callable[[], object], share: float, clock: Clock = time.perf_counter
    ) -> None:
        super().__init__(call, clock)
        self._share = share

    def _batch(self, calls: int) -> float:
        if not self._share:
            return super()._batch(calls)
        self._call()  # after the pause of the batch before, in which stores have drained
        start = self._clock()
        end = start + super()._batch(calls) * (1 + self._share)
        while self._clock() < end:
            pass
        return self._clock() - start


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
