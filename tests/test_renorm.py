"""Batch renormalization: xhat*r + d, r and d constants to the backward."""

import copy
import pickle
from fractions import Fraction

import numpy as np
import pytest

import bnfast
import reference
from bnfast import Renorm
from layer_problem import CALLS, EPS, LAYOUTS, C, Problem, state_of

BOUNDS = {
    "r and d bounded": Renorm(1.3, 0.25),
    "the default's": Renorm(),
    "unbounded": Renorm(np.inf, np.inf),
    "batch norm's": Renorm(1, 0),
}


@pytest.fixture(params=LAYOUTS)
def layout(request):
    return request.param


@pytest.fixture(params=BOUNDS.values(), ids=BOUNDS)
def bounds(request):
    return request.param


def corrections(p, x, bounds, running_mean, running_var):
    """Return r and d of algorithm 1, in long double."""
    mean, var = reference.moments(x, p.axis)
    std, running_std = (
        np.sqrt(var + reference.Real(EPS)),
        np.sqrt(running_var + reference.Real(EPS)),
    )
    r = np.clip(std / running_std, 1 / reference.Real(bounds.r_max), bounds.r_max)
    return r, np.clip((mean - running_mean) / running_std, -bounds.d_max, bounds.d_max)


def renormalized(p, x, r, d, weight, bias):
    return (p.normal(x) * p.along(r) + p.along(d)) * p.along(weight) + p.along(bias)


@pytest.mark.once
def test_the_bounds_bind_some_channels_and_not_others(layout):
    p = Problem(layout)
    free = corrections(p, p.x, Renorm(np.inf, np.inf), p.running_mean, p.running_var)
    bound = corrections(p, p.x, BOUNDS["r and d bounded"], p.running_mean, p.running_var)
    for without, within in zip(free, bound, strict=True):
        assert len(np.unique(without == within)) == 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=lambda t: t.__name__)
def test_algorithm_1(layout, bounds, dtype):
    p = Problem(layout, dtype)
    mean, var = p.running_mean.astype(reference.Real), p.running_var.astype(reference.Real)
    bn = p.layer(renorm=bounds, momentum=0.25)
    for seed in (5, 6, 7):
        x = Problem(layout, dtype, seed).x
        expected = renormalized(p, x, *corrections(p, x, bounds, mean, var), p.weight, p.bias)
        y = bn(x)
        assert y.dtype == dtype
        assert reference.max_error(y, expected) <= 32 * np.finfo(dtype).eps
        batch_mean, batch_var = reference.moments(x, p.axis, correction=1)
        mean, var = 0.75 * mean + 0.25 * batch_mean, 0.75 * var + 0.25 * batch_var
    np.testing.assert_allclose(bn.running_mean, mean.astype(float), rtol=1e-12)
    np.testing.assert_allclose(bn.running_var, var.astype(float), rtol=1e-12)
    assert bn.num_batches_tracked == 3


def test_without_correction_it_is_batch_norm(layout):
    p = Problem(layout)
    y = p.layer(renorm=Renorm(1, 0))(p.x)
    assert reference.max_error(y, p.normal(p.x, p.weight, p.bias)) <= 1e-14


def test_without_bounds_training_gives_what_inference_gives(layout):
    p = Problem(layout)
    y = p.layer(renorm=Renorm(np.inf, np.inf))(p.x)
    inferred = p.inferred(p.x, p.running_mean, p.running_var, p.weight, p.bias)
    assert reference.max_error(y, inferred) <= 1e-14


@pytest.mark.parametrize("correction", [0, 1])
def test_running_statistics_as_without_it(layout, correction):
    """PyTorch's average over all batches, with either correction."""
    p = Problem(layout)
    bn = p.layer(renorm=True, momentum=None, running_var_correction=correction)
    batches = [Problem(layout, seed=seed).x for seed in range(4)]
    for x in batches:
        bn(x)
    means, variances = zip(
        *[reference.moments(x, p.axis, correction) for x in batches], strict=True
    )
    np.testing.assert_allclose(bn.running_mean, np.mean(means, 0).astype(float), rtol=1e-12)
    np.testing.assert_allclose(bn.running_var, np.mean(variances, 0).astype(float), rtol=1e-12)
    assert bn.num_batches_tracked == 4


