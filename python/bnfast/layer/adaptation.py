"""Test-time adaptation: statistics between those of a batch and the running ones.

References
----------
S. Schneider, E. Rusak, L. Eck, O. Bringmann, W. Brendel and M. Bethge, "Improving robustness
against common corruptions by covariate shift adaptation", NeurIPS 2020.
T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for Computing the Sample Variance", The
American Statistician 37 (1983).
"""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, Literal, NamedTuple, cast, get_args

import numpy as np
from numpy.typing import NDArray

from bnfast import _core
from bnfast.layer.gradients import Arguments
from bnfast.results import BatchNormGradients, Moments

__all__ = ["Adapted", "Blend", "adapted", "check_blend", "check_prior"]

Array = NDArray[Any]
Blend = Literal["linear", "pooled"]


def check_prior(prior: Any) -> None:
    """Refuse what is no number of samples.

    Examples
    --------
    >>> from bnfast.layer.adaptation import check_prior
    >>> check_prior(-1)
    Traceback (most recent call last):
    ValueError: prior must not be negative, got -1
    """
    if isinstance(prior, bool) or not isinstance(prior, Real):
        raise TypeError(f"prior must be a number of samples, got {prior!r}")
    if math.isnan(prior):
        raise ValueError("prior must be a number of samples, got nan")
    if prior < 0:
        raise ValueError(f"prior must not be negative, got {prior}")


def check_blend(blend: Any) -> None:
    """Refuse what is no way to blend variances."""
    if blend not in get_args(Blend):
        raise ValueError(f"blend must be 'linear' or 'pooled', got {blend!r}")


class Adapted(NamedTuple):
    """By a blend of the batch's own statistics and constant ones."""

    mean: Array
    var: Array
    invstd: Array
    own_mean: Array
    share: float  # of the batch in the blend
    slope: Array  # half of that of var by own_mean, besides what the batch's own variance does
    count: int  # type: ignore[assignment]  # hides tuple.count, as in Moments

    def gradients(self, arguments: Arguments) -> BatchNormGradients:
        """Return the gradients; the batch's share of the statistics changes with `x`.

        With c the share, m values per channel and s = sum(g*(x - mean))*invstd**2/m::

            dx = weight*invstd*(g - c*sum(g)/m - slope*s - (x - own_mean)*c*s)
        """
        has_residual, activation = arguments.residual is not None, arguments.activation
        dy, x, residual, dx = _core.checked_gradient(
            arguments.dy, arguments.x, arguments.channel_axis, arguments.residual, arguments.out
        )
        if activation is not None and not has_residual:
            residual = np.zeros_like(x)  # for its gradient, which is g
        sums = arguments._replace(dy=dy, x=x, residual=residual).gradients(
            self.mean, self.invstd, training=False, wants_dx=False
        )
        dweight, dbias = cast(Array, sums.dweight), cast(Array, sums.dbias)
        with np.errstate(all="ignore"):  # a channel of NaN stays one
            sum_dy = self.share * dbias + self.slope * dweight * self.invstd
            sum_dy_xmu = self.share * dweight / self.invstd
        _core.batch_norm_backward_elemt(
            dy if sums.dresidual is None else sums.dresidual,
            x,
            self.own_mean,
            self.invstd,
            arguments.weight,
            sum_dy,
            sum_dy_xmu,
            self.count,
            channel_axis=arguments.channel_axis,
            out=dx,
        )
        return BatchNormGradients(
            dx,
            dweight if arguments.affine else None,
            dbias if arguments.affine else None,
            sums.dresidual if has_residual else None,
        )


def adapted(
    batch: Moments, running_mean: Array, running_var: Array, share: float, blend: Blend, eps: float
) -> Adapted:
    """Return the blend of float64 statistics in which the batch has this share."""
    rest = 1 - share
    slope = np.zeros_like(batch.mean)
    with np.errstate(all="ignore"):  # a channel of NaN is one of the result, too
        mean = share * batch.mean + rest * running_mean
        var = share * batch.var + rest * running_var
        if blend == "pooled":
            between = batch.mean - running_mean
            slope = share * rest * between
            var += slope * between
        invstd = 1 / np.sqrt(var + eps)
    return Adapted(mean, var, invstd, batch.mean, share, slope, batch.count)
