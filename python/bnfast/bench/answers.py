"""Check answers before they are timed."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bnfast.bench.operations import EPS, Array, Call, Problem
from bnfast.demo import reference
from bnfast.demo.checks import float32_error

BNFAST = "bnfast"
_LIMIT = 8.0
# That they do the same work; NumPy's float32 moments of 400,000 values err by 1300 units.
_LIMIT_OF_PEERS = 2e4


class WrongAnswerError(Exception):
    """A contender's answer is too far from the reference."""


def check_answers(operation: str, problem: Problem, calls: Mapping[str, Call]) -> None:
    """Call each and compare its answer with a float64 reference.

    Parameters
    ----------
    operation : str
        What they compute.
    problem : Problem
        From what; its `out` is spoiled before each call, so that it must be written.
    calls : mapping of str to callable
        By name; ``"bnfast"`` is held to 8 units of 1.2e-7, others must do the same work.

    Raises
    ------
    WrongAnswerError
        With the name of the contender and its error.

    Examples
    --------
    >>> from bnfast.bench.answers import check_answers
    >>> from bnfast.bench.operations import make_problem
    >>> problem = make_problem("NCHW", (2, 3, 4, 4))
    >>> check_answers("training", problem, {"wrong": lambda: problem.x})
    Traceback (most recent call last):
    bnfast.bench.answers.WrongAnswerError: wrong: the error of training is ... units of 1.2e-7, ...
    """
    expected = _expected(operation, problem)
    for name, call in calls.items():
        problem.out.fill(np.nan)
        error = _error(call(), expected)
        limit = _LIMIT if name == BNFAST else _LIMIT_OF_PEERS
        if not error <= limit:
            raise WrongAnswerError(
                f"{name}: the error of {operation} is {error:.3g} units of 1.2e-7,"
                f" more than {limit:g}"
            )


def _error(answer: Any, expected: tuple[Array, ...]) -> float:
    answers = answer if isinstance(answer, tuple) else (answer,)
    if [np.shape(a) for a in answers] != [e.shape for e in expected]:
        return float("inf")
    errors = [float32_error(a, e) for a, e in zip(answers, expected, strict=True)]
    return float(np.max(errors))


def _expected(operation: str, p: Problem) -> tuple[Array, ...]:
    axis = p.channel_axis
    if operation == "moments":
        return tuple(reference.moments(p.x, axis))
    if operation == "backward":
        return (reference.backward(p.dy, p.x, EPS, axis).dx * p.along(p.weight),)
    running = reference.Statistics(p.running_mean, p.running_var)
    used = reference.moments(p.x, axis) if operation == "training" else running
    return (reference.normalize(p.x, used, EPS, axis) * p.along(p.weight) + p.along(p.bias),)
