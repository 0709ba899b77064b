"""Test-time adaptation: normalization by a blend of the batch's and the running statistics."""

from fractions import Fraction

import numpy as np
import pytest

import bnfast
import reference
from layer_problem import CALLS, EPS, LAYOUTS, C, Problem, state_of

PRIORS = [0, 0.5, 16, Fraction(7, 3)]


@pytest.fixture(params=LAYOUTS)
def layout(request):
    return request.param


@pytest.fixture(params=["linear", "pooled"])
def blend(request):
    return request.param


def blended(p, x, prior, blend):
    """Return mean and variance by the definitions, in long double."""
    a = reference.Real(float(prior)) / (reference.Real(float(prior)) + len(x))
    mean, var = reference.moments(x, p.axis)
    between = (mean - p.running_mean) ** 2 if blend == "pooled" else 0
    return (
        a * p.running_mean + (1 - a) * mean,
        a * p.running_var + (1 - a) * var + a * (1 - a) * between,
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=lambda t: t.__name__)
@pytest.mark.parametrize("prior", PRIORS)
def test_definitions(layout, prior, blend, dtype):
    p = Problem(layout, dtype)
    expected = p.inferred(p.x, *blended(p, p.x, prior, blend), p.weight, p.bias)
    bn = p.layer().eval()
    y = bn.adapt(p.x, prior, blend=blend)
    assert y.dtype == dtype
    assert reference.max_error(y, expected) <= 16 * np.finfo(dtype).eps
    for out in (np.empty_like(p.x), p.x):
        assert bn.adapt(p.x, prior=prior, blend=blend, out=out) is out
        np.testing.assert_array_equal(out, y)


def test_pooled_are_the_statistics_of_both_populations_together(layout):
    """What was trained on, seen again, and the batch, in one array."""
    p = Problem(layout)
    seen = Problem(layout, seed=6).x[:5]
    p.running_mean, p.running_var = reference.moments(seen, p.axis)
    together = reference.moments(np.concatenate([seen, p.x]), p.axis)
    y = p.layer().adapt(p.x, prior=5, blend="pooled")
    expected = p.inferred(p.x, *together, p.weight, p.bias)
    assert reference.max_error(y, expected) <= 1e-14


def test_prior_0_is_the_batchs_statistics(layout, blend):
    p = Problem(layout)
    y = p.layer().adapt(p.x, prior=0, blend=blend)
    assert reference.max_error(y, p.normal(p.x, p.weight, p.bias)) <= 1e-14


@pytest.mark.parametrize("prior", [np.inf, float("inf"), 1e300])
def test_prior_infinity_is_the_running_statistics(layout, blend, prior):
    p = Problem(layout)
    y = p.layer().adapt(p.x, prior=prior, blend=blend)
    inferred = p.inferred(p.x, p.running_mean, p.running_var, p.weight, p.bias)
    assert reference.max_error(y, inferred) <= 1e-14


