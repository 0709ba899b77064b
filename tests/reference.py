"""Batch normalization by its definition, in NumPy's long double."""

import numpy as np

Real = np.longdouble


def along_channels(values, ndim, channel_axis):
    """Return (C,) values, or one for all, shaped to broadcast against `ndim` axes."""
    shape = [1] * ndim
    shape[channel_axis] = -1
    return np.asarray(values, Real).reshape(shape)


def moments(x, channel_axis=1, correction=0):
    """Return mean and variance of each channel, in two passes."""
    axes = tuple(np.delete(np.arange(x.ndim), channel_axis))
    x = np.asarray(x, Real)
    mean = x.mean(axes)
    centred = x - along_channels(mean, x.ndim, channel_axis)
    count = x.size // mean.size
    return mean, (centred * centred).sum(axes) / (count - correction)


def inference(x, mean, var, weight=1, bias=0, *, eps=1e-5, channel_axis=1):
    """Return ``(x - mean)/sqrt(var + eps)*weight + bias``."""
    mean, var, weight, bias = (
        along_channels(values, x.ndim, channel_axis) for values in (mean, var, weight, bias)
    )
    return (np.asarray(x, Real) - mean) / np.sqrt(var + Real(eps)) * weight + bias


def forward(x, weight=1, bias=0, *, eps=1e-5, channel_axis=1):
    """Return `x` normalized by its own mean and population variance."""
    mean, var = moments(x, channel_axis)
    return inference(x, mean, var, weight, bias, eps=eps, channel_axis=channel_axis)


def backward(dy, x, mean, var, weight=1, *, eps=1e-5, channel_axis=1, training=True):
    """Return dx, dweight and dbias of `inference`.

    In training `mean` and `var` are those of `x` and change with it (Ioffe & Szegedy 2015,
    section 3); otherwise they are constants.
    """
    axes = tuple(np.delete(np.arange(x.ndim), channel_axis))
    dy = np.asarray(dy, Real)
    xhat = inference(x, mean, var, eps=eps, channel_axis=channel_axis)
    dweight, dbias = (dy * xhat).sum(axes), dy.sum(axes)
    count = x.size // dbias.size
    var, weight, mean_dy, mean_product = (
        along_channels(values, x.ndim, channel_axis)
        for values in (var, weight, dbias / count, dweight / count)
    )
    if training:
        dy = dy - mean_dy - xhat * mean_product
    return weight / np.sqrt(var + Real(eps)) * dy, dweight, dbias


def max_error(result, exact):
    """Return the largest absolute difference; NaN if there is one."""
    return float(np.max(np.abs(result - exact)))


# Of an activation: its value and its slope, the lower one at a kink.
ACTIVATIONS = {
    None: (lambda v: v, lambda v: np.ones_like(v)),
    "relu": (lambda v: np.maximum(v, 0), lambda v: (v > 0).astype(Real)),
    "relu6": (lambda v: np.clip(v, 0, 6), lambda v: ((v > 0) & (v < 6)).astype(Real)),
    "leaky_relu": (
        lambda v: np.where(v > 0, v, v * Real(0.01)),
        lambda v: np.where(v > 0, Real(1), Real(0.01)),
    ),
    "hardswish": (
        lambda v: v * np.clip(v + 3, 0, 6) / 6,
        lambda v: np.where(v <= -3, 0, np.where(v >= 3, 1, v / 3 + Real(0.5))),
    ),
    "silu": (
        lambda v: v / (1 + np.exp(-v)),
        lambda v: (1 + v * (1 - 1 / (1 + np.exp(-v)))) / (1 + np.exp(-v)),
    ),
}