@pytest.mark.parametrize("call", CALLS)
def test_gradients(layout, bounds, call):
    p = Problem(layout)
    activation, with_residual = CALLS[call]
    bn = p.layer(renorm=bounds, activation=activation)
    r, d = corrections(p, p.x, bounds, p.running_mean, p.running_var)  # constants of the backward

    def y_of(x, weight, bias):
        return renormalized(p, x, r, d, weight, bias)

    p.check_gradients(bn, bn, y_of, with_residual)


@pytest.mark.parametrize("activation", [None, "silu"])
def test_gradients_without_parameters(bounds, activation):
    p = Problem("NCHW")
    bn = p.layer(renorm=bounds, affine=False, activation=activation)
    r, d = corrections(p, p.x, bounds, p.running_mean, p.running_var)
    p.check_gradients(bn, bn, lambda x, w, b: renormalized(p, x, r, d, 1, 0), with_residual=False)
    assert bn.weight_grad is None


@pytest.mark.parametrize("call", CALLS)
def test_in_groups(layout, call):
    """The second group's r and d come from statistics that follow the first one."""
    p = Problem(layout)
    activation, with_residual = CALLS[call]
    bounds = Renorm(2, 1)
    bn = p.layer(renorm=bounds, virtual_batch_size=4, momentum=0.25, activation=activation)
    mean, var = p.running_mean, p.running_var
    fixed = []
    for part in (slice(4), slice(4, 7)):
        fixed.append((part, *corrections(p, p.x[part], bounds, mean, var)))
        batch_mean, batch_var = reference.moments(p.x[part], p.axis, correction=1)
        mean, var = 0.75 * mean + 0.25 * batch_mean, 0.75 * var + 0.25 * batch_var

    def y_of(x, weight, bias):
        return np.concatenate([renormalized(p, x[s], r, d, weight, bias) for s, r, d in fixed])

    expected = reference.ACTIVATIONS[activation][0](
        y_of(p.x, p.weight, p.bias) + (p.residual if with_residual else 0)
    )
    y = copy.deepcopy(bn)(p.x, residual=p.residual if with_residual else None)
    assert reference.max_error(y, expected) <= 1e-14
    p.check_gradients(bn, bn, y_of, with_residual)
    np.testing.assert_allclose(bn.running_mean, mean.astype(float), rtol=1e-8)
    assert bn.num_batches_tracked == 2


def test_inference_is_not_corrected(layout):
    p = Problem(layout)
    inferred = p.inferred(p.x, p.running_mean, p.running_var, p.weight, p.bias)
    bn = p.layer(renorm=True)
    assert reference.max_error(bn(p.x, training=False), inferred) <= 1e-14
    assert bn.num_batches_tracked == 0


def test_out_and_in_place(layout):
    p = Problem(layout)
    y = p.layer(renorm=True)(p.x)
    for out in (np.empty_like(p.x), p.x):
        assert p.layer(renorm=True)(p.x, out=out) is out
        np.testing.assert_array_equal(out, y)


def test_a_channel_of_nan_stays_one():
    p = Problem("NCHW")
    clean = p.layer(renorm=True)(p.x)
    p.x[0, 1, 0, 0] = np.nan
    bn = p.layer(renorm=True)
    y = bn(p.x)
    assert np.isnan(y[:, 1]).all()
    np.testing.assert_array_equal(y[:, ::2], clean[:, ::2])
    np.testing.assert_array_equal(np.isnan(bn.running_mean), [False, True, False])


@pytest.mark.once
def test_values_beyond_float32():
    bn = bnfast.BatchNorm(1, renorm=True)
    bn(np.array([[1e30], [-1e30]]))
    np.testing.assert_array_equal(bn.running_var, [np.inf])


