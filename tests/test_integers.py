"""Integers of 8 and 16 bits: sums are exact, whatever the shape, the split and the threads."""

from fractions import Fraction

import numpy as np
import pytest

import bnfast
import reference
from stored_types import INTEGERS
from test_guard_pages import SMALL, Guarded

DTYPES = pytest.mark.parametrize("dtype", INTEGERS, ids=lambda t: t.__name__)
SHAPES = {
    "planes": ((3, 5, 61, 67), 1),
    "short planes": ((20, 37, 3, 3), 1),
    "short planes as rows": ((171, 37, 3, 3), 1),
    "one long plane": ((1, 1, 300_007), 1),
    "images": ((2, 111, 97, 3), -1),
    "table": ((4099, 17), -1),
    "wide table": ((70, 3001), -1),
    "one column": ((5001, 1), -1),
    "outer channels": ((5, 801), 0),
}


def exact_moments(x, axis):
    """Return mean and variance of each channel, each rounded once."""
    rows = np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1).astype(np.int64)
    n = rows.shape[1]
    sums = [(int(row.sum()), int((row * row).sum())) for row in rows]
    mean = [float(Fraction(s, n)) for s, _ in sums]
    var = [float(Fraction(n * q - s * s, n * n)) for s, q in sums]
    return np.array(mean), np.array(var)


def anything(dtype, shape, seed=0):
    info = np.iinfo(dtype)
    rng = np.random.default_rng(seed)
    x = rng.integers(info.min, info.max, shape, dtype, endpoint=True)
    x.flat[:7] = info.max
    x.flat[-7:] = info.min
    return x


@pytest.mark.parametrize("shape, axis", SHAPES.values(), ids=SHAPES)
@DTYPES
def test_moments_are_those_of_exact_sums(dtype, shape, axis):
    x = anything(dtype, shape)
    mean, var = exact_moments(x, axis)
    for threads in (1, 2, 3, 7):
        found = bnfast.moments(x, channel_axis=axis, num_threads=threads)
        assert found.mean.tobytes() == mean.tobytes()
        assert found.var.tobytes() == var.tobytes()
        assert found.count == x.size // mean.size
    # Any order of the values, any view of them.
    backwards = x[tuple(slice(None, None, -1 if a != axis % x.ndim else 1) for a in range(x.ndim))]
    assert bnfast.moments(backwards, channel_axis=axis).var.tobytes() == var.tobytes()
    fortran = bnfast.moments(np.asfortranarray(x), channel_axis=axis)
    assert fortran.mean.tobytes() == mean.tobytes()


@pytest.mark.parametrize("axis", [1, -1])
@DTYPES
def test_sums_beyond_the_digits_of_a_double(dtype, axis):
    # Above 2^21 values of 16 bits, sum(x^2) leaves 2^53. Odd ones: no sum of them is round.
    x = np.full((1, 1, 5_000_011) if axis == 1 else (5_000_011, 1), np.iinfo(dtype).max, dtype)
    x.flat[0] = np.iinfo(dtype).max - 1
    n, most = x.size, int(np.iinfo(dtype).max)
    total, squares = n * most - 1, n * most**2 - 2 * most + 1
    for threads in (1, 3):
        found = bnfast.moments(x, channel_axis=axis, num_threads=threads)
        assert found.mean[0] == float(Fraction(total, n))
        assert found.var[0] == float(Fraction(n * squares - total**2, n * n))


@DTYPES
def test_constant_channels_have_no_variance(dtype):
    for value in (np.iinfo(dtype).min, np.iinfo(dtype).max):
        x = np.full((1001, 3), value, dtype)
        found = bnfast.moments(x, channel_axis=-1)
        assert np.array_equal(found.mean, [value] * 3)
        assert np.array_equal(found.var, [0] * 3)
        assert np.array_equal(bnfast.standardize(x), np.zeros((1001, 3), np.float32))


@DTYPES
def test_correction(dtype):
    x = anything(dtype, (50, 4))
    found = bnfast.moments(x, channel_axis=-1, correction=1)
    np.testing.assert_allclose(found.var, x.astype(np.float64).var(0, ddof=1), rtol=1e-12)


@pytest.mark.parametrize("shape, axis", SHAPES.values(), ids=SHAPES)
@DTYPES
def test_maps(dtype, shape, axis):
    x = anything(dtype, shape, 1)
    c = x.shape[axis]
    scale, shift = np.random.default_rng(2).uniform(-2, 2, (2, c)).astype(np.float32)
    for kind, unit in ((None, 2.0**-23), (np.float16, 2.0**-10), (np.float64, 2.0**-52)):
        with np.errstate(over="ignore"):
            y = bnfast.affine(x, scale / 256, shift, channel_axis=axis, dtype=kind)
        exact = reference.inference(x, 0, 1, scale / 256, shift, eps=0, channel_axis=axis)
        assert np.all(np.abs(y - exact) <= unit * (np.abs(exact) + 2 * np.abs(shift).max()))
        for threads in (2, 3):
            again = bnfast.affine(
                x, scale / 256, shift, channel_axis=axis, dtype=kind, num_threads=threads
            )
            assert again.tobytes() == y.tobytes()
        y = bnfast.standardize(x, channel_axis=axis, dtype=kind, eps=1e-5)
        exact = reference.forward(x, channel_axis=axis)
        assert np.all(np.abs(y - exact) <= 4 * unit * (np.abs(exact) + 1))


@pytest.mark.parametrize("at_end", [True, False], ids=["before a guard", "after a guard"])
@DTYPES
def test_nothing_outside_is_read(dtype, at_end):
    memory = Guarded(SMALL)
    shapes = [(2, 3, n) for n in range(1, 70)] + [(n, 5) for n in (1, 3, 70, 200)]
    for shape in [*shapes, (37, 131)]:
        axis = 1 if len(shape) == 3 else -1
        plain = anything(dtype, shape)
        scale = np.ones(shape[axis])
        for shift in (0, 1, 5):
            x = memory.place(shape, dtype, at_end=at_end, shift=shift, pad=shift % 2)
            x[...] = plain
            y = bnfast.affine(x, scale, scale, channel_axis=axis)
            assert np.array_equal(y, plain.astype(np.float32) + 1)
            found = bnfast.moments(x, channel_axis=axis)
            assert found.var.tobytes() == exact_moments(plain, axis)[1].tobytes()
            assert memory.untouched_around(x)


def test_views_and_read_only_arrays():
    x = anything(np.uint8, (40, 50, 3))
    x.flags.writeable = False
    for part in (x, x[3:31], x[::2], x[3:31, 5:44], x[:, ::-1], x[..., ::-1]):
        mean, var = exact_moments(part, -1)
        found = bnfast.moments(part, channel_axis=-1)
        assert found.mean.tobytes() == mean.tobytes()
        assert found.var.tobytes() == var.tobytes()
    assert not bnfast._core.describe_walk(x[3:31], channel_axis=-1)["copied"]


def test_no_values():
    for dtype in INTEGERS:
        x = np.zeros((0, 3), dtype)
        assert bnfast.standardize(x).shape == bnfast.affine(x, [1] * 3, [0] * 3).shape == (0, 3)
        with pytest.raises(
            ValueError, match="x must have at least one value per channel, got none"
        ):
            bnfast.moments(x)
