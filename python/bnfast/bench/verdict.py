"""Judge a ratio of times: ok, regression, or unclear."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase

from bnfast.bench.ratio import Ratio

THRESHOLD = 0.05


class Verdict(str, Enum):
    """What can be said of a candidate."""

    OK = "ok"
    REGRESSION = "regression"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Judgement:
    """A verdict and why it is so."""

    verdict: Verdict
    reason: str

    def __str__(self) -> str:
        return f"{self.verdict.value}: {self.reason}"


def judge(ratio: Ratio, control: Ratio, threshold: float = THRESHOLD) -> Judgement:
    """Judge the candidate's time over the baseline's.

    Parameters
    ----------
    ratio : Ratio
        Time of the candidate over time of the baseline; above 1 is slower.
    control : Ratio
        The same of a candidate and itself, measured in the same session. Unless its whole interval
        is within `threshold` of 1, nothing is said of the candidate.
    threshold : float, default 0.05
        How much slower is still ok.

    Returns
    -------
    Judgement
        ``ok`` if the whole interval is below ``1 + threshold``, ``regression`` if it is above,
        else ``unclear``.

    Examples
    --------
    >>> from bnfast.bench import Ratio, judge
    >>> steady = Ratio(1.0, 0.99, 1.01)
    >>> print(judge(Ratio(1.1, 1.09, 1.11), steady))
    regression: 1.100 [1.090, 1.110] is above 1.05
    >>> print(judge(Ratio(1.1, 1.09, 1.11), Ratio(1.0, 0.9, 1.1)))
    unclear: the control, which should be 1, is 1.000 [0.900, 1.100]
    """
    limit = 1 + threshold
    if not control.within(threshold):
        return Judgement(Verdict.UNCLEAR, f"the control, which should be 1, is {control}")
    if ratio.high <= limit:
        return Judgement(Verdict.OK, f"{ratio} is within {limit:g}")
    if ratio.low > limit:
        return Judgement(Verdict.REGRESSION, f"{ratio} is above {limit:g}")
    return Judgement(Verdict.UNCLEAR, f"{ratio} has {limit:g} inside")


def overall(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the verdict on many cases: regression before unclear before ok; of none, unclear."""
    for verdict in (Verdict.REGRESSION, Verdict.UNCLEAR):
        if verdict in verdicts:
            return verdict
    return Verdict.OK if verdicts else Verdict.UNCLEAR


@dataclass(frozen=True)
class Thresholds:
    """A threshold for each case: that of the last pattern which its name matches.

    Examples
    --------
    >>> from bnfast.bench.verdict import Thresholds
    >>> thresholds = Thresholds(0.05, (("small*", 0.1),))
    >>> thresholds.of("small-1x64"), thresholds.of("training")
    (0.1, 0.05)
    """

    default: float = THRESHOLD
    patterns: tuple[tuple[str, float], ...] = ()

    def of(self, name: str) -> float:
        """Return the threshold of a case."""
        found = [value for pattern, value in self.patterns if fnmatchcase(name, pattern)]
        return found[-1] if found else self.default
