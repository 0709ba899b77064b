"""float16 and bfloat16: results are the reference's rounded to the type, or one ulp beside."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pytest

import bnfast
import reference
from stored_types import HALVES, eps, is_nan, ulps_apart
from test_layouts import LAYOUTS, Layout

SHAPES = {
    "planes": (6, 11, (28, 28)),
    "odd planes": (5, 9, (13, 11)),
    "short planes": (16, 37, (7, 7)),
    "long planes": (2, 3, (151, 67)),
    "table": (999, 33, ()),
    "wide table": (40, 515, ()),
    "few values": (3, 5, (7,)),
}
# Where y is so small beside the terms it is the sum of, float32's own rounding shows.
ROUNDING = 2.0**-22


def problem(n, c, inner, half):
    rng = np.random.default_rng([n, c])
    x = rng.normal(rng.uniform(-3, 3, (c, 1)), rng.uniform(0.5, 3, (c, 1)), (n, c, *flat(inner)))
    dy = rng.normal(0.3, 1, x.shape)
    weight, bias = rng.uniform(-2, 2, (2, c)).astype(np.float32)
    return x.astype(half), dy.astype(half), weight, bias


def flat(inner):
    return (int(np.prod(inner)),)


class Known(NamedTuple):
    """What the functions should make of a problem, in long double."""

    mean: np.ndarray
    var: np.ndarray
    y: np.ndarray
    xhat: np.ndarray
    gradients: tuple[np.ndarray, np.ndarray, np.ndarray]


@lru_cache(maxsize=1)
def problem_and_results(n, c, inner, half):
    """Return a problem and its results, which all layouts share."""
    x, dy, weight, bias = problem(n, c, inner, half)
    mean, var = reference.moments(x)
    y = reference.inference(x, mean, var, weight, bias)
    xhat = reference.inference(x, mean, var)
    gradients = reference.backward(dy, x, mean, var, weight)
    return (x, dy, weight, bias), Known(mean, var, y, xhat, gradients)


def check(found, exact, terms):
    """Hold results to one ulp, or to float32's rounding of terms that cancel."""
    apart = ulps_apart(found, exact)
    lost = np.abs(found.astype(np.float64) - np.asarray(exact, np.float64)) <= ROUNDING * terms
    assert np.all((apart <= 1) | lost), np.max(apart[~lost])
    assert np.mean(apart <= 1) >= 0.999
    assert np.mean(apart == 0) >= 0.97


def layouts_of(inner):
    """The layouts that differ: a table's channels are both its second and its last axis."""
    return [
        name
        for name, layout in LAYOUTS.items()
        if inner or not (Layout(*layout).axis == 1 and Layout(*layout).memory == "F")
    ]


