"""A map that looks, on its way, whether all it reads is finite."""

import numpy as np
import pytest

import bnfast
from bnfast import _core

LAYOUTS = {
    "rows": lambda x: x,
    "planes": np.asfortranarray,
    "rows apart": lambda x: np.repeat(x, 2, axis=0)[::2],
    "last row first": lambda x: np.ascontiguousarray(x[::-1])[::-1],
    "no walk": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "off the boundary": lambda x: np.concatenate([x.ravel()[:1], x.ravel()])[1:].reshape(x.shape),
}
SHAPES = [(1, 1), (3, 5), (700, 3), (1000, 32), (40_000, 7), (90, 700), (5, 20_001)]


def numbers(shape, dtype):
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


def columns(count):
    scale, shift = np.random.default_rng(1).normal(size=(2, count))
    return bnfast.Affine(np.zeros(count), scale, shift, channel_axis=-1)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_each_place_is_seen(dtype, shape, layout):
    x = LAYOUTS[layout](numbers(shape, dtype))
    mapping = columns(shape[1])
    y, finite = mapping._map_and_check(x)
    assert finite is True
    np.testing.assert_array_equal(y, mapping(x))
    rng = np.random.default_rng(2)
    corners = [(0, 0), (-1, -1), (0, -1), (-1, 0)]
    places = corners + [(rng.integers(shape[0]), rng.integers(shape[1])) for _ in range(12)]
    for place, bad in zip(places, [np.inf, -np.inf, np.nan] * 6, strict=False):
        kept, x[place] = x[place], bad
        y, finite = mapping._map_and_check(x)
        assert finite is False
        assert not np.isfinite(y[place])
        x[place] = kept
        y[place] = mapping(x)[place]
        np.testing.assert_array_equal(y, mapping(x))  # all else has been mapped


def test_the_largest_numbers_are_finite():
    for dtype in (np.float16, np.float32, np.float64):
        x = np.full((1000, 8), np.finfo(dtype).max, dtype)
        assert columns(8)._map_and_check(x)[1]
        assert columns(8)._map_and_check(-x)[1]


def test_threads_see_the_same():
    x = numbers((40_000, 33), np.float32)
    bad = x.copy()
    bad[39_999, 32] = np.inf
    expected = columns(33)(x)
    try:
        for threads in (1, 2, 3, 7):
            bnfast.set_num_threads(threads)
            y, finite = columns(33)._map_and_check(x)
            assert finite
            np.testing.assert_array_equal(y, expected)
            assert not columns(33)._map_and_check(bad)[1]
    finally:
        bnfast.set_num_threads(None)


def test_four_axes_and_no_values():
    x = numbers((3, 4, 5, 6), np.float32)
    mapping = bnfast.Affine(np.zeros(4), np.ones(4), np.ones(4))
    y, finite = mapping._map_and_check(x)
    np.testing.assert_array_equal(y, x + 1)
    assert finite
    x[2, 3, 4, 5] = np.nan
    assert not mapping._map_and_check(x)[1]
    y, finite = mapping._map_and_check(x[:0])
    assert (y.shape, finite) == ((0, 4, 5, 6), True)


def test_bfloat16_is_seen():
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="bfloat16 needs ml_dtypes")
    x = numbers((1000, 32), ml_dtypes.bfloat16)
    assert columns(32)._map_and_check(x)[1]
    x[999, 31] = np.inf
    assert not columns(32)._map_and_check(x)[1]


@pytest.mark.once
def test_refusals():
    with pytest.raises(ValueError, match="x must have 3 channels"):
        columns(3)._map_and_check(np.zeros((2, 4)))
    with pytest.raises(TypeError, match="x must be"):
        columns(3)._map_and_check(np.zeros((2, 3), np.int32))
    activated = _core.Affine([0], [1], [0], activation="relu")
    with pytest.raises(ValueError, match="activation must be None, got 'relu'"):
        activated._map_and_check(np.zeros((2, 1)))
