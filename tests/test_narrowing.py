"""Maps that compute in vectors wider than what they store."""

import numpy as np
import pytest

import bnfast
from stored_types import HALVES

LARGE = 33_000_000  # bytes read: such maps are streamed, where that can be


def expected(x, scale):
    return (x * scale[:, None]).astype(np.float32)


@pytest.mark.parametrize("inner", [2, 3, 4, 5, 7, 8, 9, 11, 14, 15, 16, 17])
@pytest.mark.parametrize("offset", [0, 4])
def test_large_results_of_short_planes(inner, offset):
    scale = np.array([1.0, 2.0, 4.0])
    outer = LARGE // (8 * 3 * inner)
    x = np.arange(outer * 3 * inner, dtype=np.float64).reshape(outer, 3, inner) % 1024
    buffer = np.empty(x.size + 64, np.float32)
    begin = (-buffer.ctypes.data % 64 + offset) // 4
    out = buffer[begin : begin + x.size].reshape(x.shape)
    for threads in (1, 3):
        out.fill(np.nan)
        bnfast.affine(x, scale, np.zeros(3), dtype=np.float32, out=out, num_threads=threads)
        np.testing.assert_array_equal(out, expected(x, scale))


@pytest.mark.parametrize("inner", [15, 16, 17, 23, 31, 32, 33, 49, 63, 64, 65])
@pytest.mark.parametrize("offset", [0, 2, 62])
@HALVES
def test_large_results_of_short_planes_of_half_precision(inner, offset, half):
    scale = np.array([1.0, 2.0, 4.0])
    outer = 2 * LARGE // (4 * 3 * inner)
    x = (np.arange(outer * 3 * inner) % 251).astype(half).reshape(outer, 3, inner)
    buffer = np.empty(x.size + 64, half)
    begin = (-buffer.ctypes.data % 64 + offset) // 2
    out = buffer[begin : begin + x.size].reshape(x.shape)
    wanted = (x.astype(np.float32) * scale[:, None]).astype(half)
    for threads in (1, 3):
        out.fill(0)
        bnfast.affine(x, scale, np.zeros(3), out=out, num_threads=threads)
        assert out.tobytes() == wanted.tobytes()
    # The gradient, interleaved with the sums: dx = dy - mean(dy) where x is 0.
    zeros = np.zeros_like(x)
    dx = bnfast.batch_norm_backward(x, zeros, [0.0] * 3, [1.0] * 3, scale, out=out).dx
    means = x.astype(np.float64).mean((0, 2), keepdims=True)
    exact = (x.astype(np.float64) - means) * scale[:, None]
    assert np.all(np.abs(dx - exact) <= 2.0**-7 * np.abs(exact) + 1e-4)
