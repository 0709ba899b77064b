"""Activation and residual, fused with batch norm: forward, gradients, layer."""

import copy
import pickle
from functools import lru_cache

import numpy as np
import pytest

import bnfast
import reference
from reference import ACTIVATIONS, Real

NAMES = pytest.mark.parametrize("name", ACTIVATIONS)
WITH_RESIDUAL = pytest.mark.parametrize("with_residual", [False, True], ids=["", "residual"])
# Around every limit: single vectors, one run, several runs, turns, pieces, long rows, streaming.
SHAPES = [
    ((4, 5, 63), 1),
    ((3, 70, 49), 1),
    ((1, 33, 196), 1),
    ((5, 3, 700), 1),
    ((2, 2, 5001), 1),
    ((40, 37), 1),
    ((6, 11, 300), -1),
    ((900, 3), -1),
]
TOLERANCES = {np.float32: 2e-6, np.float64: 1e-14}


def data(shape, axis, dtype, seed=3):
    rng = np.random.default_rng(seed)
    x, dy, residual = (rng.normal(0.5, 2, shape).astype(dtype) for _ in range(3))
    weight, bias = rng.uniform(0.5, 2, shape[axis]), rng.uniform(-1, 1, shape[axis])
    return x, dy, residual, weight, bias


@lru_cache(maxsize=1)
def exact_statistics(shape, axis, dtype):
    return reference.moments(data(shape, axis, dtype)[0], axis)


def before_activation(x, statistics, residual, weight, bias, axis):
    v = reference.inference(x, *statistics, weight, bias, channel_axis=axis)
    return v if residual is None else v + residual


def away_from_kinks(v):
    """Where rounding does not decide which slope is taken."""
    return np.min([abs(v - kink) for kink in (-3, 0, 3, 6)], axis=0) > 1e-4


