"""Every conversion between types, for every half-precision number: by an affine map that changes
nothing, against NumPy's and ml_dtypes' own."""

import numpy as np
import pytest

import bnfast
from stored_types import FLOATS, HALVES, INTEGERS, bfloat16, is_nan

EVERY = np.arange(2**16, dtype=np.uint16)
KINDS = [np.float16, np.float32, np.float64] + ([bfloat16] if bfloat16 else [])
# Elements of one channel side by side, whole vectors and parts of one; or channels side by side.
SHAPES = {"planes": (1, 1, -1), "short planes": (-1, 1, 2), "rows": (-1, 64), "odd rows": (-1, 1)}


def through_a_map(x, dtype):
    """Return x as bnfast stores it: x*1 - 0, which keeps the sign of zeros."""
    ones = np.ones(x.shape[1])
    return bnfast.affine(x, ones, -0.0 * ones, dtype=dtype)


def assert_same_numbers(found, wanted):
    assert found.dtype == wanted.dtype
    assert np.array_equal(is_nan(found), is_nan(wanted))
    numbers = ~is_nan(wanted)
    assert found[numbers].tobytes() == wanted[numbers].tobytes()


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@HALVES
@FLOATS
def test_every_half(half, dtype, shape):
    x = EVERY.view(half).reshape(shape)
    with np.errstate(all="ignore"):
        assert_same_numbers(through_a_map(x, dtype), x.astype(np.float32).astype(dtype))


def floats_around_every_half(half, source):
    """Return each half, the middle to the next one, and the floats beside that middle."""
    with np.errstate(all="ignore"):
        numbers = EVERY.view(half).astype(np.float64)
        numbers = np.sort(numbers[np.isfinite(numbers)])
        largest = numbers[-1]
        beyond = np.array([2, 1.5, 1 + 2.0**-9, 1 + 2.0**-11, 1 + 2.0**-12]) * largest
        middles = (numbers[1:] + numbers[:-1]) / 2
        middles = np.concatenate([middles, beyond, -beyond]).astype(source)
        around = [np.nextafter(middles, source(way * np.inf)) for way in (-1, 1)]
        return np.concatenate([numbers.astype(source), middles, *around])


@pytest.mark.parametrize("source", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@HALVES
def test_rounding_is_to_nearest_even(half, source, shape):
    rng = np.random.default_rng(0)
    anything = rng.integers(0, 2**32, 2**17, dtype=np.uint64).astype(np.uint32).view(np.float32)
    with np.errstate(all="ignore"):
        x = np.concatenate([floats_around_every_half(half, source), anything.astype(source)])
        x = x[: x.size // 64 * 64].reshape(shape)
        # float64's own way to float16 is exact; ml_dtypes goes by float32, which is not.
        if half is not np.float16 and source is np.float64:
            x = x.astype(np.float32).astype(np.float64)
        assert_same_numbers(through_a_map(x, half), x.astype(half))


@HALVES
def test_a_double_is_rounded_once(half):
    # Just beside the middle of two numbers: in float32 it would be the middle.
    tie = 1 + 2.0**-8 if half is not np.float16 else 1 + 2.0**-11
    x = np.array([[tie + 2.0**-40, tie - 2.0**-40, -tie - 2.0**-40, tie]])
    up = 1 + 2 * (tie - 1)
    wanted = np.array([[up, 1, -up, 1]])
    assert np.array_equal(through_a_map(x, half).astype(np.float64), wanted)


@HALVES
def test_nan_stays_nan_whatever_its_bits(half):
    bits = np.array([0x7F800001, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FC00000, 0xFF80FFFF, 0x7FFF8000])
    x = bits.astype(np.uint32).view(np.float32).reshape(1, -1)
    y = through_a_map(x, half)
    assert is_nan(y).all()
    assert np.array_equal(y.view(np.uint16) >> 15, bits.reshape(1, -1) >> 31)
    assert is_nan(bnfast.affine(np.ones((4, 33), half), np.ones(33), np.full(33, np.nan))).all()


@pytest.mark.parametrize("dtype", INTEGERS, ids=lambda t: t.__name__)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_integer(dtype, shape):
    info = np.iinfo(dtype)
    x = np.arange(info.min, info.max + 1).astype(dtype).reshape(shape)
    for kind in KINDS:
        with np.errstate(all="ignore"):
            assert np.array_equal(through_a_map(x, kind), x.astype(np.float32).astype(kind))


def test_the_default_result_of_integers_is_float32():
    for dtype in INTEGERS:
        x = np.arange(12, dtype=dtype).reshape(4, 3)
        assert bnfast.affine(x, np.ones(3), np.zeros(3)).dtype == np.float32
        assert bnfast.standardize(x).dtype == np.float32


@HALVES
def test_dtype_by_object_and_by_name(half):
    x = np.ones((4, 3), np.float32)
    for dtype in (half, np.dtype(half), np.dtype(half).name):
        y = bnfast.standardize(x, dtype=dtype)
        assert y.dtype == half
        assert bnfast.standardize(x, dtype=dtype, out=y) is y
    assert bnfast.standardize(x.astype(half)).dtype == half
    assert bnfast.standardize(x.astype(half), dtype="f4").dtype == np.float32
