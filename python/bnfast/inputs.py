"""Arrays as `_core` takes them, for what is done to them in Python."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["as_array", "as_values"]

Array = NDArray[Any]


def as_array(x: Any, name: str) -> Array:
    """Return an input as a plain array, without copying the elements.

    Parameters
    ----------
    x : array
        NumPy's, or an object with a buffer, ``__array_interface__`` or a CPU ``__dlpack__``.
    name : str
        The argument's, for errors.

    Returns
    -------
    numpy.ndarray

    Raises
    ------
    TypeError
        No array, a masked one, or one that DLPack does not hand over: in `_core`'s words.

    Examples
    --------
    >>> import numpy as np
    >>> from bnfast.inputs import as_array
    >>> as_array(memoryview(b"ab"), "x")
    array([97, 98], dtype=uint8)
    >>> as_array(np.ma.array([1.0]), "x")
    Traceback (most recent call last):
    TypeError: x must be a plain array, got a masked array
    """
    if type(x) is np.ndarray:
        return x
    if isinstance(x, np.ndarray) and hasattr(x, "mask"):
        raise TypeError(f"{name} must be a plain array, got a masked array")
    if hasattr(x, "__array_interface__") or _has_buffer(x):
        return np.asarray(x)
    if hasattr(x, "__dlpack__"):
        return _from_dlpack(x, name)
    raise TypeError(f"{name} must be an array, got {type(x).__name__}")


def as_values(values: Any, name: str) -> Array:
    """Return an array, a list or a tuple as an array. Raises what `as_array` does."""
    return np.asarray(values) if isinstance(values, (list, tuple)) else as_array(values, name)


def _has_buffer(x: Any) -> bool:
    try:
        memoryview(x).release()
    except TypeError:
        return False
    return True


def _from_dlpack(x: Any, name: str) -> Array:
    try:
        array: Array = np.from_dlpack(x)
    except Exception as error:
        raise TypeError(f"{name} could not be read by DLPack: {error}") from error
    return array
