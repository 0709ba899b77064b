"""A ratio of times with the interval it lies in."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CONFIDENCE = 0.99
_RESAMPLES = 2000


@dataclass(frozen=True)
class Ratio:
    """A ratio, and the bounds of its confidence interval.

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

    @property
    def spread(self) -> float:
        """Half the interval's width."""
        return (self.high - self.low) / 2

    def within(self, threshold: float) -> bool:
        """Whether the whole interval departs from 1 by at most `threshold`."""
        return 1 - threshold <= self.low and self.high <= 1 + threshold

    def figures(self) -> dict[str, float]:
        """Return it for JSON."""
        return {"ratio": self.value, "low": self.low, "high": self.high}


def median_ratio(
    numerators: Floats, denominators: Floats, *, confidence: float = CONFIDENCE, seed: int = 0
) -> Ratio:
    """Return the median of paired ratios with its bootstrap interval.

    Parameters
    ----------
    numerators, denominators : ndarray of float64, shape (n,)
        Paired times: those at the same place were measured side by side.
    confidence : float, default 0.99
        Of the interval, which is the percentile interval of the bootstrap (Efron, 1979).
    seed : int, default 0
        Of the resampling: the same times give the same interval.

    Returns
    -------
    Ratio
        The median and its bounds.

    Examples
    --------
    >>> import numpy as np
    >>> from bnfast.bench.ratio import median_ratio
    >>> print(median_ratio(np.array([2.0, 4.0, 6.0]), np.array([1.0, 2.0, 3.0])))
    2.000 [2.000, 2.000]
    """
    ratios = numerators / denominators
    chosen = np.random.default_rng(seed).integers(len(ratios), size=(_RESAMPLES, len(ratios)))
    medians = np.median(ratios[chosen], axis=1)
    outside = (1 - confidence) / 2
    low, high = np.quantile(medians, (outside, 1 - outside))
    return Ratio(float(np.median(ratios)), float(low), float(high))
