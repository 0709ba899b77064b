"""Whatever the shape, the channel axis, the strides and the dtype: results as the reference's."""

import math
from itertools import combinations, pairwise, permutations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import bnfast
import reference

PROFILE = settings(derandomize=True, deadline=None, max_examples=150, database=None)
EPS = 1e-5


@st.composite
def shapes(draw):
    """Draw a shape of two to five axes, one of which may be long, and its channel axis."""
    rank = draw(st.integers(2, 5))
    shape = [draw(st.integers(1, 5)) for _ in range(rank)]
    shape[draw(st.integers(0, rank - 1))] = draw(st.integers(1, 70))
    return tuple(shape), draw(st.integers(-rank, rank - 1))


@st.composite
def places(draw, shape, dtype):
    """Draw an array of this shape that lies anyhow: axes in any order, with steps and offsets."""
    order = draw(st.permutations(range(len(shape))))
    steps = draw(st.tuples(*[st.sampled_from([1, 1, 1, 2, -1, -3])] * len(shape)))
    offset = draw(st.sampled_from([0, 0, 1, 3]))  # bytes: NumPy calls such an array unaligned
    room = [n * abs(step) for n, step in zip(shape, steps, strict=True)]
    size = math.prod(room)
    memory = np.zeros(size * np.dtype(dtype).itemsize + offset, np.uint8)
    larger = np.frombuffer(memory, dtype, size, offset).reshape([room[axis] for axis in order])
    index = tuple(slice(None, None, step) for step in steps)
    return larger.transpose(np.argsort(order))[index]


@st.composite
def problems(draw):
    """Draw x and dy that lie anyhow, and per-channel values."""
    shape, axis = draw(shapes())
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    x, dy = draw(places(shape, dtype)), draw(places(shape, dtype))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x[...] = rng.normal(draw(st.sampled_from([0, 3, -40])), 2, shape)
    dy[...] = rng.normal(0.5, 1, shape)
    return x, dy, axis, *rng.uniform(-2, 2, (2, shape[axis]))


def along(values, x, axis):
    return np.abs(reference.along_channels(values, x.ndim, axis))


def units(dtype):
    return 8 * np.finfo(dtype).eps


@PROFILE
@given(problems())
def test_forward(problem):
    x, _, axis, weight, bias = problem
    mean, var = reference.moments(x, axis)
    invstd = 1 / np.sqrt(var + reference.Real(EPS))
    exact = reference.inference(x, mean, var, weight, bias, eps=EPS, channel_axis=axis)
    result = bnfast.batch_norm_forward(x, weight, bias, channel_axis=axis)

    # A float64 mean is the best there is: half an ulp of it counts, in standard deviations.
    lost = np.abs(mean) * invstd if x.dtype == np.float64 else 0 * mean
    terms = np.abs(exact) + along(bias, x, axis) + along(weight * (1 + lost), x, axis) + 1
    assert result.y.dtype == x.dtype
    assert np.all(np.abs(result.y - exact) <= units(x.dtype) * terms)
    assert np.all(np.abs(result.mean - mean) <= units(x.dtype) * (np.sqrt(var) + np.abs(mean)))
    assert np.all(np.abs(result.invstd - invstd) <= units(x.dtype) * invstd)
    assert result.count == x.size // mean.size
    if result.count > 1:
        again = bnfast.batch_norm(x, None, None, weight, bias, True, channel_axis=axis)
        assert np.array_equal(again, result.y)


@PROFILE
@given(problems())
def test_moments_and_standardize(problem):
    x, _, axis, *_ = problem
    mean, var = reference.moments(x, axis)
    moments = bnfast.moments(x, channel_axis=axis)
    assert np.all(np.abs(moments.mean - mean) <= 1e-15 * (np.abs(mean) + np.sqrt(var)) * 2)
    assert np.all(np.abs(moments.var - var) <= 1e-13 * var)
    y = bnfast.standardize(x, channel_axis=axis, eps=EPS)
    exact = reference.forward(x, eps=EPS, channel_axis=axis)
    lost = 1 if x.dtype == np.float32 else along(np.abs(mean) / np.sqrt(var + EPS), x, axis) + 1
    assert np.all(np.abs(y - exact) <= units(x.dtype) * (np.abs(exact) + lost))


