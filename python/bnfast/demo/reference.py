"""Batch normalization in NumPy, by the formulas of Ioffe and Szegedy (2015), in float64.

Plain on purpose, two passes, nothing shared with the library: what the demo's results are
checked against, and answers of `bnfast.bench`, whose workers load this file by its path. The
statistics can be taken in long double.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

FLOAT32_UNIT = 1.2e-7

Array = NDArray[Any]


class Statistics(NamedTuple):
    """Mean and biased variance, shape (C,)."""

    mean: Array
    var: Array


class Gradients(NamedTuple):
    """Gradients with respect to input, weight and bias."""

    dx: Array
    dweight: Array
    dbias: Array


def other_axes(x: Array, channel_axis: int) -> tuple[int, ...]:
    """Return the axes of `x` that statistics are taken over."""
    channel = channel_axis % x.ndim
    return tuple(axis for axis in range(x.ndim) if axis != channel)


def along(values: Array, x: Array, channel_axis: int) -> Array:
    """Return (C,) values in a shape that broadcasts against `x`."""
    return np.expand_dims(values, other_axes(x, channel_axis))


def moments(x: Array, channel_axis: int, dtype: DTypeLike = np.float64) -> Statistics:
    """Return mean and biased variance in two passes, in `dtype`."""
    axes = other_axes(x, channel_axis)
    mean = x.mean(axis=axes, dtype=dtype)
    deviation = np.asarray(x, dtype=dtype) - along(mean, x, channel_axis)
    return Statistics(mean, np.square(deviation, out=deviation).mean(axis=axes))


def normalize(x: Array, statistics: Statistics, eps: float, channel_axis: int) -> Array:
    """Return ``(x - mean) / sqrt(var + eps)``, in float64."""
    mean, var = (np.asarray(values, dtype=np.float64) for values in statistics)
    y = x - along(mean, x, channel_axis)
    y /= along(np.sqrt(var + eps), x, channel_axis)
    return y


def moving_average(
    running: Statistics, batch: Statistics, count: int, momentum: float
) -> Statistics:
    """Return the running statistics after a batch; its variance counts unbiased."""
    unbiased = batch.var * (count / (count - 1))
    return Statistics(
        (1 - momentum) * running.mean + momentum * batch.mean,
        (1 - momentum) * running.var + momentum * unbiased,
    )


class _BackwardTerms(NamedTuple):
    """dx is ``(dy - mean_dy - normalized * mean_dy_normalized) / std``."""

    normalized: Array
    mean_dy: Array
    mean_dy_normalized: Array
    std: Array


def _backward_terms(dy: Array, x: Array, eps: float, channel_axis: int) -> _BackwardTerms:
    axes = other_axes(x, channel_axis)
    batch = moments(x, channel_axis)
    normalized = normalize(x, batch, eps, channel_axis)
    return _BackwardTerms(
        normalized,
        dy.mean(axis=axes, dtype=np.float64, keepdims=True),
        (dy * normalized).mean(axis=axes, keepdims=True),
        along(np.sqrt(batch.var + eps), x, channel_axis),
    )


def backward(dy: Array, x: Array, eps: float, channel_axis: int) -> Gradients:
    """Return the gradients of training's batch normalization with weight 1."""
    terms = _backward_terms(dy, x, eps, channel_axis)
    count = x.size // x.shape[channel_axis]
    return Gradients(
        (dy - terms.mean_dy - terms.normalized * terms.mean_dy_normalized) / terms.std,
        terms.mean_dy_normalized.ravel() * count,
        terms.mean_dy.ravel() * count,
    )


def backward_scale(dy: Array, x: Array, eps: float, channel_axis: int) -> Array:
    """Return the sum of the magnitudes of dx's terms, which its rounding errors are relative to.

    Of two values per channel the terms cancel but for `eps`, and dx is nearly 0.
    """
    terms = _backward_terms(dy, x, eps, channel_axis)
    taken_off = np.abs(terms.mean_dy) + np.abs(terms.normalized * terms.mean_dy_normalized)
    scale: Array = (np.abs(dy) + taken_off) / terms.std
    return scale


def max_error(
    result: Any, reference: NDArray[Any], *, scale: float | Array | None = None, unit: float
) -> float:
    """Return the largest error of `result` in units of ``unit * scale``.

    `scale` is max(1, abs(reference)) of each element by default: an absolute error for values
    up to 1, and a relative one above, where a float itself has no finer steps.
    """
    expected = np.asarray(reference)
    allowed = np.maximum(1.0, np.abs(expected)) if scale is None else scale
    return float(np.max(np.abs(np.asarray(result) - expected) / allowed)) / unit


def float32_error(
    result: Any, reference: NDArray[Any], scale: float | Array | None = None
) -> float:
    """Return the largest error of a float32 result, see `max_error`."""
    return max_error(result, reference, scale=scale, unit=FLOAT32_UNIT)
