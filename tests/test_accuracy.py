"""Accuracy against long double: any mean, any scale, any order of the values."""

import numpy as np
import pytest

import bnfast
import reference

UNIT = 1.2e-7  # float32's spacing at 1
FUSED = bnfast.isa() not in ("v2", "portable")  # the others round a product before its sum

RATIOS = [0, 1, 1e2, 1e4, 1e6]
CONSTANTS = np.array([0, 1, 100, -15.94, 1e7, 3e38])
DTYPES = [np.float32, np.float64]


def in_layout(x, layout):
    """Return NCHW data as the layout's array and channel axis."""
    if layout == "NCHW":
        return x, 1
    return np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1


def normal_batch(ratio, layout, shape=(32, 16, 28, 28)):
    rng = np.random.default_rng(int(ratio) + 1)
    std = rng.uniform(0.5, 2, (shape[1], 1, 1))
    x = (rng.standard_normal(shape) + ratio) * std
    return in_layout(x.astype(np.float32), layout)


def error_in_units(y, x, axis):
    return reference.max_error(y, reference.forward(x, channel_axis=axis)) / UNIT


def pytorch_error(x, axis):
    """Return PyTorch's error on the same array, as text."""
    try:
        import torch
    except ImportError:
        return "not installed"
    nchw = torch.from_numpy(np.moveaxis(x, axis, 1))
    y = torch.nn.functional.batch_norm(nchw, None, None, training=True).numpy()
    return f"{error_in_units(np.moveaxis(y, 1, axis), x, axis):.3g}"


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("ratio", RATIOS, ids="mean/std={:g}".format)
def test_error_of_y_is_at_most_8_units(ratio, layout, report):
    x, axis = normal_batch(ratio, layout)
    error = error_in_units(bnfast.batch_norm(x, training=True, channel_axis=axis), x, axis)
    report(
        f"max error of y in units of 1.2e-7, training, isa {bnfast.isa()}",
        f"{layout}  mean/std {ratio:<7g}  bnfast {error:.2f}  PyTorch {pytorch_error(x, axis)}",
    )
    assert error <= 8


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("ratio", RATIOS, ids="mean/std={:g}".format)
def test_error_of_inference_is_at_most_8_units(ratio, layout):
    x, axis = normal_batch(ratio, layout, (8, 17, 7, 7))
    mean, var = (s.astype(np.float32) for s in reference.moments(x, axis))
    y = bnfast.batch_norm(x, mean, var, channel_axis=axis)
    exact = reference.inference(x, mean, var, channel_axis=axis)
    assert reference.max_error(y, exact) <= 8 * UNIT


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("ratio", RATIOS, ids="mean/std={:g}".format)
def test_error_of_dx_is_at_most_16_units(ratio, layout):
    x, axis = normal_batch(ratio, layout, (8, 17, 28, 28))
    dy = np.random.default_rng(5).standard_normal(x.shape).astype(np.float32)
    _, mean, invstd, _ = bnfast.batch_norm_forward(x, channel_axis=axis)
    dx, dweight, dbias, _ = bnfast.batch_norm_backward(dy, x, mean, invstd, channel_axis=axis)
    exact = reference.backward(dy, x, *reference.moments(x, axis), channel_axis=axis)
    assert reference.max_error(dx, exact[0]) <= 16 * UNIT
    count = x.size / 17
    assert reference.max_error(dweight / count, exact[1] / count) <= UNIT
    assert reference.max_error(dbias / count, exact[2] / count) <= UNIT


CONSTANT_SHAPES = {
    "NC": ((1000, 6), 1),
    "NCL": ((3, 6, 5), 1),
    "NCHW": ((8, 6, 40, 41), 1),
    "NHWC": ((8, 40, 41, 6), -1),
    "NCDHW": ((2, 6, 3, 5, 7), 1),
    "C first": ((6, 1001), 0),
}


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda t: t.__name__)
@pytest.mark.parametrize("shape, axis", CONSTANT_SHAPES.values(), ids=CONSTANT_SHAPES)
def test_constant_channels_give_exactly_bias(shape, axis, dtype):
    rng = np.random.default_rng(3)
    weight, bias = rng.standard_normal((2, 6)).astype(dtype)
    along = [-1 if i == axis % len(shape) else 1 for i in range(len(shape))]
    x = np.ascontiguousarray(np.broadcast_to(CONSTANTS.astype(dtype).reshape(along), shape))
    y, mean, invstd, _ = bnfast.batch_norm_forward(x, weight, bias, channel_axis=axis)
    expected = np.broadcast_to(bias.reshape(along), shape)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(mean, CONSTANTS.astype(dtype))
    np.testing.assert_array_equal(invstd, 1 / np.sqrt(1e-5))
    own = bnfast.moments(x, channel_axis=axis)
    np.testing.assert_array_equal(own.var, 0)
    inferred = bnfast.batch_norm(x, own.mean, own.var, weight, bias, channel_axis=axis)
    np.testing.assert_array_equal(inferred, expected)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda t: t.__name__)
@pytest.mark.parametrize("value", CONSTANTS)
@pytest.mark.parametrize("count", [2, 3, 17, 999, 100_003])
def test_one_constant_channel_gives_exactly_bias(value, count, dtype):
    x = np.full((count, 1), value, dtype)
    np.testing.assert_array_equal(bnfast.batch_norm(x, bias=[0.3], training=True), dtype(0.3))
    np.testing.assert_array_equal(bnfast.standardize(x), 0)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("scale, eps", [(1e30, 1e-5), (1e37, 1e-5), (1e-25, 0.0), (1e-36, 0.0)])
def test_extreme_scales_give_unit_variance(scale, eps, layout):
    x, axis = normal_batch(0, layout, (16, 3, 15, 15))
    x *= np.float32(scale)
    y = bnfast.batch_norm(x, training=True, eps=eps, channel_axis=axis)
    np.testing.assert_allclose(reference.moments(y, axis)[1], 1, rtol=1e-6)
    exact = reference.forward(x, eps=eps, channel_axis=axis)
    assert reference.max_error(y, exact) <= 8 * UNIT


def representable(rng, low, high, size):
    """Random signs and magnitudes of few enough bits that x*scale + shift is exact in float64."""
    return (rng.uniform(low, high, size) * rng.choice([-1, 1], size)).astype(np.float32)


@pytest.mark.parametrize("axis", [1, -1])
def test_affine_is_correctly_rounded(axis):
    rng = np.random.default_rng(8)
    x = representable(rng, 1, 2, (50, 31, 31))
    scale = representable(rng, 1, 2, 31)
    shift = representable(rng, 2.0**-6, 64, 31)
    along = [-1 if i == axis % 3 else 1 for i in range(3)]
    a, b = scale.reshape(along), shift.reshape(along)
    once_rounded = (x.astype(np.float64) * a + b).astype(np.float32)
    expected = once_rounded if FUSED else x * a + b
    np.testing.assert_array_equal(bnfast.affine(x, scale, shift, channel_axis=axis), expected)


def test_affine_with_a_shift_that_cancels():
    x = np.random.default_rng(1).normal(1e6, 1, (1000, 2)).astype(np.float32)
    scale, shift = np.array([1 / 3, -1e-3]), np.array([-1e6 / 3, 1e3])
    exact = x.astype(np.longdouble) * scale + shift
    error = np.max(np.abs(bnfast.affine(x, scale, shift) - exact) / np.abs(exact).max(0))
    assert error <= 4 * UNIT
