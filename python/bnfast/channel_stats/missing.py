"""What becomes of NaN: only channels whose statistics are not finite are looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnfast import _core

__all__ = ["leave_out", "refuse"]

Array = NDArray[Any]


def refuse(x: Array, channel_axis: int, moments: NDArray[np.float64]) -> None:
    """Raise ValueError where the values of these moments have NaN."""
    for c in _suspects(moments):
        if np.isnan(_values(x, channel_axis, c)).any():
            raise ValueError(
                f"x must not have NaN, for nan_policy is 'raise', got some in channel {c}"
            )


def leave_out(
    x: Array,
    channel_axis: int,
    count: NDArray[np.int64],
    moments: NDArray[np.float64],
    num_threads: int | None,
) -> bool:
    """Make counts and moments those of the values that are not NaN, in place.

    Returns
    -------
    bool
        Whether there was a NaN.
    """
    found = False
    for c in _suspects(moments):
        values = _values(x, channel_axis, c)
        kept = values[~np.isnan(values)]
        if kept.size < values.size:
            found = True
            own_count, own = _core.channel_sums(kept[:, np.newaxis], 1, num_threads)
            count[c], moments[:, c] = own_count[0], own[:, 0]
    return found


def _suspects(moments: NDArray[np.float64]) -> NDArray[np.intp]:
    return np.flatnonzero(~np.isfinite(moments[2]))


def _values(x: Array, channel_axis: int, c: int | np.intp) -> Array:
    values: Array = np.take(x, c, axis=channel_axis).ravel()
    return values
