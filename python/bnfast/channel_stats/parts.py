"""What `ChannelStats` keeps: of floats moments in double-double, of integers exact sums."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bnfast import _core

__all__ = ["FloatPart", "IntegerPart", "exact_integers", "rows_of_integers"]

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]

_LOW = (1 << 64) - 1


class FloatPart:
    """The values of floating-point arrays.

    Attributes
    ----------
    count : numpy.ndarray of shape (C,), int64
    moments : numpy.ndarray of shape (4, C), float64
        The mean and the sum of squared differences from it (M2), each as an unevaluated sum of two
        numbers. Parts whose means are 1e6 times their spread lose nothing when they are merged.
    """

    __slots__ = ("count", "moments")

    def __init__(self, channels: int) -> None:
        self.count: Int64s = np.zeros(channels, np.int64)
        self.moments: Float64s = np.zeros((4, channels))

    def add(self, count: Int64s, moments: Float64s) -> None:
        """Put other values in."""
        _core.merge_moments(self.count, self.moments, count, moments)

    def mean(self) -> Float64s:
        """Return the mean of each channel, NaN of no values."""
        mean: Float64s = np.where(self.count > 0, self.moments[0], np.nan)
        return mean

    def var(self, correction: int) -> Float64s:
        """Return M2/(count - correction), NaN where that divides by nothing."""
        left = self.count - correction
        var: Float64s = np.full(left.shape, np.nan)
        np.divide(self.moments[2], left, out=var, where=left > 0)
        return var


class IntegerPart:
    """The values of arrays of integers.

    Attributes
    ----------
    count : numpy.ndarray of shape (C,), int64
    sums : numpy.ndarray of shape (4, C), int64
        The lower and the upper 64 bits of the sum of all values, and of that of their squares.
    """

    __slots__ = ("count", "sums")

    def __init__(self, channels: int) -> None:
        self.count: Int64s = np.zeros(channels, np.int64)
        self.sums: Int64s = np.zeros((4, channels), np.int64)

    def add(self, count: Int64s, sums: Int64s) -> None:
        """Put other values in."""
        _core.add_sums(self.count, self.sums, count, sums)

    def mean(self) -> Float64s:
        """Return the mean of each channel, rounded once; NaN of no values."""
        values = exact_integers(self.sums[:2])
        counts = self.count.tolist()
        return np.array([s / n if n else np.nan for s, n in zip(values, counts, strict=True)])

    def var(self, correction: int) -> Float64s:
        """Return the variance of each channel, rounded once; NaN where it divides by nothing."""
        return np.array(
            [
                (n * q - s * s) / (n * (n - correction)) if n > correction else np.nan
                for n, s, q in self._exact()
            ]
        )

    def as_floats(self) -> FloatPart:
        """Return the same values as moments, rounded to 106 bits."""
        floats = FloatPart(len(self.count))
        floats.count[...] = self.count
        for c, (n, s, q) in enumerate(self._exact()):
            if n:
                floats.moments[:, c] = *_two_floats(s, n), *_two_floats(n * q - s * s, n)
        return floats

    def _exact(self) -> list[tuple[int, int, int]]:
        values, squares = exact_integers(self.sums[:2]), exact_integers(self.sums[2:])
        return list(zip(self.count.tolist(), values, squares, strict=True))


def exact_integers(rows: Int64s) -> list[int]:
    """Return the integers of 128 bits that lie in two rows.

    Examples
    --------
    >>> import numpy as np
    >>> from bnfast.channel_stats.parts import exact_integers
    >>> exact_integers(np.array([[5, -1], [1, -1]]))
    [18446744073709551621, -1]
    """
    low, high = rows.tolist()
    return [(h << 64) | (l & _LOW) for l, h in zip(low, high, strict=True)]  # noqa: E741


def rows_of_integers(integers: list[int]) -> Int64s:
    """Return what `exact_integers` reads.

    Examples
    --------
    >>> from bnfast.channel_stats.parts import rows_of_integers
    >>> rows_of_integers([18446744073709551621, -1])
    array([[ 5, -1],
           [ 1, -1]])
    """
    low = np.array([value & _LOW for value in integers], np.uint64).view(np.int64)
    return np.stack([low, np.array([value >> 64 for value in integers], np.int64)])


def _two_floats(numerator: int, denominator: int) -> tuple[float, float]:
    """Return the quotient rounded, and what that leaves."""
    high = numerator / denominator
    p, q = high.as_integer_ratio()
    return high, (numerator * q - p * denominator) / (denominator * q)
