"""Accuracy of the statistics of values in adversarial orders: the first ones choose the shift."""

import numpy as np
import pytest

import bnfast
import reference

UNIT = 1.2e-7
COUNT = 24_000


def after(first, then):
    """Return 16 values `first` and the others from `then`."""
    return np.concatenate([np.full(16, first), then[16:]])


def two_values(mean, std):
    """Values that fall into the same lanes again and again: their roundings add up."""
    return np.tile([mean - std, mean + std], COUNT // 2)


def orders():
    rng = np.random.default_rng(2)
    normal = rng.standard_normal(COUNT)
    return {
        "1e6 first": after(1e6, normal),
        "1e15 first": after(1e15, normal),
        "-1e6 first, then near 5": after(-1e6, 5 + 1e-2 * normal),
        "0 first, then near 1e4": after(0, 1e4 + normal),
        "constant first": after(7, 7 + 1e-3 * normal),
        "two values": two_values(1.29, 0.48),
        "0 first, then two values, one near 0": after(0, two_values(1.23, 1.25)),
        "0 first, then two values": after(0, two_values(1.230020175899459, 0.4853342243948581)),
        "mean/std = 1e6": 1e6 + normal,
        "ramp": np.linspace(-3, 5, COUNT),
        "ramp down": np.linspace(1e4, -1e4, COUNT),
        "growing": np.exp(np.linspace(-40, 40, COUNT)),
        "one spike at the end": np.append(normal[1:], 1e8),
        "heavy tails": np.exp(3 * normal),
        "all scales": normal * 10.0 ** rng.uniform(-15, 15, COUNT),
        "alternating 1e30": 1e30 * (-1.0) ** np.arange(COUNT),
    }


LAYOUTS = {
    "one plane": lambda x: np.stack([x, x[::-1]])[None],
    "short planes": lambda x: np.stack([x, x[::-1]]).reshape(2, -1, 48).swapaxes(0, 1).copy(),
    "3 columns": lambda x: np.stack([x, x[::-1], x], axis=1),
    "260 columns": lambda x: np.repeat(np.stack([x, x[::-1]], axis=1), 130, axis=1),
}


@pytest.fixture(params=[pytest.param(order, id=name) for name, order in orders().items()])
def values(request):
    return request.param


@pytest.fixture(params=LAYOUTS.values(), ids=LAYOUTS)
def layout(request):
    return request.param


def relative_error(result, exact):
    return float(np.max(np.abs(result / exact - 1)))


def test_float32_training(values, layout):
    values = values.astype(np.float32)
    x = layout(values)
    mean, var = (s[0] for s in reference.moments(values[:, None]))
    y, own_mean, invstd, count = bnfast.batch_norm_forward(x, eps=0.0)
    assert count == COUNT
    assert relative_error(1 / np.square(invstd.astype(np.longdouble)), var) < 1e-6
    assert np.max(np.abs(own_mean - mean)) <= 4 * UNIT * np.sqrt(var)
    exact = layout(((values - mean) / np.sqrt(var)).astype(np.float64))
    assert np.max(np.abs(y - exact) / np.maximum(1, np.abs(exact))) <= 8 * UNIT


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=lambda t: t.__name__)
def test_moments(values, layout, dtype):
    values = values.astype(dtype)
    mean, var = (s[0] for s in reference.moments(values[:, None]))
    result = bnfast.moments(layout(values))
    assert relative_error(result.var, var) < 1e-13
    assert np.max(np.abs(result.mean - mean)) < 1e-13 * np.sqrt(var) + 1e-15 * abs(mean)


def test_float64_training(values, layout):
    mean, var = (s[0] for s in reference.moments(values[:, None]))
    y, _, invstd, _ = bnfast.batch_norm_forward(layout(values), eps=0.0)
    assert relative_error(1 / np.square(invstd.astype(np.longdouble)), var) < 1e-13
    exact = layout(((values - mean) / np.sqrt(var)).astype(np.float64))
    rounding_of_mean = 2.0**-53 * abs(mean) / np.sqrt(var)
    assert np.max(np.abs(y - exact) / np.maximum(1, np.abs(exact))) < 1e-13 + rounding_of_mean
