"""Gradients: by finite differences, by PyTorch's autograd, in halves, in place, and their sums."""

from itertools import product

import numpy as np
import pytest

import bnfast
import reference
from finite_differences import finite_differences

C = 5
LAYOUTS = {
    "NC": ((17, C), 1),
    "NCL": ((6, C, 7), 1),
    "NCHW": ((4, C, 9, 8), 1),
    "NHWC": ((4, 9, 8, C), -1),
    "NCDHW": ((2, C, 3, 4, 5), 1),
    "NHWC seen as NCHW": ((4, 9, 8, C), -1),
}
LARGE = {"large NCHW": ((16, C, 64, 64), 1), "large NHWC": ((16, 64, 64, C), -1)}


class Problem:
    """A float64 batch with weight, bias, statistics and the gradient of some loss for y."""

    def __init__(self, layout, dtype=np.float64, eps=1e-3):
        shape, axis = (LAYOUTS | LARGE)[layout]
        rng = np.random.default_rng(11)
        self.x = rng.normal(2, 3, shape).astype(dtype)
        self.dy = rng.standard_normal(shape).astype(dtype)
        self.weight, self.bias = rng.standard_normal((2, C))
        self.running_mean, self.running_var = rng.uniform(1, 2, (2, C))
        self.eps, self.axis = eps, axis
        if "seen as" in layout:
            self.x, self.dy = np.moveaxis(self.x, axis, 1), np.moveaxis(self.dy, axis, 1)
            self.axis = 1

    def y(self, x, weight, bias, training):
        running = (None, None) if training else (self.running_mean, self.running_var)
        arguments = {"training": training, "eps": self.eps, "channel_axis": self.axis}
        return bnfast.batch_norm(x, *running, weight, bias, **arguments)

    def statistics(self, training):
        """Return mean and 1/sqrt(var + eps)."""
        if not training:
            return self.running_mean, 1 / np.sqrt(self.running_var + self.eps)
        return bnfast.batch_norm_forward(self.x, eps=self.eps, channel_axis=self.axis)[1:3]

    def gradients(self, training=True, **options):
        """Return bnfast's dx, dweight, dbias, dresidual."""
        mean, invstd = self.statistics(training)
        options = {"channel_axis": self.axis, "training": training} | options
        return bnfast.batch_norm_backward(self.dy, self.x, mean, invstd, self.weight, **options)


@pytest.fixture(params=LAYOUTS)
def layout(request):
    return request.param


@pytest.fixture(params=[True, False], ids=["training", "frozen"])
def training(request):
    return request.param


@pytest.fixture(params=[np.float32, np.float64], ids=lambda t: t.__name__)
def dtype(request):
    return request.param


def test_finite_differences(layout, training):
    p = Problem(layout)

    def loss(x=p.x, weight=p.weight, bias=p.bias):
        return np.sum(p.dy * p.y(x, weight, bias, training))

    dx, dweight, dbias, dresidual = p.gradients(training)
    assert dresidual is None
    few = {"rtol": 1e-6, "atol": 1e-8}
    np.testing.assert_allclose(dx, finite_differences(lambda x: loss(x=x), p.x), **few)
    np.testing.assert_allclose(
        dweight, finite_differences(lambda weight: loss(weight=weight), p.weight), **few
    )
    np.testing.assert_allclose(
        dbias, finite_differences(lambda bias: loss(bias=bias), p.bias), **few
    )


