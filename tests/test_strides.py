"""How far apart rows lie decides what is read at once and prefetched, and no bit of the results."""

import numpy as np
import pytest

import bnfast

PAGE = 4096


def apart(x, axis):
    """Return the array with other channels behind its own in each row."""
    shape = list(x.shape)
    shape[axis] += 3
    room = np.full(shape, np.nan, x.dtype)
    place = room[..., :-3] if axis == -1 else room[:, :-3]
    place[...] = x
    assert place.strides[0] % PAGE != 0
    return place


def results(x, dy, axis):
    channels = x.shape[axis]
    rng = np.random.default_rng(2)
    weight, bias, mean = rng.normal(size=(3, channels)).astype(np.float32)
    invstd = rng.uniform(0.5, 2, channels).astype(np.float32)
    options = {"channel_axis": axis}
    relu = {"activation": "relu", **options}
    yield from bnfast.batch_norm_forward(x, weight, bias, **options)
    yield from bnfast.batch_norm_backward(dy, x, mean, invstd, weight, **options)
    yield from bnfast.batch_norm_backward(dy, x, mean, invstd, weight, bias=bias, **relu)
    yield from bnfast.moments(x, **options)
    yield bnfast.batch_norm(x, mean, invstd, weight, bias, **options)


def check_same_bits(shape, axis, dtype):
    rng = np.random.default_rng(1)
    x, dy = (rng.normal(size=shape).astype(dtype) for _ in range(2))
    of_rows_apart = results(apart(x, axis), apart(dy, axis), axis)
    for ours, theirs in zip(results(x, dy, axis), of_rows_apart, strict=True):
        assert np.array_equal(ours, theirs)


# Rows that are a multiple of a page apart: a run of eight planes is read in parts.
@pytest.mark.parametrize("n", [3, 4, 5, 8, 9, 12, 31])
@pytest.mark.parametrize(
    ("channels", "inner", "dtype"),
    [
        pytest.param(1024, (7, 7), np.float32, id="7x7"),
        pytest.param(2048, (7, 7), np.float16, id="7x7 of float16"),
        pytest.param(1024, (3, 3), np.float32, id="3x3"),
        pytest.param(64, (8, 8), np.float32, id="8x8"),
    ],
)
def test_short_planes(n, channels, inner, dtype):
    plane = np.prod(inner) * np.dtype(dtype).itemsize
    assert channels * plane % PAGE == 0
    check_same_bits((n, channels, *inner), 1, dtype)


# Several rows mapped at a time, or one, and runs of eight that even L2 does not hold. (Of fewer
# channels several rows that lie end to end are taken as one, and added in another order.)
@pytest.mark.parametrize("channels", [64, 208, 256, 512, 1024, 1040, 20_000])
@pytest.mark.parametrize("rows", [1, 7, 8, 17, 100])
def test_rows(channels, rows):
    check_same_bits((rows, channels), -1, np.float32)