@pytest.mark.once
def test_an_empty_batch():
    bn = bnfast.BatchNorm(C, renorm=True)
    x = np.empty((0, C, 5), np.float32)
    assert bn(x).shape == x.shape
    assert bn.backward(x).shape == x.shape
    np.testing.assert_array_equal(bn.running_var, np.ones(C))


@pytest.mark.once
def test_what_renorm_may_be():
    assert bnfast.BatchNorm(C).renorm is None
    assert bnfast.BatchNorm(C, renorm=False).renorm is None
    assert bnfast.BatchNorm(C, renorm=True).renorm == Renorm(3.0, 5.0)
    bn = bnfast.BatchNorm(C, renorm=Renorm(2, 1))
    assert bn.renorm == Renorm(2, 1)
    bn.renorm = Renorm(Fraction(5, 2), np.float32(1.5))
    assert bn.renorm.r_max == 2.5
    bn.renorm = None
    assert bn.renorm is None
    message = r"renorm must be None, a bool or a bnfast\.Renorm, got \{'rmax': 3\}"
    with pytest.raises(TypeError, match=message):
        bnfast.BatchNorm(C, renorm={"rmax": 3})
    with pytest.raises(TypeError, match="renorm must be None, a bool or"):
        bn.renorm = 3
    message = "renorm needs running statistics: track_running_stats must be True"
    with pytest.raises(ValueError, match=message):
        bnfast.BatchNorm(C, track_running_stats=False, renorm=True)


@pytest.mark.once
@pytest.mark.parametrize(
    "bounds, error, message",
    [
        ({"r_max": 0.9}, ValueError, "r_max must be at least 1, got 0.9"),
        ({"r_max": np.nan}, ValueError, "r_max must be at least 1, got nan"),
        ({"d_max": -1}, ValueError, "d_max must be at least 0, got -1"),
        ({"d_max": "5"}, TypeError, "d_max must be a number, got '5'"),
        ({"r_max": True}, TypeError, "r_max must be a number, got True"),
    ],
)
def test_bounds_that_are_none(bounds, error, message):
    with pytest.raises(error, match=message):
        Renorm(**bounds)


@pytest.mark.once
def test_refusals_leave_everything_as_it_was():
    p = Problem("NCHW")
    bn = p.layer(renorm=True)
    bn(p.x)
    bn.backward(p.dy)
    before, out = state_of(bn), np.zeros_like(p.x)
    cases = [
        (p.x[:, :2], ValueError, "x must have 3 channels on axis 1", {}),
        (p.x[:1, :, :1, :1], ValueError, "Expected more than 1 value per channel", {}),
        (p.x.astype(np.int16), TypeError, "x must be float16, bfloat16, float32 or float64", {}),
        (p.x, ValueError, "residual must have the shape", {"residual": p.x[:1], "out": out}),
        (p.x, TypeError, "out must be float64, got float32", {"out": np.float32(p.x)}),
    ]
    for x, error, message, options in cases:
        with pytest.raises(error, match=message):
            bn(x, **options)
    bn.running_var.setflags(write=False)
    with pytest.raises(ValueError, match="running_var is updated in place and must be writeable"):
        bn(p.x, out=out)
    bn.running_var.setflags(write=True)
    np.testing.assert_array_equal(out, 0)
    np.testing.assert_equal(state_of(bn), before)


@pytest.mark.once
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda bn: pickle.loads(pickle.dumps(bn))])
def test_copies(copied):
    p = Problem("NCHW")
    bn = p.layer(renorm=Renorm(2, 1))
    twin = copied(bn)
    assert repr(twin) == repr(bn)
    assert repr(bn).endswith(", renorm=Renorm(r_max=2, d_max=1))")
    np.testing.assert_array_equal(twin(p.x), bn(p.x))
    np.testing.assert_equal(state_of(twin), state_of(bn))
    fresh = p.layer(renorm=Renorm(2, 1))
    fresh.load_state_dict(bn.state_dict())
    np.testing.assert_array_equal(fresh(p.x), bn(p.x))
    np.testing.assert_array_equal(fresh.freeze()(p.x), fresh(p.x, training=False))
