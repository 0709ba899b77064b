"""What the pytest fixture `paired_benchmark` gives to a test."""

from collections.abc import Callable

import pytest

from bnfast.bench.interleave import Effort
from bnfast.bench.pairing import Paired, paired
from bnfast.bench.verdict import THRESHOLD, Verdict


class PairedBenchmark:
    """Times two callables, and ends the test by the verdict.

    Parameters
    ----------
    name : str
        Of the test.
    tell : callable
        Given a line for the summary.

    Examples
    --------
    In a test file, bnfast being installed::

        def test_new_sum_is_not_slower(paired_benchmark):
            paired_benchmark(lambda: new_sum(x), lambda: old_sum(x), threshold=0.03)
    """

    def __init__(self, name: str, tell: Callable[[str], None]) -> None:
        self._name = name
        self._tell = tell

    def __call__(
        self,
        candidate: Callable[[], object],
        baseline: Callable[[], object],
        *,
        threshold: float = THRESHOLD,
        effort: Effort | None = None,
    ) -> Paired:
        """Measure and judge.

        Parameters
        ----------
        candidate, baseline : callable
            What to time, see `bnfast.bench.paired`. Check their answers first.
        threshold : float, default 0.05
            How much slower is still ok.
        effort : Effort, optional
            How long to measure; 2 seconds by default.

        Returns
        -------
        Paired
            The ratio, its control and the times, if the verdict is ok.

        Raises
        ------
        pytest.fail.Exception
            If the candidate is slower: a regression.
        pytest.skip.Exception
            If it is unclear whether it is.
        """
        found = paired(candidate, baseline, effort=effort)
        judgement = found.judge(threshold)
        self._tell(f"{self._name}: {judgement}; control {found.control}")
        if judgement.verdict is Verdict.REGRESSION:
            pytest.fail(f"slower than the baseline: {judgement.reason}", pytrace=False)
        if judgement.verdict is Verdict.UNCLEAR:
            pytest.skip(f"could not measure: {judgement.reason}")
        return found
