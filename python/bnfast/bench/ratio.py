"""A ratio of times with the interval it lies in."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CONFIDENCE = 0.99
_RESAMPLES = 2000


def positive(name: str, value: Any) -> float:
    """Return a figure that was saved: a time, a speed or a ratio, finite and above 0."""
    found = float(value)
    if not 0 < found < math.inf:
        raise ValueError(f"{name} must be finite and above 0, got {value}")
    return found


@dataclass(frozen=True)
class Ratio:
    """A ratio, and the bounds of its confidence interval: 0 and infinity if nothing is known.

    Examples
    --------
    >>> from bnfast.bench import Ratio
    >>> print(Ratio(1.0625, 1.05, 1.075))
    1.062 [1.050, 1.075]
    >>> Ratio(1.0625, 1.05, 1.075).within(0.05)
    False
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"

    @classmethod
    def read(cls, figures: Mapping[str, Any]) -> "Ratio":
        """Return what JSON holds; ValueError if no ratio of times is so."""
        high = figures["high"]
        found = cls(
            positive("ratio", figures["ratio"]),
            float(figures["low"]),
            math.inf if high is None else float(high),
        )
        if not 0 <= found.low <= found.high:
            raise ValueError(f"bounds must be 0 or more and in order, got {found}")
        return found

    @property
    def spread(self) -> float:
        """Half the interval's width."""
        return (self.high - self.low) / 2

    def within(self, threshold: float) -> bool:
        """Whether the whole interval departs from 1 by at most `threshold`."""
        return 1 - threshold <= self.low and self.high <= 1 + threshold

    def figures(self) -> dict[str, float | None]:
        """Return it for JSON, which has no infinity: None is none."""
        figures = {"ratio": self.value, "low": self.low, "high": self.high}
        return {name: x if math.isfinite(x) else None for name, x in figures.items()}


def check_confidence(confidence: float) -> None:
    """Refuse what is no confidence of an interval."""
    if not hasattr(confidence, "__float__"):
        raise TypeError(f"confidence must be a number, got {type(confidence).__name__}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}")


def median_ratio(
    numerators: Floats, denominators: Floats, *, confidence: float = CONFIDENCE, seed: int = 0
) -> Ratio:
    """Return the median of paired ratios with its confidence interval.

    The interval is the percentile interval of the bootstrap (Efron, 1979), widened to that between
    order statistics, which covers the median of any distribution as often as it says (Thompson,
    1936): of few pairs the first does not. Fewer than 8 pairs cannot give 99 % at all.

    Parameters
    ----------
    numerators, denominators : ndarray of float64, shape (n,)
        Paired times: those at the same place were measured side by side.
    confidence : float, default 0.99
        Of the interval, above 0 and below 1.
    seed : int, default 0
        Of the resampling: the same times give the same interval.

    Returns
    -------
    Ratio
        The median and its bounds; these are 0 and infinity if the pairs are too few for the
        confidence.

    Raises
    ------
    TypeError, ValueError
        If `confidence` is no number, or not between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> from bnfast.bench.ratio import median_ratio
    >>> print(median_ratio(np.arange(2.0, 18.0, 2.0), np.arange(1.0, 9.0)))
    2.000 [2.000, 2.000]
    >>> print(median_ratio(np.array([2.0, 4.0, 6.0]), np.array([1.0, 2.0, 3.0])))
    2.000 [0.000, inf]
    """
    check_confidence(confidence)
    ratios = np.asarray(numerators / denominators)
    value, place = float(np.median(ratios)), _place(len(ratios), confidence)
    if place == 0:
        return Ratio(value, 0.0, math.inf)
    ordered = np.sort(ratios)
    low, high = _bootstrap_interval(ratios, confidence, seed)
    return Ratio(value, min(low, float(ordered[place - 1])), max(high, float(ordered[-place])))


def _place(count: int, confidence: float) -> int:
    """Return the largest k such that the k-th from both ends have the median between them.

    Each value is below it with probability 1/2. With the confidence; 0 if not even the ends have.
    """
    place, beyond = 0, 1
    while beyond / 2**count <= (1 - confidence) / 2:
        place += 1
        beyond += math.comb(count, place)
    return place


def _bootstrap_interval(ratios: Floats, confidence: float, seed: int) -> tuple[float, float]:
    chosen = np.random.default_rng(seed).integers(len(ratios), size=(_RESAMPLES, len(ratios)))
    medians = np.median(ratios[chosen], axis=1)
    outside = (1 - confidence) / 2
    low, high = np.quantile(medians, (outside, 1 - outside))
    return float(low), float(high)
