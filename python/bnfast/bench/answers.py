"""Check answers before they are timed."""

from collections.abc import Mapping

from bnfast.bench.operations import Call, Problem, answer_error, right_answer
from bnfast.bench.tolerance import LIMIT, check_answer
from bnfast.demo import reference

BNFAST = "bnfast"
# That they do the same work; NumPy's float32 moments of 400,000 values err by 1300 units.
_LIMIT_OF_PEERS = 2e4


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
    bnfast.bench.tolerance.WrongAnswerError: wrong: the error of training is ... units of ...
    """
    for error in failures(operation, problem, calls).values():
        raise error


def failures(operation: str, problem: Problem, calls: Mapping[str, Call]) -> dict[str, Exception]:
    """Return what the calls raise, or the `WrongAnswerError` of their answers, by their names."""
    expected = right_answer(reference, operation, problem)
    error_of = answer_error(reference, operation, problem)
    found: dict[str, Exception] = {}
    for name, call in calls.items():
        limit = LIMIT if name == BNFAST else _LIMIT_OF_PEERS
        try:
            check_answer(name, operation, call, problem.out, expected, error_of, limit)
        except Exception as error:
            found[name] = error
    return found
