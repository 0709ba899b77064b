"""What is remembered of a layer's earlier records, per channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bnfast.monitor.comparison import Comparison
from bnfast.monitor.thresholds import Thresholds

__all__ = ["Earlier", "Smoothed"]

Floats = NDArray[np.float64]

# One batch's share in the smoothed difference of means, in standard deviations, is bounded: after
# a jump it is the batches behind that tell a drift.
_MOST_OFFSET = 2.0


class Smoothed:
    """A difference averaged with exponentially falling weights, from 0 at the start.

    Attributes
    ----------
    value : numpy.ndarray of shape (C,)
    """

    def __init__(self, channels: int, weight: float) -> None:
        self._weight = weight
        self._squares = np.zeros(channels)
        self.value = np.zeros(channels)

    def take(self, value: Floats) -> None:
        """Take a record; what is not finite is left out."""
        usable = np.where(np.isfinite(value), self._weight, 0)
        value = np.where(np.isfinite(value), value, 0)
        with np.errstate(over="ignore"):
            self._squares += usable * (np.square(value) - self._squares)
        self.value += usable * (value - self.value)

    def error(self, single: Floats) -> Floats:
        """Return the standard error of `value`.

        That of one record is `single`, or what the records have scattered by if that is more:
        values of one image resemble each other, and not all are normal.
        """
        scatter = np.maximum(self._squares - np.square(self.value), 0)
        share = self._weight / (2 - self._weight)
        return np.sqrt(np.maximum(scatter, np.square(single)) * share)


class Earlier:
    """Smoothed differences of a layer, and its usual standard deviation.

    Attributes
    ----------
    of_mean, of_var : Smoothed
    var : numpy.ndarray of shape (C,)
        The average of the variance before each batch, smoothed as those; NaN before any.
    """

    def __init__(self, channels: int, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._log_var_sum = np.zeros(channels)
        self._log_var_count = np.zeros(channels, np.int64)
        self.of_mean = Smoothed(channels, thresholds.smoothing)
        self.of_var = Smoothed(channels, thresholds.smoothing)
        self.var = np.full(channels, np.nan)

    @property
    def usual_var(self) -> Floats:
        """The geometric mean of the first `patience` variances; NaN before these are complete."""
        complete = self._log_var_count == self._thresholds.patience
        return np.where(complete, np.exp(self._log_var_sum / self._thresholds.patience), np.nan)

    def take(self, found: Comparison, eps: float) -> None:
        """Take a record's differences."""
        most = _MOST_OFFSET * np.sqrt(found.before_var + eps)
        self.of_mean.take(np.clip(found.of_mean.value, -most, most))
        self.of_var.take(found.of_var.value)
        begun = np.where(np.isnan(self.var), found.before_var, self.var)
        step = self._thresholds.smoothing * (found.before_var - begun)
        self.var = begun + np.where(np.isfinite(step), step, 0)

    def count_as_usual(self, var: Floats, eps: float) -> None:
        """Take a variance, counted as eps at least, if it is of the first and not dead."""
        early = self._log_var_count < self._thresholds.patience
        usable = early & np.isfinite(var) & (var > self._thresholds.dead_of_eps * eps)
        self._log_var_sum[usable] += np.log(np.maximum(var[usable], eps))
        self._log_var_count += usable
