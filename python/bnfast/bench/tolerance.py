"""How far an answer may be from the right one.

NumPy and the standard library alone: a worker with another build of bnfast loads this file by its
path.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

ErrorOf = Callable[[Any, Array], float]

LIMIT = 8.0


class WrongAnswerError(Exception):
    """A contender's answer is too far from the right one."""


def check_answer(
    name: str,
    operation: str,
    call: Callable[[], object],
    out: Array,
    expected: tuple[Array, ...],
    error_of: ErrorOf,
    limit: float = LIMIT,
) -> None:
    """Call and compare the answer.

    Parameters
    ----------
    name, operation : str
        Who computes what, for the error's text.
    call : callable
        Returns its answer: an array, or a tuple of them.
    out : ndarray
        Where the answer may land; spoiled before the call, so that it must be written.
    expected : tuple of ndarray
        The right answer, in float64.
    error_of : callable
        As `bnfast.demo.reference.float32_error`, in units of 1.2e-7.
    limit : float, default 8
        In the same units.

    Raises
    ------
    WrongAnswerError
        With the error, which is infinite for an answer of another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from bnfast.bench.tolerance import check_answer
    >>> from bnfast.demo.reference import float32_error
    >>> out = np.ones(3, np.float32)
    >>> check_answer("nobody", "moments", lambda: out, out, (np.ones(3),), float32_error)
    Traceback (most recent call last):
    bnfast.bench.tolerance.WrongAnswerError: nobody: the error of moments is nan units of ...
    """
    out.fill(np.nan)
    error = _error(call(), expected, error_of)
    if not error <= limit:
        raise WrongAnswerError(
            f"{name}: the error of {operation} is {error:.3g} units of 1.2e-7, more than {limit:g}"
        )


def _error(answer: Any, expected: tuple[Array, ...], error_of: ErrorOf) -> float:
    answers = answer if isinstance(answer, tuple) else (answer,)
    if [np.shape(a) for a in answers] != [e.shape for e in expected]:
        return float("inf")
    return float(np.max([error_of(a, e) for a, e in zip(answers, expected, strict=True)]))
