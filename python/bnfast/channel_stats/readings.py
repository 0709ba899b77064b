"""What can be read of `ChannelStats`."""

from __future__ import annotations

import operator
from typing import Any, Literal, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from bnfast.channel_stats.limits import Limits
from bnfast.channel_stats.parts import FloatPart, IntegerPart

__all__ = ["NanPolicy", "Readings", "checked_integer"]

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]
NanPolicy = Literal["propagate", "omit", "raise"]


class Readings:
    """The state of a `ChannelStats`, its options and its results.

    Floats and integers are kept apart, so that what is exact stays exact, and are merged here.
    """

    __slots__ = (
        "_channel_axis",
        "_floats",
        "_integers",
        "_limits",
        "_minmax",
        "_nan_policy",
        "_num_features",
    )
    _channel_axis: int
    _floats: FloatPart
    _integers: IntegerPart
    _limits: Limits | None
    _minmax: bool
    _nan_policy: NanPolicy
    _num_features: int | None

    def _start(self, channels: int) -> None:
        self._floats = FloatPart(channels)
        self._integers = IntegerPart(channels)
        self._limits = Limits(channels) if self._minmax else None

    @property
    def num_features(self) -> int | None:
        """C, or None before the first array."""
        return self._num_features

    @property
    def channel_axis(self) -> int:
        """The axis of the arrays' channels."""
        return self._channel_axis

    @property
    def minmax(self) -> bool:
        """Whether `min` and `max` are kept."""
        return self._minmax

    @property
    def nan_policy(self) -> NanPolicy:
        """What a NaN does."""
        return self._nan_policy

    @property
    def count(self) -> int | Int64s:
        """Values per channel: an int where all channels have the same, else an array."""
        count = self._floats.count + self._integers.count
        if len(count) == 0:
            return 0
        return int(count[0]) if (count == count[0]).all() else count

    @property
    def mean(self) -> Float64s:
        """The mean of each channel; NaN without values."""
        if not self._floats.count.any():
            return self._integers.mean()
        return self._joint().mean()

    def var(self, correction: SupportsIndex = 0) -> Float64s:
        """Return the variance of each channel.

        Parameters
        ----------
        correction : int
            ``var = sum((x - mean)**2)/(count - correction)``: NumPy's ddof.

        Returns
        -------
        numpy.ndarray of shape (C,), float64
            NaN for a channel that has no more values than `correction`.

        Raises
        ------
        TypeError, ValueError
            `correction` is no integer or negative.
        """
        less = checked_integer(correction, "correction")
        if less < 0:
            raise ValueError(f"correction must not be negative, got {less}")
        if not self._floats.count.any():
            return self._integers.var(less)
        return self._joint().var(less)

    def std(self, correction: SupportsIndex = 0) -> Float64s:
        """Return the standard deviation of each channel.

        Parameters
        ----------
        correction : int
            As in `var`.

        Returns
        -------
        numpy.ndarray of shape (C,), float64
            NaN for a channel that has no more values than `correction`.

        Raises
        ------
        TypeError, ValueError
            `correction` is no integer or negative.
        """
        std: Float64s = np.sqrt(self.var(correction))
        return std

    @property
    def min(self) -> Float64s:
        """The least value of each channel; NaN without values."""
        limits = self._kept_limits("min")
        return np.where(limits.low > limits.high, np.nan, limits.low)

    @property
    def max(self) -> Float64s:
        """The greatest value of each channel; NaN without values."""
        limits = self._kept_limits("max")
        return np.where(limits.low > limits.high, np.nan, limits.high)

    def _kept_limits(self, name: str) -> Limits:
        if self._limits is None:
            raise AttributeError(f"{name} is not kept: make the ChannelStats with minmax=True")
        return self._limits

    def _joint(self) -> FloatPart:
        """Return floats and integers together."""
        if not self._integers.count.any():
            return self._floats
        joint = self._integers.as_floats()
        joint.add(self._floats.count, self._floats.moments)
        return joint


def checked_integer(value: Any, name: str) -> int:
    """Return what stands for an integer as one, or raise TypeError."""
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {type(value).__name__}") from None
