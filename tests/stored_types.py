"""Types that arrays may hold besides float32 and float64, and how far apart their numbers are."""

import numpy as np
import pytest

try:
    from ml_dtypes import bfloat16
except ImportError:
    bfloat16 = None

needs_bfloat16 = pytest.mark.skipif(bfloat16 is None, reason="ml_dtypes is not installed")

HALVES = pytest.mark.parametrize(
    "half",
    [
        pytest.param(np.float16, id="float16"),
        pytest.param(bfloat16, id="bfloat16", marks=needs_bfloat16),
    ],
)
FLOATS = pytest.mark.parametrize(
    "dtype",
    [
        pytest.param(np.float32, id="float32"),
        pytest.param(np.float64, id="float64"),
        pytest.param(np.float16, id="float16"),
        pytest.param(bfloat16, id="bfloat16", marks=needs_bfloat16),
    ],
)
INTEGERS = (np.uint8, np.int8, np.uint16, np.int16)


def eps(dtype):
    """Return the distance from 1 to the next number."""
    return 2.0**-7 if np.dtype(dtype) == bfloat16 else float(np.finfo(dtype).eps)


def is_nan(values):
    return values != values


def ordered(values):
    """Return numbers of half precision as integers that follow one another as they do."""
    bits = values.view(np.int16).astype(np.int32)
    return np.where(bits < 0, -(bits & 0x7FFF), bits)


def ulps_apart(found, exact):
    """Return how many numbers `found` lies from the one that `exact` rounds to."""
    with np.errstate(over="ignore"):
        rounded = np.asarray(exact, np.float64).astype(found.dtype)
    return np.abs(ordered(np.ascontiguousarray(found)) - ordered(np.ascontiguousarray(rounded)))
