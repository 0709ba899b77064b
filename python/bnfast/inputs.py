"""Arrays as `_core` takes them, for what is done to them in Python."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnfast._core import as_array

__all__ = ["as_array", "as_values"]


def as_values(values: Any, name: str) -> NDArray[Any]:
    """Return an array, a list or a tuple as an array. Raises what `as_array` does.

    Examples
    --------
    >>> from bnfast.inputs import as_values
    >>> as_values([1, 2], "mean"), as_values(memoryview(b"ab"), "mean")
    (array([1, 2]), array([97, 98], dtype=uint8))
    >>> as_values(1, "mean")
    Traceback (most recent call last):
    TypeError: mean must be an array, got int
    """
    return np.asarray(values) if isinstance(values, (list, tuple)) else as_array(values, name)
