"""What holds exactly, or within rounding, whatever the values: symmetries of batch norm."""

import numpy as np
import pytest

import bnfast
import reference

ULP = {np.float32: 2.0**-23, np.float64: 2.0**-52}
SHAPES = {
    "NC": ((64, 19), 1),
    "NCL": ((9, 19, 6), 1),
    "NCHW": ((8, 19, 15, 15), 1),
    "NHWC": ((8, 15, 15, 19), -1),
    "C=300": ((40, 300), 1),
    "large NCHW": ((6, 3, 120, 130), 1),
}


@pytest.fixture(params=SHAPES.values(), ids=SHAPES)
def geometry(request):
    """Shape and channel axis."""
    return request.param


@pytest.fixture(params=ULP, ids=lambda t: t.__name__)
def dtype(request):
    return request.param


def normal(shape, dtype, mean=3, std=2, seed=0):
    return np.random.default_rng(seed).normal(mean, std, shape).astype(dtype)


def per_channel(shape, axis, seed=1):
    return np.random.default_rng(seed).standard_normal((2, shape[axis]))


@pytest.mark.parametrize("power", [-40, -7, 1, 20, 40])
def test_powers_of_two_do_not_matter(power, geometry, dtype):
    """BN(a*x) = BN(x), bit for bit, where eps is scaled by a**2."""
    shape, axis = geometry
    x, a = normal(shape, dtype), 2.0**power
    plain = bnfast.batch_norm_forward(x, *per_channel(shape, axis), channel_axis=axis)
    scaled = bnfast.batch_norm_forward(
        x * dtype(a), *per_channel(shape, axis), channel_axis=axis, eps=1e-5 * a * a
    )
    np.testing.assert_array_equal(scaled.y, plain.y)
    np.testing.assert_array_equal(scaled.mean, plain.mean * a)
    np.testing.assert_array_equal(scaled.invstd, plain.invstd / a)


def test_sign_of_x_is_sign_of_y(geometry, dtype):
    shape, axis = geometry
    x = normal(shape, dtype)
    y = bnfast.batch_norm(x, training=True, channel_axis=axis)
    np.testing.assert_array_equal(bnfast.batch_norm(-x, training=True, channel_axis=axis), -y)


@pytest.mark.parametrize("zero", [0.0, -0.0], ids=str)
def test_zeros_keep_their_sign(zero, geometry, dtype):
    """x*1 - 0 and (x - 0)/1*1 - 0 are x."""
    shape, axis = geometry
    x = np.full(shape, zero, dtype)
    zeros, ones = np.zeros(shape[axis]), np.ones(shape[axis])
    affine = bnfast.affine(x, ones, -zeros, channel_axis=axis)
    normalized = bnfast.batch_norm(x, zeros, ones, ones, -zeros, eps=0, channel_axis=axis)
    np.testing.assert_array_equal(np.signbit(affine), np.signbit(x))
    np.testing.assert_array_equal(np.signbit(normalized), np.signbit(x))


def test_gradient_is_linear_in_dy(geometry, dtype):
    shape, axis = geometry
    x, dy = normal(shape, dtype), normal(shape, dtype, seed=2)
    _, mean, invstd, _ = bnfast.batch_norm_forward(x, channel_axis=axis)
    plain = bnfast.batch_norm_backward(dy, x, mean, invstd, channel_axis=axis)
    double = bnfast.batch_norm_backward(-2 * dy, x, mean, invstd, channel_axis=axis)
    for a, b in zip(plain[:3], double[:3], strict=True):
        np.testing.assert_array_equal(b, -2 * a)


def test_identity_is_restored(geometry, dtype):
    """Weight = sqrt(var + eps) and bias = mean undo the normalization."""
    shape, axis = geometry
    x = normal(shape, dtype)
    mean, var, _ = bnfast.moments(x, channel_axis=axis)
    y = bnfast.batch_norm(x, None, None, np.sqrt(var + 1e-5), mean, True, channel_axis=axis)
    assert reference.max_error(y, x) <= 4 * ULP[dtype] * np.abs(x).max()


