"""float64 in, float32 out: maps that compute in vectors twice as wide as what they store."""

import numpy as np
import pytest

import bnfast

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
