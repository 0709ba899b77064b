"""The least and the greatest value of each channel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Limits", "limits_of"]

Float64s = NDArray[np.float64]
Array = NDArray[Any]

_BLOCK_BYTES = 256 * 1024  # it is read twice: the second time from cache
_LONG_ROW = 1024  # columns; NumPy takes short rows element by element


class Limits:
    """The least and the greatest value of each channel so far; NaN once one was NaN.

    Attributes
    ----------
    low, high : numpy.ndarray of shape (C,), float64
        Infinity and minus infinity of no values.
    """

    __slots__ = ("high", "low")

    def __init__(self, channels: int) -> None:
        self.low: Float64s = np.full(channels, np.inf)
        self.high: Float64s = np.full(channels, -np.inf)

    def add(self, other: Limits) -> None:
        """Put other values in."""
        np.minimum(self.low, other.low, out=self.low)
        np.maximum(self.high, other.high, out=self.high)

    def times(self, factor: float) -> Limits:
        """Return the limits of all values times the factor."""
        scaled = Limits(len(self.low))
        seen = ~(self.low > self.high)
        with np.errstate(invalid="ignore", over="ignore"):
            for to, values in ((scaled.low, self.low), (scaled.high, self.high)):
                np.multiply(values, factor, out=to, where=seen)
        if factor < 0:
            scaled.low[seen], scaled.high[seen] = scaled.high[seen], scaled.low[seen]
        return scaled


def limits_of(x: Array, channel_axis: int, *, without_nan: bool) -> Limits:
    """Return the limits of an array's channels.

    Parameters
    ----------
    x : numpy.ndarray
    channel_axis : int
    without_nan : bool
        Leave NaN out; else a channel that has one gives NaN.

    Returns
    -------
    Limits
    """
    axis = channel_axis % x.ndim
    found = Limits(x.shape[axis])
    if x.size == 0:
        return found
    lowest, highest = (np.fmin, np.fmax) if without_nan else (np.minimum, np.maximum)
    with np.errstate(invalid="ignore"):
        for block, own_axis in _blocks(x, axis):
            others = tuple(a for a in range(block.ndim) if a != own_axis)
            low, high = lowest.reduce(block, axis=others), highest.reduce(block, axis=others)
            lowest(found.low, _of_channels(low, found, lowest), out=found.low)
            highest(found.high, _of_channels(high, found, highest), out=found.high)
    if without_nan:
        empty = found.low > found.high
        found.low[empty], found.high[empty] = np.inf, -np.inf
    return found


def _of_channels(values: Array, found: Limits, least_or_greatest: np.ufunc) -> Float64s:
    """Return the limits of the channels from those of a long row, in which they recur."""
    wide = values.astype(np.float64).reshape(-1, len(found.low))
    limits: Float64s = least_or_greatest.reduce(wide, axis=0)
    return limits


def _blocks(x: Array, axis: int) -> Iterator[tuple[Array, int]]:
    """Yield all of x in parts that fit in cache, each with its channel axis.

    Rows that lie end to end come as long rows, in which the channels recur.
    """
    channels = x.shape[axis]
    if axis == x.ndim - 1 and x.flags.c_contiguous and channels < _LONG_ROW:
        rows = x.reshape(-1, channels)
        fold = -(-_LONG_ROW // channels)
        whole = len(rows) // fold * fold
        for part, columns in ((rows[:whole], fold * channels), (rows[whole:], channels)):
            if len(part):
                yield from _parts(part.reshape(-1, columns), 1)
    else:
        yield from _parts(x, axis)


def _parts(x: Array, axis: int) -> Iterator[tuple[Array, int]]:
    """Cut x along the axis whose steps in memory are the longest, the channels' aside."""
    others = [a for a in range(x.ndim) if a != axis and x.shape[a] > 1]
    if not others:
        yield x, axis
        return
    cut = max(others, key=lambda a: abs(x.strides[a]))
    step = max(1, _BLOCK_BYTES * x.shape[cut] // x.nbytes)
    for begin in range(0, x.shape[cut], step):
        yield x[(slice(None),) * cut + (slice(begin, begin + step),)], axis