@PROFILE
@given(problems())
def test_backward(problem):
    x, dy, axis, weight, _ = problem
    mean, var = (values.astype(np.float64) for values in reference.moments(x, axis))
    invstd = 1 / np.sqrt(var + EPS)
    arguments = dy, x, mean, invstd, weight
    for training in (True, False):
        exact = reference.backward(
            dy, x, mean, var, weight, eps=EPS, channel_axis=axis, training=training
        )
        result = bnfast.batch_norm_backward(*arguments, channel_axis=axis, training=training)
        most, count = np.abs(dy).max(), x.size // mean.size
        reach = np.sqrt(count)  # of xhat
        terms = along(weight * invstd, x, axis) * most * (2 + reach)
        assert np.all(np.abs(result.dx - exact[0]) <= units(x.dtype) * terms)
        assert np.all(np.abs(result.dweight - exact[1]) <= units(x.dtype) * most * count * 2)
        assert np.all(np.abs(result.dbias - exact[2]) <= units(x.dtype) * most * count)


@PROFILE
@given(problems(), st.data())
def test_maps_into_any_place(problem, data):
    x, dy, axis, scale, shift = problem
    kept, plain = x.copy(), np.array(x, order="C")
    wanted = bnfast.affine(plain, scale, shift, channel_axis=axis)
    exact = reference.inference(x, 0, 1, scale, shift, eps=0, channel_axis=axis)
    terms = np.abs(exact) + 2 * along(shift, x, axis)
    assert np.all(np.abs(wanted - exact) <= units(x.dtype) / 4 * terms)

    out = data.draw(places(x.shape, x.dtype))
    assert bnfast.affine(x, scale, shift, channel_axis=axis, out=out) is out
    assert np.array_equal(out, wanted)
    around = out.base.base if out.base.base is not None else out.base
    out[...] = 0
    assert not around.any()
    assert np.array_equal(x, kept)

    y = bnfast.batch_norm(x, channel_axis=axis)
    arguments = dy, x, scale, shift
    dx = bnfast.batch_norm_backward(*arguments, channel_axis=axis).dx
    assert bnfast.batch_norm_backward(*arguments, channel_axis=axis, out=dy).dx is dy
    assert np.array_equal(dy, dx)
    assert bnfast.batch_norm(x, channel_axis=axis, out=x) is x
    assert np.array_equal(x, y)


def merges(axes, arrays):
    """Tell whether these axes, in this order, are one long axis in every array."""
    return all(
        array.strides[slow] == array.strides[fast] * array.shape[fast]
        for slow, fast in pairwise(axes)
        for array in arrays
    )


def side_by_side(axis, arrays):
    return all(array.strides[axis] == array.itemsize for array in arrays)


def walk_exists(arrays, channel):
    """Tell, by trying all, whether some axes make one outer axis and the others one inner axis."""
    axes = [axis for axis, n in enumerate(arrays[0].shape) if n > 1 and axis != channel]
    several_channels = arrays[0].shape[channel] > 1
    for count in range(len(axes) + 1):
        for inner in combinations(axes, count):
            outer = [axis for axis in axes if axis not in inner]
            whole = any(merges(order, arrays) for order in permutations(outer))
            dense = any(
                merges(order, arrays) and side_by_side(order[-1], arrays)
                for order in permutations(inner)
                if order
            )
            if not inner:  # single elements: only worth walking along the channels
                dense = side_by_side(channel, arrays) if several_channels else not outer
            if whole and dense:
                return True
    return False


@settings(PROFILE, max_examples=300)
@given(problems())
def test_a_copy_is_made_only_where_no_walk_exists(problem):
    x, dy, axis, *_ = problem
    for arrays in ((x,), (x, dy), (x, x), (x, np.empty_like(x))):
        walk = bnfast._core.describe_walk(*arrays, channel_axis=axis)
        assert walk["copied"] != walk_exists(arrays, axis % x.ndim)
        if not walk["copied"]:
            assert walk["outer"] * walk["channels"] * walk["inner"] == x.size
            assert walk["channels"] == x.shape[axis]
