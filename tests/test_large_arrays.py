"""Arrays of more than 2**31 elements, and steps of more than 2**31 bytes between elements."""

import mmap
import sys

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import bnfast
from bnfast import preprocess
from vast import PIECE, PIECES, Vast

pytestmark = [
    pytest.mark.once,
    pytest.mark.aside,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="maps memory as Linux does"),
]
MANY = 2**31
N = PIECE // 2  # numbers of a piece


@pytest.fixture(scope="module")
def x():
    """More than 2**31 numbers of float16, those of the tail about another mean."""
    with Vast() as vast:
        values = vast.array(np.float16)
        rng = np.random.default_rng(0)
        values[:N] = rng.integers(-64, 64, N) / 16
        values[-N:] = rng.integers(4096, 8192, N) / 16
        assert values.size == MANY + N
        yield values


@pytest.fixture
def y():
    with Vast() as vast:
        yield vast.array(np.float16)


# One channel side by side; rows of 4 channels.
WALKS = pytest.mark.parametrize("channels", [1, 4], ids=["planes", "rows"])


def table(values, channels):
    return values.reshape(-1, channels)


def exact_moments(x, channels):
    """Return the mean and variance of each channel, by sums of integers: x is sixteenths."""
    first, tail = ((table(part, channels) * 16).astype(np.int64) for part in (x[:N], x[-N:]))
    count = x.size // channels
    sums = [int(s) for s in PIECES * first.sum(0) + tail.sum(0)]
    squares = [int(s) for s in PIECES * (first**2).sum(0) + (tail**2).sum(0)]
    mean = [s / (16 * count) for s in sums]
    var = [(count * q - s * s) / (256 * count**2) for s, q in zip(sums, squares, strict=True)]
    return np.array(mean), np.array(var)


def parts(x, y, channels):
    """Return pairs of what is where: a first piece, the last that repeats it, and the tail."""
    for begin in (0, MANY - N, MANY):
        yield (table(part[begin : begin + N], channels) for part in (x, y))


@WALKS
def test_moments(x, channels):
    mean, var, count = bnfast.moments(table(x, channels), channel_axis=-1)
    wanted_mean, wanted_var = exact_moments(x, channels)
    assert count == x.size // channels
    np.testing.assert_allclose(mean, wanted_mean, rtol=1e-13)
    np.testing.assert_allclose(var, wanted_var, rtol=1e-12)


@WALKS
def test_training_and_its_gradient(x, y, channels):
    mean, var = exact_moments(x, channels)
    invstd = 1 / np.sqrt(var + 1e-5)
    keywords = {"channel_axis": -1, "out": table(y, channels)}
    result = bnfast.batch_norm_forward(table(x, channels), **keywords)
    np.testing.assert_allclose(result.mean, mean, rtol=1e-6)
    for part, found in parts(x, y, channels):
        wanted = (part.astype(np.float64) - mean) * invstd
        np.testing.assert_allclose(found, wanted, rtol=2**-11 + 1e-5, atol=1e-7)

    # With sums of 0 and an invstd of 1 the gradient is dy itself.
    zeros = np.zeros(channels)
    y[:N] = y[-N:] = 0
    bnfast.batch_norm_backward_elemt(
        *[table(x, channels)] * 2, zeros, zeros + 1, None, zeros, zeros, 1, **keywords
    )
    for part, found in parts(x, y, channels):
        assert np.array_equal(found, part)


@WALKS
def test_sums_of_a_gradient(x, channels):
    mean, var = exact_moments(x, channels)
    seen, count = table(x, channels), x.size // channels
    sums = bnfast.batch_norm_backward_reduce(seen, seen, mean, mean + 1, channel_axis=-1)
    np.testing.assert_allclose(sums[0], mean * count, rtol=1e-6)
    np.testing.assert_allclose(sums[1], var * count, rtol=1e-6)


@WALKS
def test_inference(x, y, channels):
    ones = np.ones(channels)
    bnfast.affine(table(x, channels), 2 * ones, ones, channel_axis=-1, out=table(y, channels))
    for part, found in parts(x, y, channels):
        assert np.array_equal(found, 2 * part + 1)