def test_pytorchs_autograd(layout, training, torch):
    p = Problem(layout)
    x, weight, bias = (torch.tensor(a, requires_grad=True) for a in (p.x, p.weight, p.bias))
    running = [torch.tensor(a) for a in (p.running_mean, p.running_var)]
    y = torch.nn.functional.batch_norm(
        x.movedim(p.axis, 1), *running, weight, bias, training=training, eps=p.eps
    )
    y.backward(torch.tensor(p.dy).movedim(p.axis, 1))
    dx, dweight, dbias, _ = p.gradients(training)
    np.testing.assert_allclose(dx, x.grad.numpy(), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(dweight, weight.grad.numpy(), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(dbias, bias.grad.numpy(), rtol=1e-12, atol=1e-13)


def test_reference(layout, training, dtype):
    p = Problem(layout, dtype)
    statistics = reference.moments(p.x, p.axis)
    if not training:
        statistics = p.running_mean, p.running_var
    exact = reference.backward(
        p.dy, p.x, *statistics, p.weight, eps=p.eps, channel_axis=p.axis, training=training
    )
    dx, dweight, dbias, _ = p.gradients(training)
    ulp = np.finfo(dtype).eps
    assert dx.dtype == dtype
    assert dweight.dtype == dbias.dtype == np.float64
    assert reference.max_error(dx, exact[0]) <= 16 * ulp
    axes = tuple(np.delete(np.arange(p.x.ndim), p.axis))
    xhat = reference.inference(p.x, *statistics, eps=p.eps, channel_axis=p.axis)
    assert np.all(np.abs(dweight - exact[1]) <= 2 * ulp * np.abs(p.dy * xhat).sum(axes))
    assert np.all(np.abs(dbias - exact[2]) <= 2 * ulp * np.abs(p.dy).sum(axes, np.longdouble))


@pytest.mark.parametrize(
    "mask", list(product([True, False], repeat=3)), ids=lambda m: "".join("01"[b] for b in m)
)
def test_output_mask(mask, training, layout):
    p = Problem(layout)
    whole = p.gradients(training)[:3]
    for wanted, result, expected in zip(
        mask, p.gradients(training, output_mask=mask)[:3], whole, strict=True
    ):
        if wanted:
            np.testing.assert_array_equal(result, expected)
        else:
            assert result is None


def test_absent_weight_is_1_and_bias_does_not_matter(training):
    p = Problem("NCHW")
    p.weight = None
    absent = p.gradients(training)
    p.weight = np.ones(C)
    for a, b in zip(absent[:3], p.gradients(training, bias=p.bias)[:3], strict=True):
        np.testing.assert_array_equal(a, b)


def test_frozen_dx_is_dy_scaled(layout):
    p = Problem(layout)
    scale = p.weight * p.statistics(training=False)[1]
    exact = p.dy * np.moveaxis(scale.reshape([-1] + (p.x.ndim - 1) * [1]), 0, p.axis)
    np.testing.assert_array_equal(p.gradients(training=False).dx, exact)


@pytest.mark.parametrize("layout", [*LAYOUTS, *LARGE])
@pytest.mark.parametrize("over", ["dy", "x"])
def test_in_place(over, layout, training, dtype):
    expected = Problem(layout, dtype).gradients(training)
    p = Problem(layout, dtype)
    result = p.gradients(training, out=getattr(p, over))
    assert result.dx is getattr(p, over)
    for a, b in zip(result[:3], expected[:3], strict=True):
        np.testing.assert_array_equal(a, b)


def halves(p, parts, mean, invstd):
    """Return dx of all parts, and the sums over them, as synchronised batch norm finds them."""
    sums = [
        bnfast.batch_norm_backward_reduce(p.dy[part], p.x[part], mean, invstd, channel_axis=p.axis)
        for part in parts
    ]
    sum_dy, sum_dy_xmu = np.sum(sums, axis=0)
    arguments = (mean, invstd, p.weight, sum_dy, sum_dy_xmu, p.x.size // C)
    dx = [
        bnfast.batch_norm_backward_elemt(p.dy[part], p.x[part], *arguments, channel_axis=p.axis)
        for part in parts
    ]
    return np.concatenate(dx), sum_dy, sum_dy_xmu


def test_halves_make_the_whole(layout, dtype):
    p = Problem(layout, dtype)
    mean, invstd = p.statistics(training=True)
    dx, sum_dy, sum_dy_xmu = halves(p, [slice(None)], mean, invstd)
    whole = p.gradients()
    np.testing.assert_array_equal(dx, whole.dx)
    np.testing.assert_array_equal(sum_dy, whole.dbias)
    np.testing.assert_array_equal(sum_dy_xmu * invstd, whole.dweight)


def test_halves_over_two_parts_of_a_batch(layout, dtype):
    p = Problem(layout, dtype)
    mean, invstd = p.statistics(training=True)
    dx, sum_dy, sum_dy_xmu = halves(p, [slice(1), slice(1, None)], mean, invstd)
    whole = p.gradients()
    ulp = np.finfo(dtype).eps
    np.testing.assert_allclose(dx, whole.dx, rtol=0, atol=8 * ulp)
    np.testing.assert_allclose(sum_dy, whole.dbias, rtol=0, atol=64 * ulp)
    np.testing.assert_allclose(sum_dy_xmu * invstd, whole.dweight, rtol=0, atol=64 * ulp)


def test_dx_sums_to_0_and_is_orthogonal_to_xhat(layout, dtype):
    p = Problem(layout, dtype, eps=0.0)
    dx = p.gradients().dx.astype(np.float64)
    xhat = reference.forward(p.x, eps=0, channel_axis=p.axis)
    axes = tuple(np.delete(np.arange(p.x.ndim), p.axis))
    total = 4 * np.finfo(dtype).eps * np.abs(dx * xhat).sum(axes)
    assert np.all(np.abs(dx.sum(axes)) <= total)
    assert np.all(np.abs((dx * xhat).sum(axes)) <= total)
