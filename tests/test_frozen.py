"""`BatchNorm.freeze` and the `Affine` it returns: the same bits, for good, from many threads."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import bnfast

C = 5
GEOMETRIES = {"NC": ((7, C), 1), "NCHW": ((4, C, 6, 9), 1), "NHWC": ((4, 6, 9, C), -1)}


@pytest.fixture(params=[np.float32, np.float64], ids=lambda t: t.__name__)
def dtype(request):
    return request.param


@pytest.fixture(params=[True, False], ids=["affine", "not affine"])
def layer(request, dtype):
    """A layer with uneven parameters and statistics, in eval mode."""
    return make_layer(1, dtype, affine=request.param)


def make_layer(axis, dtype, *, affine=True):
    rng = np.random.default_rng(4)
    bn = bnfast.BatchNorm(C, channel_axis=axis, dtype=dtype, affine=affine).eval()
    bn.running_mean[:] = rng.normal(100, 3, C)
    bn.running_var[:] = rng.uniform(0.1, 9, C)
    if affine:
        bn.weight[:], bn.bias[:] = rng.standard_normal((2, C))
    return bn


def batch(shape, dtype, seed=0):
    return np.random.default_rng(seed).normal(100, 3, shape).astype(dtype)


@pytest.mark.parametrize("shape, axis", GEOMETRIES.values(), ids=GEOMETRIES)
@pytest.mark.parametrize("affine", [True, False], ids=["affine", "not affine"])
def test_bits_are_the_layers(shape, axis, affine, dtype):
    bn = make_layer(axis, dtype, affine=affine)
    frozen = bn.freeze()
    for x_dtype in (np.float32, np.float64):
        for seed in range(20):
            x = batch(shape, x_dtype, seed)
            y = frozen(x)
            assert y.dtype == x_dtype
            np.testing.assert_array_equal(y, bn(x))


def test_attributes(layer):
    frozen = layer.freeze()
    assert isinstance(frozen, bnfast.Affine)
    assert frozen.num_features == C
    assert frozen.channel_axis == 1
    np.testing.assert_array_equal(frozen.mean, layer.running_mean)
    np.testing.assert_array_equal(frozen.shift, np.zeros(C) if layer.bias is None else layer.bias)
    scale, _ = bnfast.inference_params(layer.running_mean, layer.running_var, layer.weight)
    np.testing.assert_array_equal(frozen.scale, scale)


def test_later_changes_of_the_layer_do_not_reach_it(layer, dtype):
    x = batch((6, C, 3), dtype)
    frozen = layer.freeze()
    y = frozen(x)
    layer.running_mean += 1
    if layer.affine:
        layer.weight[:] = 0
    layer(x, training=True)
    np.testing.assert_array_equal(frozen(x), y)


@pytest.mark.once
@pytest.mark.parametrize("name", ["mean", "scale", "shift", "channel_axis", "num_features"])
def test_it_is_immutable(layer, name, dtype):
    x, frozen = batch((6, C), dtype), layer.freeze()
    y = frozen(x)
    with pytest.raises(AttributeError):
        setattr(frozen, name, 3)
    with pytest.raises(AttributeError):
        frozen.unheard_of = 3
    if name in ("mean", "scale", "shift"):
        getattr(frozen, name)[:] = 0  # a copy
    np.testing.assert_array_equal(frozen(x), y)


@pytest.mark.parametrize(
    "copied",
    [lambda frozen: pickle.loads(pickle.dumps(frozen)), copy.copy, copy.deepcopy],
    ids=["pickle", "copy", "deepcopy"],
)
@pytest.mark.parametrize("shape, axis", GEOMETRIES.values(), ids=GEOMETRIES)
def test_copies(copied, shape, axis, dtype):
    frozen = make_layer(axis, dtype).freeze()
    twin, x = copied(frozen), batch(shape, dtype)
    assert twin.channel_axis == frozen.channel_axis
    np.testing.assert_array_equal(twin(x), frozen(x))


def test_many_threads(dtype):
    frozen = make_layer(1, dtype).freeze()
    inputs = [batch((8, C, 30, 31), dtype, seed) for seed in range(16)]
    expected = [frozen(x) for x in inputs]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(frozen, inputs * 8))
    for y, exact in zip(results, expected * 8, strict=True):
        np.testing.assert_array_equal(y, exact)


def test_out(layer, dtype):
    x, frozen = batch((6, C, 3), dtype), layer.freeze()
    y, out = frozen(x), np.empty_like(x)
    assert frozen(x, out) is out
    np.testing.assert_array_equal(out, y)
    assert frozen(x, out=x, num_threads=2) is x
    np.testing.assert_array_equal(x, y)


def test_made_by_hand():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    frozen = bnfast.Affine([1, 2], [10, 100], [0.5, 0.25])
    np.testing.assert_array_equal(frozen(x), [[0.5, 0.25], [20.5, 200.25]])


@pytest.mark.once
def test_refusals():
    with pytest.raises(ValueError, match=r"scale must have shape \(2,\), got \(3,\)"):
        bnfast.Affine([1, 2], [1, 2, 3], [0, 0])
    with pytest.raises(TypeError, match="mean must be an array"):
        bnfast.Affine(None, [1, 2], [0, 0])
    with pytest.raises(ValueError, match="x must have 2 channels on axis 1"):
        bnfast.Affine([1, 2], [1, 2], [0, 0])(np.ones((2, 3)))
    with pytest.raises(ValueError, match="out must have shape"):
        bnfast.Affine([1, 2], [1, 2], [0, 0])(np.ones((2, 2)), np.ones((3, 2)))
