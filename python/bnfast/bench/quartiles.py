"""Times summed up: their quartiles and how many there were."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bnfast.bench.ratio import Floats, Ratio, positive

# Of a median, for times that are near normal: 1.2533 sigma/sqrt(n), with sigma = IQR/1.349.
_ERROR_OF_MEDIAN = 1.2533 / 1.349
_SIGMAS_OF_99_PERCENT = 2.576


@dataclass(frozen=True)
class Quartiles:
    """Quartiles of times in seconds, and the number of rounds they are of.

    Examples
    --------
    >>> import numpy as np
    >>> from bnfast.bench.quartiles import Quartiles
    >>> Quartiles.of(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    Quartiles(q1=2.0, median=3.0, q3=4.0, rounds=5)
    """

    q1: float
    median: float
    q3: float
    rounds: int

    @classmethod
    def of(cls, seconds: Floats) -> "Quartiles":
        """Return those of times."""
        q1, median, q3 = (float(value) for value in np.quantile(seconds, (0.25, 0.5, 0.75)))
        return cls(q1, median, q3, len(seconds))

    @classmethod
    def read(cls, figures: Mapping[str, Any]) -> "Quartiles":
        """Return those that JSON holds, its other members left alone; ValueError if none are so."""
        q1, median, q3 = (positive(name, figures[name]) for name in ("q1", "median", "q3"))
        if not q1 <= median <= q3:
            raise ValueError(f"quartiles must be in order, got {q1}, {median} and {q3}")
        return cls(q1, median, q3, int(positive("rounds", figures["rounds"])))

    def figures(self) -> dict[str, float]:
        """Return them for JSON."""
        return {"q1": self.q1, "median": self.median, "q3": self.q3, "rounds": self.rounds}

    def over(self, other: "Quartiles") -> Ratio:
        """Return the ratio of two medians of unpaired times, with its 99 % interval."""
        value = self.median / other.median
        errors = math.hypot(self._relative_error, other._relative_error)
        try:
            factor = math.exp(_SIGMAS_OF_99_PERCENT * errors)
        except OverflowError:
            return Ratio(value, 0.0, math.inf)
        return Ratio(value, value / factor, value * factor)

    @property
    def _relative_error(self) -> float:
        return _ERROR_OF_MEDIAN * (self.q3 - self.q1) / self.median / math.sqrt(self.rounds)
