"""Statistics per channel of data that comes in parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, SupportsIndex, cast

import numpy as np
from numpy.typing import NDArray

from bnfast import _core
from bnfast.channel_stats import exact_json, missing, packing
from bnfast.channel_stats.limits import Limits, limits_of
from bnfast.channel_stats.parts import FloatPart, IntegerPart
from bnfast.channel_stats.readings import NanPolicy, Readings, checked_integer
from bnfast.inputs import as_array
from bnfast.masked import checked, selected

__all__ = ["ChannelStats"]

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]


class ChannelStats(Readings):
    """Count, mean and variance per channel of data that does not fit, or lies elsewhere.

    Arrays are put in one by one, each in one read. What was put in on one thread, process or
    machine can be merged with what was put in on another.

    Of floats the mean and the sum of squared differences from it are kept in twice float64's digits
    and merged as in [1]_: in any order and any split, classes sorted or not, mean and variance
    are within 1e-13 of the exact ones, as far as `bnfast.moments` is for each array. Sums of uint8,
    int8, uint16 and int16 are exact integers: any order, any split, any number of threads and any
    machine give the same bits. Floats and integers may be mixed: the two are merged when the
    statistics are read.

    An object is not to be updated by two threads at once: give each its own, and merge them.

    Parameters
    ----------
    num_features : int, optional
        C, the length of the channel axis. Default: that of the first array.
    channel_axis : int
        Of the arrays. Default -1.
    minmax : bool
        Keep the least and the greatest value too, which takes a second read of each array.
    nan_policy : {"propagate", "omit", "raise"}
        What a NaN does: make its channel's statistics NaN; nothing, for it is left out and not
        counted; or raise ValueError before anything of its array is put in. Infinities are numbers
        in all three: they make the mean infinite or NaN and the variance NaN.

    Attributes
    ----------
    num_features : int or None
    channel_axis : int
    minmax : bool
    nan_policy : str
    count : int or numpy.ndarray of shape (C,), int64
        Values per channel; an int where all channels have the same.
    mean : numpy.ndarray of shape (C,), float64
        NaN for a channel without values.
    min, max : numpy.ndarray of shape (C,), float64
        NaN for a channel without values. AttributeError without `minmax`.

    Raises
    ------
    TypeError, ValueError
        An argument of the wrong type or value.

    References
    ----------
    .. [1] T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for Computing the Sample
       Variance", The American Statistician 37 (1983).

    Examples
    --------
    >>> import numpy as np, bnfast
    >>> images = np.random.default_rng(0).integers(0, 256, (10, 8, 8, 3)).astype(np.uint8)
    >>> stats = bnfast.ChannelStats()
    >>> for image in images:
    ...     _ = stats.update(image)
    >>> stats.count
    640
    >>> np.allclose(stats.mean, images.mean((0, 1, 2)))
    True
    >>> halves = [bnfast.ChannelStats().update(half) for half in (images[5:], images[:5])]
    >>> sum(halves) == stats
    True
    """

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]  # it changes

    def __init__(
        self,
        num_features: SupportsIndex | None = None,
        *,
        channel_axis: SupportsIndex = -1,
        minmax: bool = False,
        nan_policy: NanPolicy = "propagate",
    ) -> None:
        features = None if num_features is None else checked_integer(num_features, "num_features")
        if features is not None and features < 0:
            raise ValueError(f"num_features must not be negative, got {features}")
        if nan_policy not in packing.NAN_POLICIES:
            raise ValueError(
                f"nan_policy must be one of {', '.join(map(repr, packing.NAN_POLICIES))}, "
                f"got {nan_policy!r}"
            )
        self._num_features = features
        self._channel_axis = checked_integer(channel_axis, "channel_axis")
        self._minmax = bool(minmax)
        self._nan_policy = nan_policy
        self._start(features or 0)

    def update(self, x: Any, *, mask: Any = None, num_threads: int | None = None) -> ChannelStats:
        """Put the values of an array in.

        Parameters
        ----------
        x : array, float16, bfloat16, float32, float64, uint8, int8, uint16 or int16
            Any shape with C channels; it may hold no values.
        mask : array of bool, optional
            Of x's shape without the channel axis: True where values count. These are copied.
        num_threads : int, optional
            Default: see `bnfast.set_num_threads`. The result's bits do not depend on it.

        Returns
        -------
        ChannelStats
            This object.

        Raises
        ------
        TypeError, ValueError
            An argument of the wrong type, dtype or shape, another number of channels than before,
            or a NaN where `nan_policy` is "raise". Nothing has been put in then.
        """
        x, axis = as_array(x, "x"), self._channel_axis
        if mask is not None:
            x, axis = selected(x, checked(mask, x, axis), axis), -1
        count, found = _core.channel_sums(x, axis, num_threads)
        if self._num_features is not None and len(count) != self._num_features:
            raise ValueError(
                f"x must have {self._num_features} channels on axis {self._channel_axis}, "
                f"got {len(count)}"
            )
        is_float = found.dtype == np.float64
        without_nan = False
        if is_float and self._nan_policy != "propagate" and not np.isfinite(found[2]).all():
            without_nan = self._treat_nan(x, axis, count, found, num_threads)
        limits = self._limits_of(x, axis, without_nan)
        self._learn(len(count))
        (self._floats if is_float else self._integers).add(count, found)
        if limits is not None:
            cast(Limits, self._limits).add(limits)
        return self

    def _treat_nan(
        self, x: NDArray[Any], axis: int, count: Int64s, found: Any, num_threads: int | None
    ) -> bool:
        if self._nan_policy == "raise":
            missing.refuse(x, axis, found)
            return False
        return missing.leave_out(x, axis, count, found, num_threads)

    def _limits_of(self, x: NDArray[Any], axis: int, without_nan: bool) -> Limits | None:
        return limits_of(x, axis, without_nan=without_nan) if self._minmax else None

    def _learn(self, channels: int) -> None:
        if self._num_features is None:
            self._num_features = channels
            self._start(channels)

    def merge(self, other: ChannelStats) -> ChannelStats:
        """Put the values of other statistics in.

        Parameters
        ----------
        other : ChannelStats
            Left as it is. Its `minmax` must be this one's; its other options do not matter.

        Returns
        -------
        ChannelStats
            This object.

        Raises
        ------
        TypeError, ValueError
            Not a ChannelStats; another number of channels, or another `minmax`. Nothing has been
            put in then.
        """
        if not isinstance(other, ChannelStats):
            raise TypeError(f"other must be a ChannelStats, got {type(other).__name__}")
        if self._minmax != other._minmax:
            raise ValueError(
                f"other must have minmax={self._minmax} as this one, got {other._minmax}"
            )
        if other._num_features is None:
            return self
        if self._num_features not in (None, other._num_features):
            raise ValueError(
                f"other must have {self._num_features} channels, got {other._num_features}"
            )
        self._learn(other._num_features)
        self._floats.add(other._floats.count, other._floats.moments)
        self._integers.add(other._integers.count, other._integers.sums)
        if self._limits is not None:
            self._limits.add(cast(Limits, other._limits))
        return self

    @classmethod
    def merged(cls, parts: Iterable[ChannelStats]) -> ChannelStats:
        """Merge parts by a binary tree that their order and number alone decide.

        Whoever has computed the parts, the result has the same bits.

        Parameters
        ----------
        parts : iterable of ChannelStats
            Left as they are. They may come one by one: few are held at a time.

        Returns
        -------
        ChannelStats
            With the first one's options; of no parts, one without values.

        Raises
        ------
        TypeError, ValueError
            As `merge`.
        """
        waiting: list[ChannelStats] = []
        for number, part in enumerate(parts, 1):
            if not isinstance(part, ChannelStats):
                raise TypeError(f"parts must be of ChannelStats, got {type(part).__name__}")
            waiting.append(part._copy())
            for _ in range((number & -number).bit_length() - 1):  # as often as 2 divides it
                last = waiting.pop()
                waiting[-1].merge(last)
        while len(waiting) > 1:
            last = waiting.pop()
            waiting[-1].merge(last)
        return waiting[0] if waiting else cls()

    def __add__(self, other: object) -> ChannelStats:
        if not isinstance(other, ChannelStats):
            return NotImplemented
        return self._copy().merge(other)

    def __radd__(self, other: object) -> ChannelStats:
        # What sum() begins with.
        if type(other) is int and other == 0:
            return self._copy()
        return NotImplemented

    def scaled(self, factor: float) -> ChannelStats:
        """Return the statistics of all values times a factor, such as 1/255.

        Parameters
        ----------
        factor : float
            Finite.

        Returns
        -------
        ChannelStats
            With this one's options. Its values are floats.

        Raises
        ------
        TypeError, ValueError
            `factor` is no number, or not finite.
        """
        if not isinstance(factor, (int, float, np.integer, np.floating)):
            raise TypeError(f"factor must be a number, got {type(factor).__name__}")
        if not np.isfinite(factor):
            raise ValueError(f"factor must be finite, got {factor}")
        joint = self._joint()
        scaled = self._like(self._num_features)
        scaled._floats.add(joint.count, _core.scaled_moments(joint.moments, float(factor)))
        if self._limits is not None:
            scaled._limits = self._limits.times(float(factor))
        return scaled

    def _like(self, num_features: int | None) -> ChannelStats:
        return type(self)(
            num_features,
            channel_axis=self._channel_axis,
            minmax=self._minmax,
            nan_policy=self._nan_policy,
        )

    def _copy(self) -> ChannelStats:
        return self._like(self._num_features).merge(self)

    def _header(self) -> packing.Header:
        return packing.Header(
            self._num_features, self._channel_axis, self._minmax, self._nan_policy
        )

    @classmethod
    def _made(
        cls, header: packing.Header, floats: FloatPart, integers: IntegerPart, limits: Limits | None
    ) -> ChannelStats:
        features, axis, minmax, policy = header
        made = cls(features, channel_axis=axis, minmax=minmax, nan_policy=cast(NanPolicy, policy))
        made._floats, made._integers, made._limits = floats, integers, limits
        return made

    def pack(self) -> Float64s:
        """Return everything as one array, to be sent to other processes.

        Returns
        -------
        numpy.ndarray, 1-d, float64
            Its length depends on `num_features` and `minmax` alone.
        """
        return packing.pack(self._header(), self._floats, self._integers, self._limits)

    @classmethod
    def unpack(cls, array: Float64s) -> ChannelStats:
        """Return the statistics that `pack` has packed, exactly.

        Parameters
        ----------
        array : numpy.ndarray, 1-d, float64
            As `pack` returns it.

        Returns
        -------
        ChannelStats

        Raises
        ------
        TypeError, ValueError
            Not such an array.
        """
        return cls._made(*packing.unpack(array))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON can hold it, exactly.

        Returns
        -------
        dict
            Of lists, numbers and strings: NaN and infinities are "nan", "inf" and "-inf".
        """
        return exact_json.dump(self._header(), self._floats, self._integers, self._limits)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> ChannelStats:
        """Return the statistics that `to_dict` has returned, exactly.

        Parameters
        ----------
        document : mapping
            As `to_dict` returns it; names that it does not know are left alone.

        Returns
        -------
        ChannelStats

        Raises
        ------
        TypeError, ValueError
            Not such a mapping.
        """
        return cls._made(*exact_json.load(document))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).unpack, (self.pack(),)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ChannelStats):
            return NotImplemented
        return np.array_equal(self.pack(), other.pack(), equal_nan=True)

    def __repr__(self) -> str:
        options = (
            f"{self._num_features}, channel_axis={self._channel_axis}, minmax={self._minmax}, "
            f"nan_policy={self._nan_policy!r}"
        )
        count = self.count
        if self._num_features is None or not np.any(count):
            return f"<ChannelStats({options}) without values>"
        with np.printoptions(precision=6, threshold=8, edgeitems=3):
            return f"<ChannelStats({options}) count={count} mean={self.mean} std={self.std()}>"