@pytest.mark.parametrize(
    "layout, shape", [(name, s) for s, (*_, inner) in SHAPES.items() for name in layouts_of(inner)]
)
@HALVES
def test_against_the_reference(layout, shape, half):
    layout = Layout(*LAYOUTS[layout])
    n, c, inner = SHAPES[shape]
    (plain_x, plain_dy, weight, bias), known = problem_and_results(n, c, inner, half)
    mean, var, xhat = known.mean, known.var, known.xhat.astype(float)
    x, dy = layout.arrange(plain_x, inner), layout.arrange(plain_dy, inner)
    axis = {"channel_axis": layout.axis}

    def along(values):
        return np.asarray(values, np.float64)[:, None]

    invstd = 1 / np.sqrt(var + reference.Real(1e-5))
    y, found_mean, found_invstd, count = bnfast.batch_norm_forward(x, weight, bias, **axis)
    assert y.dtype == half
    assert count == plain_x.size // c
    assert found_mean.dtype == found_invstd.dtype == np.float64
    np.testing.assert_allclose(found_mean, mean.astype(float), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found_invstd, invstd.astype(float), rtol=1e-6)
    terms = np.abs(known.y - along(bias)).astype(float) + np.abs(along(bias))
    check(layout.restore(y, plain_x), known.y, terms)

    moments = bnfast.moments(x, **axis)
    np.testing.assert_allclose(moments.mean, mean.astype(float), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(moments.var, var.astype(float), rtol=1e-13)

    statistics = moments.mean.astype(np.float32), moments.var.astype(np.float32)
    exact = reference.inference(plain_x, *statistics, weight, bias)
    for y in (
        bnfast.batch_norm(x, *statistics, weight, bias, **axis),
        bnfast.Affine(statistics[0], weight / np.sqrt(statistics[1] + 1e-5), bias, **axis)(x),
    ):
        check(layout.restore(y, plain_x), exact, terms)
    scaled = bnfast.affine(x, weight, bias, **axis)
    exact = along(weight) * plain_x.astype(np.float64) + along(bias)
    check(layout.restore(scaled, plain_x), exact, np.abs(exact) + np.abs(along(bias)))
    own = bnfast.standardize(x, eps=1e-5, **axis)
    check(layout.restore(own, plain_x), known.xhat, np.abs(xhat))

    given = moments.mean, 1 / np.sqrt(moments.var + 1e-5)
    dx, dweight, dbias, _ = bnfast.batch_norm_backward(dy, x, *given, weight, **axis)
    assert dx.dtype == half
    most = along(np.abs(weight * given[1]))
    terms = most * (np.abs(plain_dy.astype(float)) + 0.2 * np.abs(xhat) + 1)
    exact = known.gradients
    check(layout.restore(dx, plain_x), exact[0], terms)
    for found, wanted in ((dweight, exact[1]), (dbias, exact[2])):
        np.testing.assert_allclose(found, wanted.astype(float), rtol=1e-5, atol=1e-5 * count)
    sums = bnfast.batch_norm_backward_reduce(dy, x, *given, **axis)
    elemt = bnfast.batch_norm_backward_elemt(dy, x, *given, weight, *sums, count, **axis)
    assert elemt.tobytes() == dx.tobytes()
    frozen = bnfast.batch_norm_backward(dy, x, *given, weight, training=False, **axis).dx
    exact = along(weight * given[1]) * plain_dy.astype(np.float64)
    check(layout.restore(frozen, plain_x), exact, np.abs(exact))


@HALVES
def test_gradients_of_frozen_statistics_are_rounded_once(half):
    dy = np.random.default_rng(3).normal(size=(4, 3, 1001)).astype(half)
    ones = np.ones(3)
    dx = bnfast.batch_norm_backward(dy, dy, ones, 0.5 * ones, 3 * ones, training=False).dx
    assert np.array_equal(dx, (1.5 * dy.astype(np.float32)).astype(half))


@pytest.mark.parametrize("axis", [1, -1])
def test_no_statistic_of_float16_overflows(axis):
    # A million values near float16's largest, and a variance far beyond it.
    x = np.full((1000, 4, 1000), 65504, np.float16)
    x[::2, 1] = -65504
    x[:, 2] = 60000
    x[:, 3] = np.random.default_rng(0).uniform(60000, 65504, (1000, 1000)).astype(np.float16)
    x = x if axis == 1 else np.ascontiguousarray(x.swapaxes(1, 2))
    mean, var = reference.moments(x, axis)
    found = bnfast.moments(x, channel_axis=axis)
    np.testing.assert_allclose(found.mean, mean.astype(float), rtol=1e-13, atol=0)
    np.testing.assert_allclose(found.var, var.astype(float), rtol=1e-12)
    y, found_mean, found_invstd, _ = bnfast.batch_norm_forward(x, channel_axis=axis)
    np.testing.assert_allclose(found_mean, mean.astype(float), rtol=1e-6)
    np.testing.assert_allclose(found_invstd, 1 / np.sqrt(var + 1e-5).astype(float), rtol=1e-6)
    assert ulps_apart(y, reference.forward(x, channel_axis=axis)).max() <= 1
    dx, dweight, dbias, _ = bnfast.batch_norm_backward(
        x, x, found.mean, 1 / np.sqrt(found.var + 1e-5), channel_axis=axis
    )
    assert np.isfinite(dweight).all()
    assert np.isfinite(dbias).all()
    assert np.isfinite(dx.astype(np.float64)).all()


@HALVES
def test_large_and_small_bfloat16_and_float16(half):
    rng = np.random.default_rng(1)
    scale = {1e-4: 0.0, 1e4: 1e-5} if half is np.float16 else {1e-30: 0.0, 1e30: 1e-5, 1e38: 1e-5}
    for size, small in scale.items():
        x = (rng.uniform(0.1, 1, (8, 3, 200)) * size).astype(half)
        y = bnfast.batch_norm(x, training=True, eps=small)
        assert ulps_apart(y, reference.forward(x, eps=small)).max() <= 1


@pytest.mark.parametrize("shape", [(4, 3, 100), (1000, 3), (40, 300), (16, 3, 9)], ids=str)
@HALVES
def test_special_values(half, shape):
    c = shape[1]
    largest = float(np.finfo(np.float16).max) if half is np.float16 else 2.0**128 * (1 - 2.0**-8)
    tiny = 2.0**-24 if half is np.float16 else 2.0**-133
    x = np.ones(shape, half)
    special = [np.nan, np.inf, -np.inf, -0.0, 0.0, tiny, -3 * tiny, largest, -largest]
    flat_view = np.moveaxis(x, 1, 0)[1]
    places = np.unravel_index(np.arange(len(special)), flat_view.shape)
    flat_view[places] = np.array(special, half)
    ones = np.ones(c)
    y = bnfast.affine(x, ones, -0.0 * ones)
    assert y[~is_nan(x)].tobytes() == x[~is_nan(x)].tobytes()
    assert np.array_equal(is_nan(y), is_nan(x))
    doubled = np.moveaxis(bnfast.affine(x, 2 * ones, -0.0 * ones), 1, 0)[1][places]
    with np.errstate(all="ignore"):
        wanted = (np.array(special) * 2).astype(half)  # the largest overflow to infinity
    assert doubled[1:].tobytes() == wanted[1:].tobytes()
    assert np.isinf(doubled[-2:].astype(float)).all()
    # NaN stays in its channel.
    trained = bnfast.batch_norm(x, training=True)
    assert is_nan(np.moveaxis(trained, 1, 0)[1]).all()
    others = np.delete(trained, 1, 1)
    assert np.array_equal(others, np.zeros_like(others))


@HALVES
def test_constant_channels_give_exactly_bias(half):
    for value in (0.0, 1.0, -15.9375, 60000.0):
        for shape in ((64, 3, 50), (2, 3), (5000, 3)):
            x = np.full(shape, value, half)
            bias = np.array([0.5, -2.25, 1000], np.float32)
            y = bnfast.batch_norm(x, weight=[1, 2, 3], bias=bias, training=True)
            assert np.array_equal(
                np.moveaxis(y, 1, -1), np.broadcast_to(bias, y.shape[:1] + y.shape[2:] + (3,))
            )


@HALVES
def test_layer(half):
    rng = np.random.default_rng(2)
    bn = bnfast.BatchNorm(5)
    x, dy = rng.normal(2, 3, (2, 8, 5, 6, 6)).astype(half)
    y = bn(x)
    assert y.dtype == half
    assert bn.running_mean.dtype == bn.weight.dtype == np.float32
    mean, _ = reference.moments(x)
    np.testing.assert_allclose(bn.running_mean, 0.1 * mean.astype(float), rtol=1e-5)
    dx = bn.backward(dy)
    assert dx.dtype == half
    assert bn.weight_grad.dtype == np.float32
    out = np.empty_like(x)
    assert bn.eval()(x, out=out) is out
    assert bn.freeze()(x).tobytes() == out.tobytes()
    # Wider arrays may follow.
    assert bn(x.astype(np.float32)).dtype == np.float32
    known = reference.inference(x, bn.running_mean, bn.running_var)
    assert ulps_apart(out, known).max() <= 1


def as_torch(torch, x):
    """Return the same numbers as a tensor; neither package reads the other's bfloat16."""
    if x.dtype == np.float16:
        return torch.from_numpy(x)
    return torch.from_numpy(x.view(np.int16)).view(torch.bfloat16)


def as_numpy(torch, tensor, half):
    return tensor.detach().contiguous().view(torch.int16).numpy().view(half)


@HALVES
def test_against_pytorch(torch, half, report):
    rng = np.random.default_rng(4)
    x = rng.normal(1, 2, (16, 12, 14, 14)).astype(half)
    dy = rng.normal(size=x.shape).astype(half)
    weight, bias = rng.uniform(0.5, 2, (2, 12)).astype(np.float32)
    tensor = as_torch(torch, x).requires_grad_()
    parameters = [torch.from_numpy(values).requires_grad_() for values in (weight, bias)]
    theirs = torch.nn.functional.batch_norm(tensor, None, None, *parameters, training=True)
    theirs.backward(as_torch(torch, dy))
    y, mean, invstd, _ = bnfast.batch_norm_forward(x, weight, bias)
    dx, dweight, _, _ = bnfast.batch_norm_backward(dy, x, mean, invstd, weight)
    exact_y = reference.forward(x, weight, bias)
    exact_dx = reference.backward(dy, x, *reference.moments(x), weight)[0]
    for name, ours, other, exact in (
        ("y", y, theirs, exact_y),
        ("dx", dx, tensor.grad, exact_dx),
    ):
        other = as_numpy(torch, other, half)
        own, their = (np.mean(ulps_apart(found, exact) > 0) for found in (ours, other))
        title = f"share of results that are not the exact ones rounded, isa {bnfast.isa()}"
        report(title, f"{np.dtype(half)} {name}  bnfast {own:.2%}  PyTorch {their:.2%}")
        assert own <= their + 1e-3
        near = eps(half) * (np.abs(exact) + 1) * 4
        assert np.all(np.abs(ours.astype(float) - other.astype(float)) <= near)
    np.testing.assert_allclose(parameters[0].grad.numpy(), dweight, rtol=0.02, atol=1)
