"""Images normalized by the formula, in NumPy's long double, and how far a result is from it."""

import numpy as np

Real = np.longdouble

# Bits of the significand, and the exponent of the least normal number.
FORMATS = {"float16": (11, -14), "bfloat16": (8, -126), "float32": (24, -126)}


def transposed(images, layout, out_layout):
    """Return the images with their channels where `out_layout` has them."""
    if layout == out_layout:
        return images
    return np.moveaxis(images, -1, -3) if layout == "HWC" else np.moveaxis(images, -3, -1)


def swapped(images, layout):
    """Return the images with the first and the third channel exchanged."""
    axis = -1 if layout == "HWC" else -3
    order = [2, 1, 0, 3][: images.shape[axis]]
    return np.take(images, order, axis)


def default_scale(dtype):
    return 1.0 / np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1.0


def per_channel(values, layout):
    return np.asarray(values, Real).reshape((-1,) if layout == "HWC" else (-1, 1, 1))


def normalized(
    images, mean, std, *, scale=None, layout="HWC", out_layout="CHW", swap_rb=False, **_
):
    """Return ``(images*scale - mean)/std``."""
    scale = Real(default_scale(images.dtype) if scale is None else scale)
    images = transposed(images, layout, out_layout)
    images = swapped(images, out_layout) if swap_rb else images
    mean, std = per_channel(mean, out_layout), per_channel(std, out_layout)
    return (images.astype(Real) * scale - mean) / std


def denormalized(x, mean, std, *, scale, layout="CHW", out_layout="HWC", swap_rb=False):
    """Return ``(x*std + mean)/scale``."""
    images = x.astype(Real) * per_channel(std, layout) + per_channel(mean, layout)
    images = transposed(images / Real(scale), layout, out_layout)
    return swapped(images, out_layout) if swap_rb else images


def half_ulps(result, exact):
    """Return the largest error of a float result, 1 being half the spacing of its numbers."""
    bits, least = FORMATS[str(result.dtype)]
    result = result.astype(np.float64)
    exponent = np.frexp(np.abs(exact).astype(np.float64))[1] - 1
    half = np.ldexp(0.5, np.maximum(exponent, least) - (bits - 1))
    return float(np.max(np.abs(result - exact) / half, initial=0))
