"""One batch against the running statistics: all the algebra, O(C)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnfast.results import Moments

__all__ = ["Average", "Comparison", "Difference", "Running", "compare", "kl_divergence"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Running:
    """A layer's running statistics as they are stored, after the batch."""

    mean: NDArray[Any]
    var: NDArray[Any]


@dataclass(frozen=True)
class Average:
    """What is known of the running average after a batch.

    newest: weight of this batch among the batches; NaN if there are none.
    squares: sum of the squared weights of the batches before it, scaled to sum to 1.
    start: weight of the value before any batch, which is 0 for the mean and 1 for the variance.
    momentum: the weight with which this batch was taken in.
    """

    newest: float
    squares: float
    start: float
    momentum: float


@dataclass(frozen=True)
class Difference:
    """Batch less the average of the batches before it, per channel; NaN without any.

    error: its standard error if nothing but chance differs and all values are independent normal.
    quantum: the difference up to which the dtype keeps the running value from following.
    """

    value: Floats
    error: Floats
    quantum: Floats

    @property
    def in_errors(self) -> Floats:
        """The difference beyond the quantum in standard errors; 0 where there is none."""
        with np.errstate(all="ignore"):
            beyond = np.maximum(np.abs(self.value) - self.quantum, 0)
            return np.where(beyond == 0, 0, np.copysign(beyond / self.error, self.value))


@dataclass(frozen=True)
class Comparison:
    """Per channel, float64 of shape (C,).

    mean, var: of the batch, the variance with the correction that the running one has.
    before_var: average of the variances of the batches before.
    of_mean, of_var: batch against the batches before.
    kl: divergence in nats of the batch from the running statistics, each variance with eps.
    """

    mean: Floats
    var: Floats
    before_var: Floats
    of_mean: Difference
    of_var: Difference
    kl: Floats


def compare(
    batch: Moments, running: Running, average: Average, *, eps: float, correction: int
) -> Comparison:
    """Compare a batch with the running statistics that have taken it in.

    With a the batch's weight in the average, ``batch - average = (1 - a)*(batch - before)``: the
    difference from the average of the batches before, which this batch is independent of, needs no
    copy of it. If nothing has changed, its variance is ``var/n*(1 + squares)``.
    """
    n = batch.count
    with np.errstate(all="ignore"):
        var = batch.var * (n / (n - correction))
        mean_difference = _difference(batch.mean, running.mean, average, 0.0)
        var_difference = _difference(var, running.var, average, 1.0)
        before_var = np.maximum(var - var_difference, 0)
        error_mean = np.sqrt(np.maximum(var, before_var) * ((1 + average.squares) / n))
        error_var = before_var * np.sqrt(2 / (n - 1) * (1 + average.squares))
        kl = kl_divergence(batch.mean, var + eps, _wide(running.mean), _wide(running.var) + eps)
    return Comparison(
        mean=batch.mean,
        var=var,
        before_var=before_var,
        of_mean=Difference(mean_difference, error_mean, _quantum(running.mean, average)),
        of_var=Difference(var_difference, error_var, _quantum(running.var, average)),
        kl=kl,
    )


def kl_divergence(mean: Floats, var: Floats, other_mean: Floats, other_var: Floats) -> Floats:
    """Return KL(N(mean, var) || N(other_mean, other_var)) in nats.

    ``(r - 1 - log(r) + (mean - other_mean)**2/other_var)/2`` with ``r = var/other_var``.
    """
    ratio = var / other_var
    return 0.5 * (ratio - 1 - np.log(ratio) + np.square(mean - other_mean) / other_var)


def _difference(batch: Floats, stored: NDArray[Any], average: Average, first: float) -> Floats:
    """Return batch less the average of the batches before, freed of its start."""
    if not average.newest < 1:
        return np.full_like(batch, np.nan)
    of_batches = (_wide(stored) - average.start * first) / (1 - average.start)
    difference: Floats = (batch - of_batches) / (1 - average.newest)
    return difference


def _quantum(stored: NDArray[Any], average: Average) -> Floats:
    """Return the difference whose share `momentum` is half a unit in the last place."""
    if average.momentum == 0:
        return np.zeros(stored.shape)
    with np.errstate(invalid="ignore"):
        return np.abs(_wide(np.spacing(stored))) / (2 * average.momentum)


def _wide(values: NDArray[Any]) -> Floats:
    return values.astype(np.float64)
