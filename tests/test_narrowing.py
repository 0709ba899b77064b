"""Maps that compute in vectors wider than what they store."""

from functools import lru_cache

import numpy as np
import pytest

import bnfast
from stored_types import HALVES

LARGE = 33_000_000  # bytes read: such maps are streamed, where that can be
SCALE = np.array([1.0, 2.0, 4.0])


@lru_cache(maxsize=1)
def short_planes(inner):
    """Return x and its results, which all offsets share."""
    outer = LARGE // (8 * 3 * inner)
    x = np.arange(outer * 3 * inner, dtype=np.float64).reshape(outer, 3, inner) % 1024
    return x, (x * SCALE[:, None]).astype(np.float32)


@pytest.mark.parametrize("offset", [0, 4])
@pytest.mark.parametrize("inner", [2, 3, 4, 5, 7, 8, 9, 11, 14, 15, 16, 17])
def test_large_results_of_short_planes(inner, offset):
    x, wanted = short_planes(inner)
    buffer = np.empty(x.size + 64, np.float32)
    begin = (-buffer.ctypes.data % 64 + offset) // 4
    out = buffer[begin : begin + x.size].reshape(x.shape)
    for threads in (1, 3):
        out.fill(np.nan)
        bnfast.affine(x, SCALE, np.zeros(3), dtype=np.float32, out=out, num_threads=threads)
        assert np.array_equal(out, wanted)


@lru_cache(maxsize=1)
def short_planes_of_half_precision(inner, half):
    """Return x, its results, and the gradient dx = dy - mean(dy) of it as dy where x is 0."""
    outer = 2 * LARGE // (4 * 3 * inner)
    x = (np.arange(outer * 3 * inner) % 251).astype(half).reshape(outer, 3, inner)
    single = x.astype(np.float32)
    dx = (single - single.mean((0, 2), np.float64, keepdims=True)) * SCALE[:, None]
    scaled = (single * SCALE[:, None].astype(np.float32)).astype(half)
    return x, scaled, dx.astype(np.float32)  # much more precise than half precision


@pytest.mark.parametrize("offset", [0, 2, 62])
@pytest.mark.parametrize("inner", [15, 16, 17, 23, 31, 32, 33, 49, 63, 64, 65])
@HALVES
def test_large_results_of_short_planes_of_half_precision(inner, offset, half):
    x, wanted, exact = short_planes_of_half_precision(inner, half)
    buffer = np.empty(x.size + 64, half)
    begin = (-buffer.ctypes.data % 64 + offset) // 2
    out = buffer[begin : begin + x.size].reshape(x.shape)
    for threads in (1, 3):
        out.fill(0)
        bnfast.affine(x, SCALE, np.zeros(3), out=out, num_threads=threads)
        assert np.array_equal(out.view(np.uint16), wanted.view(np.uint16))
    # The gradient, interleaved with the sums.
    zeros = np.zeros_like(x)
    dx = bnfast.batch_norm_backward(x, zeros, [0.0] * 3, [1.0] * 3, SCALE, out=out).dx
    error = np.abs(dx.astype(np.float32) - exact)
    assert np.all(error <= np.float32(2.0**-7) * np.abs(exact) + np.float32(1e-4))