def test_integers(x):
    # The bytes that the numbers consist of.
    seen = x.view(np.uint8)
    first, tail = seen[:PIECE].astype(np.int64), seen[-PIECE:].astype(np.int64)
    total = PIECES * int(first.sum()) + int(tail.sum())
    squares = PIECES * int((first**2).sum()) + int((tail**2).sum())
    mean, var, count = bnfast.moments(seen.reshape(-1, 1), channel_axis=-1)
    assert count == seen.size
    assert mean[0] == total / count
    assert var[0] == (count * squares - total**2) / count**2


def test_more_than_that_many_rows():
    seen = np.broadcast_to(np.array([1, 7, 250], np.uint8), (MANY + 9, 3))
    mean, var, count = bnfast.moments(seen, channel_axis=-1)
    assert count == MANY + 9
    assert mean.tolist() == [1, 7, 250]
    assert not var.any()


def test_an_image(x, y):
    pixels = x.reshape(-1, 2**12, 4)
    preprocess.normalize(
        pixels,
        [1] * 4,
        [0.5] * 4,
        layout="HWC",
        out_layout="HWC",
        dtype=np.float16,
        out=y.reshape(pixels.shape),
    )
    for part, found in parts(x, y, 4):
        assert np.array_equal(found, 2 * (part - np.float16(1)))


FAR = 2**31 + 2**20 + 1  # bytes; so every second row is unaligned, too


@pytest.fixture(scope="module")
def apart():
    """A function of a shape and strides: float32 values in memory of which few pages are used."""
    size = 5 * FAR
    memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    taken = [0]

    def view(shape, strides):
        taken[0] += 2**18
        first = np.frombuffer(memory, np.float32, 1, taken[0])
        return as_strided(first, shape, strides)

    return view


@pytest.mark.parametrize(
    "shape, strides, axis",
    [
        ((2, 3, 50), (2 * FAR, 204, 4), 1),
        ((3, 2, 50), (204, 2 * FAR, 4), 1),
        ((2, 2, 50), (2 * FAR, FAR, 4), 1),
        ((4, 50), (FAR, 4), 1),
    ],
    ids=["outer", "channel", "outer and channel", "rows"],
)
def test_long_strides(apart, shape, strides, axis):
    x, dy, out = (apart(shape, strides) for _ in range(3))
    rng = np.random.default_rng(0)
    x[...], dy[...] = plain_x, plain_dy = rng.normal(3, 2, (2, *shape)).astype(np.float32)
    assert not bnfast._core.describe_walk(x, channel_axis=axis)["copied"]
    wide, wide_dy = plain_x.astype(np.float64), plain_dy.astype(np.float64)
    others = tuple(i for i in range(x.ndim) if i != axis)
    per_channel = [shape[axis] if i == axis else 1 for i in range(x.ndim)]
    mean, var = wide.mean(others), wide.var(others)
    xmu, invstd = wide - mean.reshape(per_channel), 1 / np.sqrt(var + 1e-5)
    xhat = xmu * invstd.reshape(per_channel)

    found = bnfast.moments(x, channel_axis=axis)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-13)
    np.testing.assert_allclose(found.var, var, rtol=1e-12)
    bnfast.batch_norm(x, training=True, channel_axis=axis, out=out)
    np.testing.assert_allclose(out, xhat, rtol=0, atol=2e-6)
    ones = np.ones(shape[axis])
    bnfast.affine(x, 2 * ones, ones, channel_axis=axis, out=out)
    assert np.array_equal(out, (2 * wide + 1).astype(np.float32))
    bnfast.batch_norm_backward(dy, x, mean, invstd, channel_axis=axis, out=out)
    centred = wide_dy - wide_dy.mean(others, keepdims=True)
    wanted = centred - xhat * (wide_dy * xhat).mean(others, keepdims=True)
    np.testing.assert_allclose(out, wanted * invstd.reshape(per_channel), rtol=0, atol=2e-6)
