"""Batch renormalization: training whose activations are near those of inference.

References
----------
S. Ioffe, "Batch Renormalization: Towards Reducing Minibatch Dependence in Batch-Normalized Models",
NeurIPS 2017, algorithm 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnfast.layer.gradients import Arguments
from bnfast.results import BatchNormGradients, Moments

__all__ = ["Renorm", "Renormalized", "checked_renorm", "renormalized"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Renorm:
    """The bounds of batch renormalization [1]_.

    In training ``xhat = (x - mean)/std*r + d`` with::

        r = clip(std/running_std, 1/r_max, r_max)
        d = clip((mean - running_mean)/running_std, -d_max, d_max)

    where ``std = sqrt(var + eps)`` and ``running_std = sqrt(running_var + eps)``, the running
    statistics being those before the batch. ``r_max=1, d_max=0`` is batch normalization; without
    bounds, ``r_max=d_max=inf``, training gives what inference gives.

    Parameters
    ----------
    r_max : float
        At least 1.
    d_max : float
        At least 0.

    Raises
    ------
    TypeError, ValueError
        A bound that is not a number, or out of its range.

    References
    ----------
    .. [1] S. Ioffe, "Batch Renormalization: Towards Reducing Minibatch Dependence in
       Batch-Normalized Models", NeurIPS 2017. Its bounds are the defaults here, after a warm-up:
       1 and 0 for 5000 steps, then rising to 3 (at step 40000) and 5 (at step 25000).

    Examples
    --------
    >>> import bnfast
    >>> bn = bnfast.BatchNorm(64, renorm=bnfast.Renorm(r_max=1, d_max=0))
    >>> for step in range(10):  # a schedule sets the attribute
    ...     bn.renorm = bnfast.Renorm(r_max=1 + 2 * step / 10, d_max=5 * step / 10)
    >>> bn.renorm
    Renorm(r_max=2.8, d_max=4.5)
    """

    r_max: float = 3.0
    d_max: float = 5.0

    def __post_init__(self) -> None:
        """Refuse bounds that bound nothing."""
        for name, least in (("r_max", 1), ("d_max", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Real):
                raise TypeError(f"{name} must be a number, got {value!r}")
            if not float(value) >= least:
                raise ValueError(f"{name} must be at least {least}, got {value}")


class Renormalized(NamedTuple):
    """By the batch's own statistics, corrected by r and d; all of shape (C,), float64."""

    mean: Array
    invstd: Array
    r: Array
    d: Array

    def parameters(self, weight: Array | None, bias: Array | None) -> tuple[Array, Array]:
        """Return weight and bias with the correction in them: both are affine maps of xhat."""
        if weight is None or bias is None:
            return self.r, self.d
        gamma = np.asarray(weight, np.float64)
        return self.r * gamma, self.d * gamma + np.asarray(bias, np.float64)

    def gradients(self, arguments: Arguments) -> BatchNormGradients:
        """Return the gradients; r and d count as constants, as the paper has it."""
        weight, bias = self.parameters(arguments.weight, arguments.bias)
        found = arguments._replace(weight=weight, bias=bias).gradients(
            self.mean, self.invstd, training=True
        )
        if found.dweight is None or found.dbias is None:
            return found
        return found._replace(dweight=self.r * found.dweight + self.d * found.dbias)


def checked_renorm(renorm: Any) -> Renorm | None:
    """Return what `BatchNorm` was given as ``renorm``, or raise.

    Examples
    --------
    >>> from bnfast.layer.renorm import checked_renorm
    >>> checked_renorm(True)
    Renorm(r_max=3.0, d_max=5.0)
    """
    if renorm is None or renorm is False:
        return None
    if renorm is True:
        return Renorm()
    if not isinstance(renorm, Renorm):
        raise TypeError(f"renorm must be None, a bool or a bnfast.Renorm, got {renorm!r}")
    return renorm


def renormalized(
    bounds: Renorm, batch: Moments, running_mean: Array, running_var: Array, eps: float
) -> Renormalized:
    """Return how a batch of these moments (population variance) is normalized."""
    with np.errstate(all="ignore"):  # a channel of NaN is one of the result, too
        std = np.sqrt(batch.var + eps)
        running_std = np.sqrt(np.asarray(running_var, np.float64) + eps)
        return Renormalized(
            batch.mean,
            1 / std,
            np.clip(std / running_std, 1 / bounds.r_max, bounds.r_max),
            np.clip((batch.mean - running_mean) / running_std, -bounds.d_max, bounds.d_max),
        )