@NAMES
@WITH_RESIDUAL
@pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])
@pytest.mark.parametrize("shape, axis", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", TOLERANCES, ids=lambda dtype: dtype.__name__)
def test_values_and_gradients(name, with_residual, dtype, training, shape, axis):
    x, dy, residual, weight, bias = data(shape, axis, dtype)
    residual = residual if with_residual else None
    statistics = exact_statistics(shape, axis, dtype) if training else (weight, weight)
    v = before_activation(x, statistics, residual, weight, bias, axis)
    dy = np.where(away_from_kinks(v), dy, 0).astype(dtype)
    value, slope = ACTIVATIONS[name]
    y, g = value(v), dy * slope(v)
    back = {"channel_axis": axis, "training": training}
    wanted = *reference.backward(g, x, *statistics, weight, **back), g
    fused = {"channel_axis": axis, "activation": name, "residual": residual}
    if training:
        found, mean, invstd, _ = bnfast.batch_norm_forward(x, weight, bias, **fused)
    else:
        found = bnfast.batch_norm(x, weight, weight, weight, bias, **fused)
        mean, invstd = weight, 1 / np.sqrt(weight + 1e-5)
    most = TOLERANCES[dtype]
    assert reference.max_error(found, y) <= most * max(1, abs(y).max())
    gradients = bnfast.batch_norm_backward(
        dy, x, mean, invstd, weight, bias, training=training, **fused
    )
    assert (gradients.dresidual is None) == (residual is None)
    for member, right in zip(gradients, wanted, strict=True):
        if member is not None:
            assert reference.max_error(member, right) <= most * max(1, abs(right).max())


@WITH_RESIDUAL
@pytest.mark.parametrize("name", ["relu", "silu"])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_large_arrays(layout, name, with_residual):
    # 37 MB: the outputs are stored past the caches.
    shape, axis = ((3, 31, 99_991), 1) if layout == "NCHW" else ((3, 99_991, 31), -1)
    x, dy, residual, weight, bias = data(shape, axis, np.float32)
    residual = residual if with_residual else None
    fused = {"channel_axis": axis, "activation": name, "residual": residual}
    forward = bnfast.batch_norm_forward(x, weight, bias, **fused)
    plain = bnfast.batch_norm_forward(x, weight, bias, channel_axis=axis).y
    plain = plain if residual is None else plain + residual
    ones, zeros = np.ones(31), np.zeros(31)
    apart = bnfast.affine(plain, ones, zeros, channel_axis=axis, activation=name)
    assert np.array_equal(forward.y, apart)
    gradients = bnfast.batch_norm_backward(dy, x, *forward[1:3], weight, bias, **fused)
    g = dy * ACTIVATIONS[name][1](plain.astype(np.float64)).astype(np.float32)
    wanted = bnfast.batch_norm_backward(g, x, *forward[1:3], weight, channel_axis=axis)
    assert reference.max_error(gradients.dx, wanted.dx) < 1e-5
    np.testing.assert_allclose(gradients.dweight, wanted.dweight, atol=1)
    if with_residual:
        assert reference.max_error(gradients.dresidual, g) < 4e-6


@pytest.mark.parametrize("dtype", TOLERANCES, ids=lambda dtype: dtype.__name__)
def test_silu_is_within_two_ulp(dtype):
    lowest = -104 if dtype is np.float32 else -740
    x = np.concatenate(
        [
            np.linspace(lowest, 90, 200_001),
            -np.logspace(-30, 1, 20_000),
            np.logspace(-30, 30, 20_000),
        ]
    ).astype(dtype)
    wanted = ACTIVATIONS["silu"][0](np.maximum(x.astype(Real), -11000))
    found = bnfast.affine(x[:, None], [1], [0], activation="silu")[:, 0]
    ulp = np.spacing(np.abs(wanted.astype(dtype))).astype(Real)
    assert np.max(np.abs(found - wanted) / ulp) <= 2


@pytest.mark.parametrize(
    "name, wanted",
    [
        ("relu", [0, np.inf, np.nan, 0, 7, 0]),
        ("relu6", [0, 6, np.nan, 0, 6, 0]),
        ("leaky_relu", [-np.inf, np.inf, np.nan, 0, 7, -0.04]),
        ("hardswish", [0, np.inf, np.nan, 0, 7, 0]),
        ("silu", [0, np.inf, np.nan, 0, 6.9936233, -0.07194484]),
    ],
)
def test_special_values(name, wanted):
    x = np.array([-np.inf, np.inf, np.nan, -0.0, 7, -4], np.float32)
    found = bnfast.affine(x[None], np.ones(6), np.zeros(6), activation=name)[0]
    np.testing.assert_allclose(found, np.array(wanted, np.float32), rtol=1e-6)


@pytest.mark.parametrize("name", ["relu", "silu"])
def test_outputs_may_be_inputs(name):
    x, dy, residual, weight, bias = data((6, 5, 77), 1, np.float32)
    fused = {"activation": name, "residual": residual}
    forward = bnfast.batch_norm_forward(x, weight, bias, **fused)
    for place in (0, 1):
        own = [x.copy(), residual.copy()]
        out = own[place]
        y = bnfast.batch_norm_forward(
            own[0], weight, bias, activation=name, residual=own[1], out=out
        ).y
        assert y is out
        assert np.array_equal(y, forward.y)
    wanted = bnfast.batch_norm_backward(dy, x, *forward[1:3], weight, bias, **fused)
    for place in (0, 1, 2):
        own = [dy.copy(), x.copy(), residual.copy()]
        found = bnfast.batch_norm_backward(
            *own[:2], *forward[1:3], weight, bias, activation=name, residual=own[2], out=own[place]
        )
        assert found.dx is own[place]
        for member, right in zip(found, wanted, strict=True):
            assert np.array_equal(member, right)


def test_negative_slope():
    x = np.array([[-2.0], [3.0]])
    slope = {"activation": "leaky_relu", "negative_slope": 0.25}
    assert bnfast.affine(x, [1], [0], **slope).tolist() == [[-0.5], [3.0]]
    dx = bnfast.batch_norm_backward(np.ones_like(x), x, [0], [1], training=False, **slope).dx
    assert dx.tolist() == [[0.25], [1.0]]


def test_result_of_another_dtype():
    x, _, residual, _, _ = data((6, 5, 77), 1, np.float32)
    wide = residual.astype(np.float64)
    found = bnfast.affine(
        x, np.full(5, 2.0), np.ones(5), activation="relu", residual=wide, dtype=np.float64
    )
    assert np.array_equal(found, np.maximum(x.astype(np.float64) * 2 + 1 + wide, 0))


@pytest.mark.parametrize("name", [None, "relu", "silu"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtypes", [("uint8", "float32"), ("float32", "float64")], ids=str)
def test_result_of_another_dtype_in_place_of_the_residual(dtypes, order, name):
    rng = np.random.default_rng(5)
    x = rng.integers(0, 200, (6, 5, 77)).astype(dtypes[0], order=order)
    residual = rng.normal(0, 100, x.shape).astype(dtypes[1], order=order)
    scale, shift = np.full(5, 0.5), np.full(5, -40.0)
    wanted = bnfast.affine(
        x, scale, shift, residual=residual.copy(), activation=name, dtype=dtypes[1]
    )
    found = bnfast.affine(
        x, scale, shift, residual=residual, activation=name, dtype=dtypes[1], out=residual
    )
    assert found is residual
    assert np.array_equal(found, wanted)


@pytest.mark.parametrize("residual", [None, np.zeros((3, 1), np.float32)], ids=["", "residual"])
@pytest.mark.parametrize("name", [None, "relu", "leaky_relu"])
def test_infinite_inputs_do_not_spoil_gradients_with_constant_statistics(name, residual):
    x = np.array([[np.inf], [-np.inf], [1]], np.float32)
    dy = np.ones_like(x)
    given = {"activation": name, "residual": residual, "negative_slope": 0.25}
    dx = bnfast.batch_norm_backward(dy, x, [0], [2], [3], [0], training=False, **given).dx
    below = {None: 6.0, "relu": 0.0, "leaky_relu": 1.5}[name]
    assert dx[:, 0].tolist() == [6.0, below, 6.0]


def test_dresidual_alone():
    x, dy, residual, weight, bias = data((6, 5, 77), 1, np.float64)
    statistics = bnfast.batch_norm_forward(x)[1:3]
    fused = {"activation": "silu", "residual": residual}
    whole = bnfast.batch_norm_backward(dy, x, *statistics, weight, bias, **fused)
    alone = bnfast.batch_norm_backward(
        dy, x, *statistics, weight, bias, output_mask=(False, False, False), **fused
    )
    assert alone[:3] == (None, None, None)
    assert np.array_equal(alone.dresidual, whole.dresidual)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", ["relu6", "silu"])
def test_layer(training, name):
    x, dy, residual, weight, bias = data((6, 5, 77), 1, np.float32)
    bn = bnfast.BatchNorm(5, activation=name)
    bn.weight, bn.bias = weight.astype(np.float32), bias.astype(np.float32)
    bn.running_mean += 0.25
    bn.train(training)
    frozen = bn.freeze()
    y = bn(x, residual=residual)
    fused = {"activation": name, "residual": residual}
    wanted = bnfast.batch_norm_forward(x, bn.weight, bn.bias, **fused)
    statistics = wanted[1:3]
    if not training:
        wanted = [frozen(x, residual=residual)]
        statistics = bn.running_mean, bnfast.inference_params(bn.running_mean, bn.running_var)[0]
    assert np.array_equal(y, wanted[0])
    dx = bn.backward(dy)
    gradients = bnfast.batch_norm_backward(
        dy, x, *statistics, bn.weight, bn.bias, training=training, **fused
    )
    assert np.array_equal(dx, gradients.dx)
    assert np.array_equal(bn.residual_grad, gradients.dresidual)
    assert np.array_equal(bn.weight_grad, gradients.dweight.astype(np.float32))
    for twin in (pickle.loads(pickle.dumps(bn)), copy.deepcopy(bn)):
        assert twin.activation == name
        assert np.array_equal(twin.eval()(x), bn.eval()(x))
    twin = pickle.loads(pickle.dumps(frozen))
    assert twin.activation == frozen.activation == name
    assert np.array_equal(twin(x, residual=residual), frozen(x, residual=residual))
    assert f"activation={name!r}" in repr(bn)