@pytest.mark.parametrize("correction", [0, 1])
def test_pytorchs_batch_norm_by_blended_statistics(torch, correction):
    """As Schneider et al. do it; their code takes the unbiased variance, their text does not."""
    rng = np.random.default_rng(1)
    x = rng.normal(3, 2, (6, C, 5, 5)).astype(np.float32)
    bn = bnfast.BatchNorm(C, running_var_correction=correction)
    bn(rng.normal(1, 1, (8, C, 5, 5)).astype(np.float32))
    source = [torch.tensor(bn.running_mean), torch.tensor(bn.running_var)]
    var, mean = torch.var_mean(torch.tensor(x), dim=(0, 2, 3), correction=0)
    a = 10 / (10 + 6)
    statistics = [a * old + (1 - a) * new for old, new in zip(source, (mean, var), strict=True)]
    expected = torch.nn.functional.batch_norm(torch.tensor(x), *statistics, eps=bn.eps)
    np.testing.assert_allclose(bn.adapt(x, prior=10), expected.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("prior", [0, 4, np.inf])
@pytest.mark.parametrize("call", CALLS)
def test_gradients(layout, prior, blend, call):
    p = Problem(layout)
    activation, with_residual = CALLS[call]
    bn = p.layer(activation=activation)

    def y_of(x, weight, bias):
        statistics = p.running_mean, p.running_var
        if prior != np.inf:
            statistics = blended(p, x, prior, blend)
        return p.inferred(x, *statistics, weight, bias)

    def call_of(x, residual):
        return bn.adapt(x, prior, blend=blend, residual=residual)

    y = call_of(p.x, p.residual if with_residual else None)
    act, _ = reference.ACTIVATIONS[activation]
    expected = act(y_of(p.x, p.weight, p.bias) + (p.residual if with_residual else 0))
    assert reference.max_error(y, expected) <= 1e-14
    p.check_gradients(bn, call_of, y_of, with_residual)


def test_gradients_without_parameters(blend):
    p = Problem("NCHW")
    bn = p.layer(affine=False, activation="silu")

    def y_of(x, weight, bias):
        return p.inferred(x, *blended(p, x, 4, blend))

    p.check_gradients(bn, lambda x, residual: bn.adapt(x, 4, blend=blend), y_of, False)
    assert bn.weight_grad is None


def test_the_layer_stays_as_it_is(blend):
    p = Problem("NCHW")
    bn = p.layer(momentum=None, virtual_batch_size=2, renorm=True)
    before = state_of(bn)
    first = bn.adapt(p.x, prior=4, blend=blend)
    np.testing.assert_equal(state_of(bn), before)
    assert bn.training
    np.testing.assert_array_equal(bn.eval().adapt(p.x, prior=4, blend=blend), first)
    np.testing.assert_array_equal(p.layer().adapt(p.x, prior=4, blend=blend), first)


def test_one_sample_is_enough_with_a_prior(blend):
    p = Problem("NC")
    expected = p.inferred(p.x[:1], *blended(p, p.x[:1], 3, blend), p.weight, p.bias)
    y = p.layer().adapt(p.x[:1], prior=3, blend=blend)
    assert reference.max_error(y, expected) <= 1e-14


def test_a_channel_of_nan_stays_one(blend):
    p = Problem("NCHW")
    clean = p.layer().adapt(p.x, prior=4, blend=blend)
    p.x[0, 1, 0, 0] = np.nan
    bn = p.layer()
    y = bn.adapt(p.x, prior=4, blend=blend)
    assert np.isnan(y[:, 1]).all()
    np.testing.assert_array_equal(y[:, ::2], clean[:, ::2])
    assert np.isfinite(bn.backward(p.dy)[:, ::2]).all()


def test_half_precision(blend):
    p = Problem("NCHW", np.float16)
    expected = p.inferred(p.x, *blended(p, p.x, 4, blend), p.weight, p.bias)
    y = p.layer().adapt(p.x, prior=4, blend=blend)
    assert y.dtype == np.float16
    assert reference.max_error(y, expected) <= 2**-9


@pytest.mark.once
def test_an_empty_batch(blend):
    bn, x = bnfast.BatchNorm(C), np.empty((0, C, 5), np.float32)
    for prior in (0, 4):
        assert bn.adapt(x, prior=prior, blend=blend).shape == x.shape
        assert bn.backward(x).shape == x.shape


@pytest.mark.once
@pytest.mark.parametrize(
    "prior, error, message",
    [
        (-1, ValueError, "prior must not be negative, got -1"),
        (np.nan, ValueError, "prior must be a number of samples, got nan"),
        ("16", TypeError, "prior must be a number of samples, got '16'"),
        (True, TypeError, "prior must be a number of samples, got True"),
        (None, TypeError, "prior must be a number of samples, got None"),
    ],
)
def test_priors_that_are_none(prior, error, message):
    with pytest.raises(error, match=message):
        bnfast.BatchNorm(C).adapt(np.ones((2, C)), prior)


@pytest.mark.once
def test_refusals():
    p = Problem("NCHW")
    bn = p.layer()
    out = np.zeros_like(p.x)
    buffer = np.concatenate([p.x, p.x])
    was = buffer.copy()
    first_axis = (
        "channel_axis must not be the first axis, along which prior counts samples, got 0 for a "
        "2-d x"
    )
    cases = [
        (bn, p.x, ValueError, "blend must be 'linear' or 'pooled', got 'mean'", {"blend": "mean"}),
        (bn, p.x[:, :2], ValueError, "x must have 3 channels on axis 1", {}),
        (bn, p.x.astype(np.uint8), TypeError, "x must be float16, bfloat16, float32", {}),
        (bn, p.x, ValueError, "residual must have the shape", {"residual": p.x[:1], "out": out}),
        (bn, p.x, ValueError, "out must have shape", {"out": out[:2]}),
        (bn, buffer[4:11], ValueError, "partial overlap", {"out": buffer[:7]}),
        (bnfast.BatchNorm(C, channel_axis=0), np.ones((C, 5)), ValueError, first_axis, {}),
        (
            p.layer(track_running_stats=False),
            p.x,
            RuntimeError,
            r"this layer has no running statistics \(track_running_stats=False\)",
            {},
        ),
    ]
    for layer, x, error, message, options in cases:
        for prior in (0, 4, np.inf):
            with pytest.raises(error, match=message):
                layer.adapt(x, prior, **options)
    message = r"Expected more than 1 value per channel when training, got input size \(1, 3\)"
    with pytest.raises(ValueError, match=message):
        bn.adapt(np.ones((1, C)), prior=0)
    bn.running_mean = np.ones(C + 1)
    with pytest.raises(ValueError, match=r"running_mean must have shape \(3,\), got \(4,\)"):
        bn.adapt(p.x, 4, out=out)
    np.testing.assert_array_equal(out, 0)
    np.testing.assert_array_equal(buffer, was)


@pytest.mark.once
def test_backward_refuses_what_it_cannot_do():
    p = Problem("NCHW")
    bn = p.layer()
    bn.adapt(p.x, 4)
    buffer = np.concatenate([p.dy, p.dy])
    with pytest.raises(ValueError, match="partial overlap"):
        bn.backward(buffer[4:11], out=buffer[:7])
    with pytest.raises(ValueError, match="dy must have the shape of x"):
        bn.backward(p.dy[:2])
    np.testing.assert_array_equal(buffer, np.concatenate([p.dy, p.dy]))
    bn.adapt(p.x, 4, out=p.x)
    with pytest.raises(RuntimeError, match="the input, which the forward call has overwritten"):
        bn.backward(p.dy)


@pytest.mark.once
def test_epsilon_is_the_layers():
    x = np.array([[1.0], [3.0]])
    bn = bnfast.BatchNorm(1, eps=3.0)
    np.testing.assert_allclose(bn.adapt(x, prior=0), [[-0.5], [0.5]])
    assert EPS != 3.0
