"""Measure times: every answer is checked first, then all take turns in one process."""

import itertools
import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import get_args

import numpy as np

import bnfast
from bnfast.demo.checks import LIMIT, Check
from bnfast.demo.contenders import Call, bnfast_call, copy_call, numpy_call
from bnfast.demo.problem import Layout, Operation, Problem, make_problem
from bnfast.demo.pytorch import pytorch_calls, same_threads
from bnfast.demo.reference import float32_error
from bnfast.demo.times import BNFAST, NUMPY, Timed, Times

SHAPES = ((32, 64, 56, 56), (32, 256, 14, 14))
ROUNDS = 15
WARM_UP_SECONDS = 0.005
OTHERS_LIMIT = 1000.0
COPY = "copy"


def measure_times(progress: Callable[[str], None]) -> Times:
    """Time every operation, layout and shape."""
    rows: list[Timed] = []
    errors: dict[str, list[float]] = {}
    threads = bnfast.get_num_threads()
    with same_threads(), ThreadPoolExecutor(threads) as pool:
        for shape, layout, operation in itertools.product(
            SHAPES, get_args(Layout), get_args(Operation)
        ):
            progress(f"times: {operation} {layout} {'x'.join(map(str, shape))}")
            problem = make_problem(operation, layout, shape)
            calls = _calls(problem)
            for name, call in calls.items():
                errors.setdefault(name, []).append(_error(problem, call))
            times = _take_turns({**calls, COPY: copy_call(problem, pool, threads)})
            rows.append(_timed(problem, shape, times))
    return Times(ROUNDS, bnfast.isa(), threads, rows, _checks(errors))


def _calls(problem: Problem) -> dict[str, Call]:
    return {
        BNFAST: bnfast_call(problem),
        NUMPY: numpy_call(problem),
        **pytorch_calls(problem),
    }


def _error(problem: Problem, call: Call) -> float:
    """Return the error of an answer; `out` is spoiled first, so that it must be written."""
    problem.out.fill(np.nan)
    return float32_error(call(), problem.answer)


def _take_turns(calls: Mapping[str, Call]) -> dict[str, list[float]]:
    """Call each in turn, round after round, and measure the last call of a turn."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _, (name, call) in itertools.product(range(ROUNDS), calls.items()):
        _warm_up(call)
        start = time.perf_counter()
        call()
        times[name].append(time.perf_counter() - start)
    return times


def _warm_up(call: Call) -> None:
    """Call until the idle threads of the contender before have gone to sleep.

    An OpenMP runtime keeps them spinning for a while, at the cost of whoever comes next.
    """
    end = time.perf_counter() + WARM_UP_SECONDS
    call()
    while time.perf_counter() < end:
        call()


def _timed(problem: Problem, shape: tuple[int, ...], times: Mapping[str, list[float]]) -> Timed:
    """Sum up: the medians, and the best of the copy, which is a limit and not a contender."""
    return Timed(
        problem.operation,
        problem.layout,
        shape,
        problem.bytes_moved,
        copy_rate=2 * problem.x.nbytes / min(times[COPY]),
        seconds={name: statistics.median(found) for name, found in times.items() if name != COPY},
    )


def _checks(errors: Mapping[str, list[float]]) -> list[Check]:
    """Bnfast must be right to the demo's limit; the others must do the same work."""
    return [
        Check(
            f"times: answers of {name}",
            float(np.max(found)),
            LIMIT if name == BNFAST else OTHERS_LIMIT,
        )
        for name, found in errors.items()
    ]