def test_permuted_channels_permute_the_bits(geometry, dtype):
    """Also where some channels need more care: one far from 0, one constant, one with outliers."""
    shape, axis = geometry
    x = np.moveaxis(normal(shape, dtype), axis, 0)
    x[0] += 1e6
    x[1] = 7
    x[2].reshape(-1)[:16] = 1e6
    x = np.ascontiguousarray(np.moveaxis(x, 0, axis))
    dy = normal(shape, dtype, seed=2)
    order = np.random.default_rng(3).permutation(shape[axis])
    weight, bias = per_channel(shape, axis)

    def results(x, dy, weight, bias):
        forward = bnfast.batch_norm_forward(x, weight, bias, channel_axis=axis)
        backward = bnfast.batch_norm_backward(
            dy, x, forward.mean, forward.invstd, weight, channel_axis=axis
        )
        inference = bnfast.batch_norm(x, weight, bias**2, bias, weight, channel_axis=axis)
        moments = bnfast.moments(x, channel_axis=axis)
        whole = [forward.y, backward.dx, inference]
        channels = [*forward[1:3], *backward[1:3], *moments[:2]]
        return whole, channels

    whole, channels = results(x, dy, weight, bias)
    permuted = [np.ascontiguousarray(np.take(a, order, axis)) for a in (x, dy)]
    permuted_whole, permuted_channels = results(*permuted, weight[order], bias[order])
    for a, b in zip(whole, permuted_whole, strict=True):
        np.testing.assert_array_equal(np.take(a, order, axis), b)
    for a, b in zip(channels, permuted_channels, strict=True):
        np.testing.assert_array_equal(a[order], b)


@pytest.mark.parametrize("out_of_place", [True, False], ids=["new", "in place"])
def test_a_samples_inference_does_not_depend_on_its_batch(geometry, dtype, out_of_place):
    shape, axis = geometry
    x = normal(shape, dtype)
    weight, bias = per_channel(shape, axis)
    arguments = (bias, weight**2, weight, bias)
    y = bnfast.batch_norm(x, *arguments, channel_axis=axis)
    for part in (slice(0, 1), slice(3, 4), slice(1, 6), slice(None, None, 2)):
        sample = x[part].copy()
        out = None if out_of_place else sample
        alone = bnfast.batch_norm(sample, *arguments, channel_axis=axis, out=out)
        np.testing.assert_array_equal(alone, y[part])
        view = bnfast.batch_norm(x[part], *arguments, channel_axis=axis)
        np.testing.assert_array_equal(view, y[part])


def test_training_is_inference_by_own_statistics(geometry, dtype):
    shape, axis = geometry
    x = normal(shape, dtype)
    mean, var, _ = bnfast.moments(x, channel_axis=axis)
    parameters = per_channel(shape, axis)
    trained = bnfast.batch_norm(x, None, None, *parameters, True, channel_axis=axis)
    inferred = bnfast.batch_norm(x, mean, var, *parameters, channel_axis=axis)
    without = bnfast.batch_norm(x, weight=parameters[0], bias=parameters[1], channel_axis=axis)
    assert reference.max_error(trained, inferred) <= 16 * ULP[dtype]
    np.testing.assert_array_equal(without, trained)


def test_inference_is_affine_by_inference_params(geometry, dtype):
    shape, axis = geometry
    x = normal(shape, dtype)
    weight, bias = per_channel(shape, axis)
    scale, shift = bnfast.inference_params(bias, weight**2, weight, bias)
    inferred = bnfast.batch_norm(x, bias, weight**2, weight, bias, channel_axis=axis)
    affine = bnfast.affine(x, scale, shift, channel_axis=axis)
    assert reference.max_error(affine, inferred) <= 8 * ULP[dtype] * np.abs(inferred).max()


def test_momentum_1_takes_the_batch_and_0_keeps_the_old(geometry, dtype):
    shape, axis = geometry
    x = normal(shape, dtype)
    mean, var, count = bnfast.moments(x, channel_axis=axis, correction=1)
    assert count == x.size // shape[axis]
    running = np.zeros(shape[axis]), np.ones(shape[axis])
    bnfast.batch_norm(x, *running, training=True, momentum=0.0, channel_axis=axis)
    np.testing.assert_array_equal(running[0], 0)
    np.testing.assert_array_equal(running[1], 1)
    bnfast.batch_norm(x, *running, training=True, momentum=1.0, channel_axis=axis)
    np.testing.assert_allclose(running[0], mean, rtol=ULP[dtype])
    np.testing.assert_allclose(running[1], var, rtol=4 * ULP[dtype])
