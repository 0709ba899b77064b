"""Time a candidate against a baseline, and against itself."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bnfast.bench.contender import Clock, Contender, Timed
from bnfast.bench.interleave import Effort, interleave
from bnfast.bench.ratio import CONFIDENCE, Floats, Ratio, check_confidence, median_ratio
from bnfast.bench.verdict import THRESHOLD, Judgement, judge


@dataclass(frozen=True, eq=False)
class Paired:
    """Times of a candidate and a baseline that took turns.

    Attributes
    ----------
    ratio : Ratio
        Time of the candidate over time of the baseline: the median over the blocks.
    control : Ratio
        The same of the candidate and itself: 1, if the machine lets anything be said.
    candidate_seconds, baseline_seconds, control_seconds : ndarray of float64, shape (blocks,)
        Seconds per call.
    """

    ratio: Ratio
    control: Ratio
    candidate_seconds: Floats
    baseline_seconds: Floats
    control_seconds: Floats

    def __str__(self) -> str:
        return f"{self.ratio}, control {self.control}"

    def judge(self, threshold: float = THRESHOLD) -> Judgement:
        """Return ok, regression or unclear, see `bnfast.bench.judge`."""
        return judge(self.ratio, self.control, threshold)

    def figures(self) -> dict[str, Any]:
        """Return it for JSON; the times are medians."""
        return {
            **self.ratio.figures(),
            "control": self.control.figures(),
            "candidate_seconds": float(np.median(self.candidate_seconds)),
            "baseline_seconds": float(np.median(self.baseline_seconds)),
            "blocks": len(self.candidate_seconds),
        }


def paired(
    candidate: Callable[[], object],
    baseline: Callable[[], object],
    *,
    effort: Effort | None = None,
    precision: float = 0.01,
    confidence: float = CONFIDENCE,
    clock: Clock = time.perf_counter,
) -> Paired:
    """Time two callables side by side.

    They take turns in blocks A B B A, the candidate a second time among them as its own control.
    Times of separate runs differ by far more than such a ratio does.

    Parameters
    ----------
    candidate, baseline : callable
        What to time; called without arguments, many times over. Check their answers first.
    effort : Effort, optional
        How long to measure; 2 seconds by default.
    precision : float, default 0.01
        End early once both intervals are as narrow as plus or minus this.
    confidence : float, default 0.99
        Of the intervals, above 0 and below 1.
    clock : callable, optional
        Returns seconds; `time.perf_counter` by default.

    Returns
    -------
    Paired
        The ratio, its control and the times.

    Raises
    ------
    TypeError
        If `candidate` or `baseline` is not callable, or `confidence` is no number.
    ValueError
        If `precision` is below 0, or `confidence` not between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> from bnfast.bench import Effort, paired
    >>> x = np.ones(10_000)
    >>> found = paired(lambda: (x.sum(), x.sum()), x.sum, effort=Effort(seconds=0.1))
    >>> found.judge().verdict.value  # doctest: +SKIP
    'regression'
    """
    for name, contender in (("candidate", candidate), ("baseline", baseline)):
        if not callable(contender):
            raise TypeError(f"{name} must be callable, got {type(contender).__name__}")
    if not precision >= 0:
        raise ValueError(f"precision must be 0 or more, got {precision}")
    check_confidence(confidence)
    return pair(
        Timed(candidate, clock),
        Timed(baseline, clock),
        Timed(candidate, clock),
        effort=effort or Effort(seconds=2.0),
        precision=precision,
        confidence=confidence,
        clock=clock,
    )


def pair(
    candidate: Contender,
    baseline: Contender,
    control: Contender,
    *,
    effort: Effort,
    precision: float = 0.01,
    confidence: float = CONFIDENCE,
    clock: Clock = time.perf_counter,
) -> Paired:
    """Let a candidate, its baseline and its twin take turns, see `paired`."""

    def summed_up(times: Floats) -> Paired:
        own, other, again = times.T
        return Paired(
            median_ratio(own, other, confidence=confidence),
            median_ratio(again, own, confidence=confidence),
            own,
            other,
            again,
        )

    def enough(times: Floats) -> bool:
        found = summed_up(times)
        return max(found.ratio.spread, found.control.spread) <= precision

    return summed_up(interleave([candidate, baseline, control], effort, enough=enough, clock=clock))
