"""A map of a table's columns that refuses infinity, as scikit-learn's validation does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnfast import _core

Array = NDArray[Any]


class ColumnMap:
    """``y = (x - mean)*scale + shift`` per column; what is None is left out.

    Parameters
    ----------
    mean, scale, shift : numpy.ndarray of shape (C,), optional
        At least one of them.
    """

    def __init__(
        self, *, mean: Array | None = None, scale: Array | None = None, shift: Array | None = None
    ) -> None:
        given = [values for values in (mean, scale, shift) if values is not None]
        self._mean = np.zeros(len(given[0])) if mean is None else mean
        self._scale = np.ones(len(given[0])) if scale is None else scale
        self._shift = np.zeros(len(given[0])) if shift is None else shift

    def fits(self, table: Array) -> bool:
        """Whether `table` has these columns, and its arithmetic's type can hold the coefficients.

        Half precision is computed in float32.
        """
        limits = np.finfo(np.promote_types(table.dtype, np.float32))
        scale = np.abs(self._scale)
        offsets = np.abs([self._mean, self._shift])
        return bool(
            table.shape[1] == len(self._scale)
            and not ((scale < limits.tiny) | (scale > limits.max)).any()
            and not (offsets > limits.max).any()
        )

    def apply(self, table: Array, refuse_infinity: Callable[[], None], *, in_place: bool) -> Array:
        """Map a table (N, C) that fits.

        `refuse_infinity` is called if some value may not be finite. Until then nothing has been
        written to the table.
        """
        columns = _core.Affine(self._mean, self._scale, self._shift, channel_axis=-1)
        if in_place:
            if not _all_finite(table):
                refuse_infinity()
            return columns(table, table)
        result, finite = columns._map_and_check(table)
        if not finite:
            refuse_infinity()
        return result


def _all_finite(table: Array) -> bool:
    """Return False if any value is not finite. May do so where their sum overflows."""
    return bool(np.isfinite(_core.moments(table, channel_axis=-1).mean).all())
