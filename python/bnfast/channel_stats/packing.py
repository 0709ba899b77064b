"""`ChannelStats` as one array of float64, of a size that the channels and the flags decide.

A header, then rows of C values: of floats the counts and four rows of moments; of integers the
counts and four rows of sums; the limits, if they are kept. An integer of 64 bits is two numbers of
32, which float64 holds exactly.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnfast.channel_stats.limits import Limits
from bnfast.channel_stats.parts import FloatPart, IntegerPart

__all__ = ["NAN_POLICIES", "Header", "pack", "unpack"]

Float64s = NDArray[np.float64]

NAN_POLICIES = ("propagate", "omit", "raise")

_MAGIC = 0x626E66  # "bnf"
_VERSION = 1


class Header(NamedTuple):
    """How a `ChannelStats` was made."""

    num_features: int | None
    channel_axis: int
    minmax: bool
    nan_policy: str


_HEADER_SIZE = 2 + len(Header._fields)


def pack(
    header: Header, floats: FloatPart, integers: IntegerPart, limits: Limits | None
) -> Float64s:
    """Return what `unpack` takes."""
    features = -1 if header.num_features is None else header.num_features
    policy = NAN_POLICIES.index(header.nan_policy)
    head = [_MAGIC, _VERSION, features, header.channel_axis, header.minmax, policy]
    body = [
        _limbs(floats.count),
        floats.moments.ravel(),
        _limbs(integers.count),
        _limbs(integers.sums),
    ]
    if limits is not None:
        body += [limits.low, limits.high]
    return np.concatenate([np.array(head, np.float64), *body])


def unpack(array: Any) -> tuple[Header, FloatPart, IntegerPart, Limits | None]:
    """Return what `pack` took.

    Raises
    ------
    TypeError
        Not an array of float64.
    ValueError
        Not what `pack` has returned.
    """
    header = _header(_checked(array))
    channels = header.num_features or 0
    rows = 18 if header.minmax else 16
    if array.size != _HEADER_SIZE + rows * channels:
        raise ValueError(
            f"array must have {_HEADER_SIZE + rows * channels} values for {channels} channels, "
            f"got {array.size}"
        )
    body = array[_HEADER_SIZE:].reshape(rows, channels)
    floats, integers = FloatPart(channels), IntegerPart(channels)
    floats.count[...] = _counts(body[:2])
    floats.moments[...] = body[2:6]
    integers.count[...] = _counts(body[6:8])
    integers.sums[...] = _integers(body[8:16]).reshape(4, channels)
    limits = Limits(channels) if header.minmax else None
    if limits is not None:
        limits.low[...], limits.high[...] = body[16:]
    return header, floats, integers, limits


def _checked(array: Any) -> Float64s:
    if not isinstance(array, np.ndarray) or array.dtype != np.float64:
        kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        raise TypeError(f"array must be a numpy.ndarray of float64, got {kind}")
    if array.ndim != 1 or array.size < _HEADER_SIZE or array[0] != _MAGIC:
        raise ValueError(
            f"array must be what ChannelStats.pack has returned, got shape {array.shape}"
        )
    if array[1] != _VERSION:
        raise ValueError(f"array must be packed in format {_VERSION}, got {array[1]:g}")
    return array


def _header(array: Float64s) -> Header:
    features, axis, minmax, policy = array[2:_HEADER_SIZE].tolist()
    whole = all(value == int(value) for value in (features, axis) if np.isfinite(value))
    legal = whole and np.isfinite([features, axis]).all() and features >= -1
    if not legal or minmax not in (0, 1) or policy not in range(len(NAN_POLICIES)):
        raise ValueError(f"array must be what ChannelStats.pack has returned, got header {array}")
    return Header(
        None if features < 0 else int(features), int(axis), bool(minmax), NAN_POLICIES[int(policy)]
    )


def _limbs(integers: NDArray[np.int64]) -> Float64s:
    return integers.ravel().astype("<i8").view("<u4").astype(np.float64)


def _integers(limbs: Float64s) -> NDArray[np.int64]:
    if not ((limbs >= 0) & (limbs < 2**32) & (limbs == np.floor(limbs))).all():
        raise ValueError("array must hold integers of 32 bits where counts and sums lie")
    return limbs.ravel().astype("<u4").view("<i8").astype(np.int64)


def _counts(limbs: Float64s) -> NDArray[np.int64]:
    counts = _integers(limbs)
    if (counts < 0).any():
        raise ValueError("array must hold counts that are not negative")
    return counts
