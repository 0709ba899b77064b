"""Count, mean and variance of each feature, and what they are of two tables together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.extmath import _incremental_mean_and_var

from bnfast import _core

Array = NDArray[Any]


@dataclass(frozen=True)
class FeatureMoments:
    """What a scaler knows of the data it has seen.

    Attributes
    ----------
    count : numpy.ndarray of shape () or (C,)
        Values that were not NaN: int64, or, where samples had weights, the sum of these: float64.
    mean, var : numpy.ndarray of shape (C,), float64
        `var` is the population variance. NaN where there was no value.
    """

    count: Array
    mean: Array
    var: Array

    def merged(self, other: FeatureMoments) -> FeatureMoments:
        """Return the moments of both tables together [1]_.

        References
        ----------
        .. [1] T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for computing the sample
           variance: analysis and recommendations", The American Statistician 37(3), 1983,
           eq. 2.1.
        """
        count = self.count + other.count
        with np.errstate(divide="ignore", invalid="ignore"):  # no values at all
            ours, theirs = self.count / count, other.count / count
        delta = other.mean - self.mean
        mean = self.mean + delta * theirs
        var = self.var * ours + other.var * theirs + delta * delta * ours * theirs
        return FeatureMoments(
            count,
            self._unless_empty(other, self.mean, other.mean, mean),
            self._unless_empty(other, self.var, other.var, var),
        )

    def _unless_empty(self, other: FeatureMoments, mine: Array, its: Array, both: Array) -> Array:
        """Return the value of the side that has any data where the other has none."""
        return np.where(self.count == 0, its, np.where(other.count == 0, mine, both))


def finite_moments(table: Array, *, with_var: bool) -> FeatureMoments | None:
    """Return the moments of a table (N, C) by one read, or None where they are not finite.

    Without `with_var` the variance may be anything.
    """
    mean, var, count = _core.moments(table, channel_axis=-1)
    if not np.isfinite(mean).all() or (with_var and not np.isfinite(var).all()):
        return None
    return FeatureMoments(np.asarray(count), mean, var)


def weighted_moments(
    table: Array, sample_weight: Array | None, *, with_var: bool
) -> FeatureMoments:
    """Return the moments of a table that may hold NaN, by scikit-learn's own function.

    Without `with_var` the variance is 0.
    """
    zeros = np.zeros(table.shape[1])
    mean, var, weight = _incremental_mean_and_var(
        table, zeros, zeros if with_var else None, zeros, sample_weight=sample_weight
    )
    counts = np.asarray(weight, np.int64 if sample_weight is None else np.float64)
    # Rounding may leave the weighted variance of a constant feature below 0.
    return FeatureMoments(counts, mean, np.maximum(var, 0) if with_var else zeros)


def moments_seen_by(scaler: Any) -> FeatureMoments:
    """Return the moments that a fitted StandardScaler holds; 0 for those that it does not keep."""
    count = np.asarray(scaler.n_samples_seen_)
    zeros = np.zeros(scaler.n_features_in_)
    return FeatureMoments(
        count if count.dtype.kind == "i" else count.astype(np.float64),
        zeros if scaler.mean_ is None else scaler.mean_,
        zeros if scaler.var_ is None else scaler.var_,
    )
