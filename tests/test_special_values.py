"""Arrays without elements, NaN and infinities, subnormal numbers and negative zeros."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import bnfast

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
LAYOUTS = pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
EMPTY = [(0, 3), (4, 0), (0, 0), (0, 3, 7), (4, 0, 7), (4, 3, 0), (0, 3, 5, 7), (2, 3, 5, 0, 7)]


def arrange(x, layout):
    return x if layout == "NCHW" else np.ascontiguousarray(np.moveaxis(x, 1, -1)).swapaxes(1, -1)


@pytest.mark.parametrize("shape", EMPTY, ids=str)
@DTYPES
def test_empty(shape, dtype):
    x, c = np.zeros(shape, dtype), shape[1]
    a = np.ones(c)
    mean, var = np.full(c, 3.0), np.full(c, 5.0)

    forward = bnfast.batch_norm_forward(x, a, a)
    gradients = bnfast.batch_norm_backward(x, x, a, a, a)
    sums = bnfast.batch_norm_backward_reduce(x, x, a, a)
    for y in (
        forward.y,
        gradients.dx,
        bnfast.batch_norm(x, mean, var, a, a),
        bnfast.batch_norm(x, mean, var, training=True),
        bnfast.batch_norm(x),
        bnfast.batch_norm_backward(x, x, a, a, training=False).dx,
        bnfast.batch_norm_backward_elemt(x, x, a, a, a, *sums, 1),
        bnfast.affine(x, a, a),
        bnfast.standardize(x, channel_axis=1),
        bnfast.standardize(x, a, a, channel_axis=1),
        bnfast.Affine(a, a, a)(x),
    ):
        assert y.shape == shape
        assert y.dtype == dtype
    values_per_channel = int(np.prod(shape[:1] + shape[2:]))
    assert forward.count == values_per_channel
    assert forward.mean.shape == forward.invstd.shape == (c,)
    for total in (*sums, gradients.dweight, gradients.dbias):  # of nothing
        assert np.array_equal(total, np.zeros(c))
    # A batch without values teaches nothing.
    assert np.array_equal(mean, np.full(c, 3.0))
    assert np.array_equal(var, np.full(c, 5.0))
    assert bnfast.affine(x, a, a, dtype=np.float64).dtype == np.float64


@pytest.mark.parametrize(
    "shape", [shape for shape in EMPTY if shape[1] == 0 and shape[0] > 0], ids=str
)
def test_moments_of_no_channels(shape):
    moments = bnfast.moments(np.zeros(shape))
    assert moments.mean.shape == moments.var.shape == (0,)
    assert moments.count == int(np.prod(shape[:1] + shape[2:]))


@pytest.mark.parametrize("shape", EMPTY, ids=str)
def test_empty_out(shape):
    x = np.zeros(shape, np.float32)
    for out in (x, np.zeros_like(x), as_strided(x, strides=(0,) * len(shape))):
        assert bnfast.standardize(x, channel_axis=1, out=out) is out


SPECIAL = {
    "nan": [np.nan],
    "inf": [np.inf],
    "-inf": [-np.inf],
    "both infinities": [np.inf, -np.inf],
    "overflowing": [1e30, -1e30],
}
SHAPES = {
    "planes": (4, 9, 15, 15),
    "short planes": (6, 9, 3, 3),
    "large": (8, 9, 160, 160),
    "table": (333, 9),
}


def all_results(x, dy):
    """Return pairs of a result and its channel axis."""
    a = np.linspace(1, 2, 9)
    forward = bnfast.batch_norm_forward(x, a, -a)
    gradients = bnfast.batch_norm_backward(dy, x, forward.mean, forward.invstd, a)
    sums = bnfast.batch_norm_backward_reduce(dy, x, a, a)
    frozen = bnfast.batch_norm_backward(dy, x, a, a, a, training=False)
    of_channels = [*forward[1:3], *gradients[1:3], *sums, *frozen[1:3], *bnfast.moments(x)[:2]]
    of_elements = [
        forward.y,
        gradients.dx,
        frozen.dx,
        bnfast.batch_norm(x, a, a, a, -a),
        bnfast.batch_norm_backward(dy, x, a, a, a).dx,
        bnfast.affine(x, a, a),
        bnfast.standardize(x, channel_axis=1),
    ]
    return [(array, 0) for array in of_channels] + [(array, 1) for array in of_elements]


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("special", SPECIAL.values(), ids=SPECIAL)
@LAYOUTS
@DTYPES
def test_confined_to_the_channel(special, shape, layout, dtype):
    rng = np.random.default_rng(0)
    x, dy = (rng.normal(3, 2, shape).astype(dtype) for _ in range(2))
    touched = [0, 4]  # at the beginning of one channel, amid another
    others = [c for c in range(9) if c not in touched]
    wanted = all_results(arrange(x, layout), arrange(dy, layout))
    for spoilt in (x, dy):
        kept = spoilt.copy()
        flat = spoilt.swapaxes(0, 1).reshape(9, -1)
        flat[0, : len(special)] = flat[4, 77 % flat.shape[1] :][: len(special)] = special
        spoilt[...] = flat.reshape(np.array(shape)[[1, 0, *range(2, len(shape))]]).swapaxes(0, 1)
        with np.errstate(all="ignore"):
            found = all_results(arrange(x, layout), arrange(dy, layout))
        spoilt[...] = kept
        for (result, axis), (right, _) in zip(found, wanted, strict=True):
            assert np.array_equal(result.take(others, axis), right.take(others, axis))


@LAYOUTS
@DTYPES
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_spoilt_channels_say_so(value, layout, dtype):
    x = np.random.default_rng(1).normal(3, 2, (4, 9, 15, 15)).astype(dtype)
    x[2, 4, 7, 7] = value
    x = arrange(x, layout)
    mean, var, _ = bnfast.moments(x)
    assert np.isnan(var[4])
    assert np.array_equal(mean[4], value, equal_nan=True)
    y, mean, invstd, _ = bnfast.batch_norm_forward(x)
    assert np.isnan(y[:, 4]).all()
    assert np.isnan(invstd[4])
    assert np.isfinite(y.take([3, 5], 1)).all()
    # What is fixed in advance cannot be spoilt: each element has its own result.
    y = bnfast.batch_norm(x, np.zeros(9), np.ones(9))
    assert np.array_equal(y[2, 4, 7, 7], value, equal_nan=True)
    assert np.isfinite(y).sum() == y.size - 1


@LAYOUTS
@DTYPES
def test_subnormal_numbers_are_not_flushed(layout, dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    steps = np.random.default_rng(2).integers(-1000, 1000, (4, 9, 5, 5))
    x = arrange((steps * tiny).astype(dtype), layout)
    two = np.full(9, 2.0)
    assert np.array_equal(bnfast.affine(x, two, np.zeros(9)), 2 * x)
    y = bnfast.batch_norm_backward(x, x, two * 0, two, training=False).dx
    assert np.array_equal(y, 2 * x)
    mean = bnfast.moments(x).mean
    if dtype == np.float32:  # float64 sums have no such limit
        np.testing.assert_allclose(mean / float(tiny), steps.mean((0, 2, 3)), rtol=1e-13)
        var = bnfast.moments(x).var
        np.testing.assert_allclose(var / float(tiny) ** 2, steps.var((0, 2, 3)), rtol=1e-13)


@LAYOUTS
@DTYPES
def test_negative_zeros(layout, dtype):
    x = arrange(np.full((2, 3, 5, 5), -0.0, dtype), layout)
    ones, zeros = np.ones(3), np.zeros(3)
    assert not np.signbit(bnfast.affine(x, ones, zeros)).any()  # -0*1 + 0
    assert np.signbit(bnfast.affine(x, ones, -zeros)).all()
    y, mean, invstd, _ = bnfast.batch_norm_forward(x, ones, ones)
    assert np.array_equal(y, np.ones_like(x))
    assert not mean.any()
    assert np.array_equal(invstd, np.full(3, 1 / np.sqrt(1e-5)))
