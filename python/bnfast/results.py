"""The named tuples that functions return."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["BatchNormForward", "BatchNormGradients", "Moments"]


class BatchNormForward(NamedTuple):
    """What `bnfast.batch_norm_forward` returns.

    Attributes
    ----------
    y : numpy.ndarray
        The normalized array.
    mean, invstd : numpy.ndarray of shape (C,), float64
        The batch's mean, and ``1/sqrt(var + eps)`` of its population variance.
    count : int
        Values per channel.
    """

    y: NDArray[np.floating]
    mean: NDArray[np.float64]
    invstd: NDArray[np.float64]
    count: int  # type: ignore[assignment]  # hides tuple.count, as the name in the contract does


class BatchNormGradients(NamedTuple):
    """What `bnfast.batch_norm_backward` returns; members not asked for are None.

    Attributes
    ----------
    dx : numpy.ndarray or None
        Gradient for the input.
    dweight, dbias : numpy.ndarray of shape (C,), float64, or None
        Gradients for gamma and beta.
    dresidual : numpy.ndarray or None
        Gradient for the residual.
    """

    dx: NDArray[np.floating] | None
    dweight: NDArray[np.float64] | None
    dbias: NDArray[np.float64] | None
    dresidual: NDArray[np.floating] | None


class Moments(NamedTuple):
    """What `bnfast.moments` returns.

    Attributes
    ----------
    mean, var : numpy.ndarray of shape (C,), float64
        Mean and variance per channel.
    count : int
        Values per channel.
    """

    mean: NDArray[np.float64]
    var: NDArray[np.float64]
    count: int  # type: ignore[assignment]  # hides tuple.count, as the name in the contract does
