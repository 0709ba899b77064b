"""Every dtype, layout, rank and odd size against the reference."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pytest

import bnfast
import reference

EPS = 1e-5
CHANNELS = [1, 3, 15, 16, 17, 63, 2048]
INNER = {  # inner elements, by the rank of the array
    2: [()],
    3: [(1,), (7,), (49,), (196,)],
    4: [(1, 1), (7, 1), (7, 7), (14, 14)],
    5: [(1, 1, 1), (1, 7, 1), (7, 1, 7), (4, 7, 7)],
}

# The channel axis of the array, and where the channels lie in memory ("F": first axis innermost).
LAYOUTS = {
    "NCHW": (1, 1),
    "NHWC": (-1, -1),
    "NHWC as NCHW": (1, -1),
    "NCHW as NHWC": (-1, 1),
    "CNHW": (0, 0),
    "CNHW as NCHW": (1, 0),
    "Fortran": (1, "F"),
}


class Case(NamedTuple):
    """Values of shape (N, C, inner), and what the functions should make of them.

    Each result comes with the size of the terms that it is the sum of: rounding errors are counted
    in units of that.
    """

    x: np.ndarray
    dy: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    mean: np.ndarray
    var: np.ndarray
    y: tuple[np.ndarray, np.ndarray]
    dx: tuple[np.ndarray, np.ndarray]
    dweight: tuple[np.ndarray, np.ndarray]
    dbias: tuple[np.ndarray, np.ndarray]
    affine: tuple[np.ndarray, np.ndarray]

    @property
    def invstd(self):
        return 1 / np.sqrt(self.var + EPS)


def columns(values):
    return np.asarray(values)[:, None]


@lru_cache(maxsize=8)
def case(n, c, inner, dtype):
    rng = np.random.default_rng([n, c, inner])
    x = rng.normal(rng.uniform(-9, 9, (c, 1)), rng.uniform(0.1, 3, (c, 1)), (n, c, inner))
    x, dy = x.astype(dtype), rng.normal(0.3, 1, (n, c, inner)).astype(dtype)
    weight, bias = rng.uniform(-2, 2, (2, c)).astype(dtype)
    mean, var = (values.astype(np.float64) for values in reference.moments(x))
    y = reference.inference(x, mean, var, weight, bias, eps=EPS)
    dx, dweight, dbias = reference.backward(dy, x, mean, var, weight, eps=EPS)
    xhat = reference.inference(x, mean, var, eps=EPS)

    invstd = 1 / np.sqrt(var + EPS)
    most = np.abs(dy).max((0, 2))
    dx_terms = columns(np.abs(weight) * invstd * most * (2 + np.abs(xhat).max((0, 2))))
    # The mean that the library finds errs by an ulp: in float64 there is no wider type for it.
    lost = np.abs(weight * mean * invstd) if dtype == np.float64 else np.zeros(c)
    y_terms = np.abs(y - columns(bias)) + columns(np.abs(bias) + 1 + lost)
    affine = columns(weight) * np.asarray(x, reference.Real) + columns(bias)
    plain = np.float64
    return Case(
        x,
        dy,
        weight,
        bias,
        mean,
        var,
        (y.astype(plain), y_terms.astype(plain)),
        (dx.astype(plain), dx_terms.astype(plain)),
        (dweight.astype(plain), np.abs(dy * xhat).sum((0, 2)).astype(plain)),
        (dbias.astype(plain), np.abs(dy).sum((0, 2), dtype=plain)),
        (affine.astype(plain), np.abs(columns(weight) * x) + np.abs(columns(bias))),
    )


class Layout(NamedTuple):
    axis: int
    memory: int | str

    def arrange(self, values, inner):
        """Return (N, C, inner) values as an array with these inner axes that lies like this."""
        array = values.reshape(*values.shape[:2], *inner)
        if self.memory == "F":
            return np.asfortranarray(array)
        lying = np.ascontiguousarray(np.moveaxis(array, 1, self.memory))
        return np.moveaxis(lying, self.memory, self.axis)

    def restore(self, array, values):
        return np.moveaxis(array, self.axis, 1).reshape(values.shape)


def steps(array):
    """Return the strides, in elements, of the axes that have more than one."""
    shape = zip(array.strides, array.shape, strict=True)
    return [stride // array.itemsize for stride, length in shape if length > 1]


def check(result, exact, units):
    exact, terms = exact
    error = np.abs(result - exact) / (units * np.finfo(result.dtype).eps * terms)
    assert np.max(error) <= 1


def check_forward(known, layout, x):
    arguments = known.weight, known.bias
    y, mean, invstd, count = bnfast.batch_norm_forward(x, *arguments, channel_axis=layout.axis)
    assert y.dtype == x.dtype
    assert steps(y) == steps(x)
    assert count == x.size // known.mean.size
    check(layout.restore(y, known.x), known.y, 8)
    std = np.sqrt(known.var)
    tight = 64 * np.finfo(x.dtype).eps
    assert np.all(np.abs(mean - known.mean) <= tight * (std + 1e-9 * np.abs(known.mean)))
    np.testing.assert_allclose(invstd, known.invstd, rtol=tight)

    if count > 1:
        trained = bnfast.batch_norm(x, None, None, *arguments, True, channel_axis=layout.axis)
        assert np.array_equal(trained, y)
    moments = bnfast.moments(x, channel_axis=layout.axis)
    assert np.all(np.abs(moments.mean - known.mean) <= 1e-14 * (std + np.abs(known.mean)))
    np.testing.assert_allclose(moments.var, known.var, rtol=1e-13, atol=0)
    assert moments.count == count


def check_maps(known, layout, x):
    axis = layout.axis
    arguments = known.mean, known.var, known.weight, known.bias
    y = bnfast.batch_norm(x, *arguments, channel_axis=axis)
    assert steps(y) == steps(x)
    check(layout.restore(y, known.x), known.y, 8)

    z = bnfast.affine(x, known.weight, known.bias, channel_axis=axis)
    assert steps(z) == steps(x)
    check(layout.restore(z, known.x), known.affine, 1)
    wide = bnfast.affine(x, known.weight, known.bias, channel_axis=axis, dtype=np.float64)
    assert wide.dtype == np.float64
    assert steps(wide) == steps(x)
    check(layout.restore(wide, known.x), known.affine, 2)

    own = bnfast.standardize(x, eps=EPS, channel_axis=axis)
    given = bnfast.standardize(x, known.mean, np.sqrt(known.var), eps=EPS, channel_axis=axis)
    for s in (own, given):
        assert steps(s) == steps(x)
        y = layout.restore(s, known.x) * columns(known.weight).astype(np.float64)
        bias, units = columns(known.bias), 16 * np.finfo(x.dtype).eps
        assert np.all(np.abs(y + bias - known.y[0]) <= units * known.y[1])


def check_backward(known, layout, x, dy):
    statistics = known.mean, known.invstd, known.weight
    gradients = bnfast.batch_norm_backward(dy, x, *statistics, channel_axis=layout.axis)
    assert gradients.dx.dtype == x.dtype
    assert steps(gradients.dx) == steps(x)
    dx = layout.restore(gradients.dx, known.x)
    check(dx, known.dx, 8)
    for sums, (exact, terms) in (
        (gradients.dweight, known.dweight),
        (gradients.dbias, known.dbias),
    ):
        assert np.all(np.abs(sums - exact) <= 16 * np.finfo(x.dtype).eps * (terms + 1e-9))

    sums = bnfast.batch_norm_backward_reduce(dy, x, *statistics[:2], channel_axis=layout.axis)
    count = x.size // known.mean.size
    again = bnfast.batch_norm_backward_elemt(
        dy, x, *statistics, *sums, count, channel_axis=layout.axis
    )
    assert np.array_equal(again, gradients.dx)
    assert np.array_equal(sums[0], gradients.dbias)
    assert np.array_equal(sums[1] * known.invstd, gradients.dweight)

    frozen = bnfast.batch_norm_backward(
        dy, x, *statistics, channel_axis=layout.axis, training=False
    )
    scale = columns(known.weight.astype(np.float64) * known.invstd)
    exact = known.dy * scale
    check(layout.restore(frozen.dx, known.x), (exact, np.abs(exact) + 1e-30), 2)
    assert np.array_equal(frozen.dweight, gradients.dweight)


# The layout changes from test to test, the cases that all layouts share after seven.
@pytest.mark.parametrize("layout", [Layout(*places) for places in LAYOUTS.values()], ids=LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("rank", INNER)
@pytest.mark.parametrize("c", CHANNELS, ids="C={}".format)
def test_layout(layout, c, rank, dtype):
    for inner in INNER[rank]:
        size = int(np.prod(inner))
        for n in (1, 4) if c * size < 10_000 else (1,):
            known = case(n, c, size, dtype)
            x, dy = layout.arrange(known.x, inner), layout.arrange(known.dy, inner)
            assert not bnfast._core.describe_walk(x, dy, channel_axis=layout.axis)["copied"]
            check_forward(known, layout, x)
            check_maps(known, layout, x)
            check_backward(known, layout, x, dy)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("inner", [2, 3, 4, 7, 8, 9, 11])
@pytest.mark.parametrize("c", [2, 3, 16, 67, 300], ids="C={}".format)
def test_short_planes_end_to_end_are_rows(c, inner, dtype):
    known, layout = case(70, c, inner, dtype), Layout(1, 1)
    assert bnfast._core.describe_walk(known.x, known.dy)["walk"] == "rows"
    check_forward(known, layout, known.x)
    check_maps(known, layout, known.x)
    check_backward(known, layout, known.x, known.dy)


@pytest.mark.parametrize(
    ("shape", "walk"),
    [
        ((2, 3, 2), "rows"),
        ((1, 3, 2), "planes"),
        ((32, 3, 8), "rows"),
        ((31, 3, 8), "planes"),
        ((1000, 3, 11), "rows"),
        ((1000, 3, 12), "planes"),
    ],
)
def test_few_or_longer_planes_are_planes(shape, walk):
    x = np.zeros(shape, np.float32)
    assert bnfast._core.describe_walk(x)["walk"] == walk
    apart = np.zeros((*shape[:-1], shape[-1] + 1), np.float32)[..., :-1]
    assert bnfast._core.describe_walk(apart)["walk"] == "planes"
    assert bnfast._core.describe_walk(x, apart)["walk"] == "planes"
