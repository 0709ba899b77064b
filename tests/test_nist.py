"""NIST's reference data sets for mean and variance (StRD, univariate summary statistics).

``data/nist_strd_univariate.json`` holds the values as NIST prints them and the certified results.
The exact results of what a float64 array really stores are computed here in rational arithmetic.
"""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import bnfast

SETS = json.loads((Path(__file__).parent / "data/nist_strd_univariate.json").read_text())
SETS.pop("_note")

# First value, and the two values that follow 500 times.
NUM_ACC = {
    "NumAcc2": (1.2, 1.1, 1.3),
    "NumAcc3": (1000000.2, 1000000.1, 1000000.3),
    "NumAcc4": (10000000.2, 10000000.1, 10000000.3),
}


def arctan_of_inverse(n, unit):
    """Return arctan(1/n) in integer multiples of 1/unit."""
    power = total = unit // n
    for k in range(3, unit.bit_length(), 2):
        power //= -n * n
        total += power // k
    return total


def digits_of_pi(count):
    """Return 3, 1, 4, 1, 5, ...: Machin's formula, with 10 digits to spare."""
    unit = 10 ** (count + 9)
    rest = 4 * (4 * arctan_of_inverse(5, unit) - arctan_of_inverse(239, unit))
    digits = []
    for _ in range(count):
        digit, rest = divmod(rest, unit)
        digits.append(digit)
        rest *= 10
    return digits


def pi_digits():
    """Return NIST's PiDigits: its file carries a slip at one place, certified as it is."""
    digits = digits_of_pi(5000)
    assert digits[956] == 8
    digits[956] = 3
    return digits


def values_of(name):
    if name == "PiDigits":
        return np.array(pi_digits(), np.float64)
    if name in NUM_ACC:
        first, low, high = NUM_ACC[name]
        return np.array([first] + 500 * [low, high])
    return np.array(SETS[name]["values"], np.float64)


def exact_moments(values):
    """Return mean and population variance of the stored doubles as fractions."""
    exact = [Fraction(value) for value in values.tolist()]
    mean = sum(exact) / len(exact)
    return mean, sum((value - mean) ** 2 for value in exact) / len(exact)


def relative_error(result, exact):
    return abs(Fraction(float(result)) / exact - 1)


def at_least_14_digits(result, exact):
    return relative_error(result, exact) <= Fraction(1, 10**14)


@pytest.fixture(scope="module", params=SETS)
def nist(request):
    """Name, values, exact mean and exact variance."""
    values = values_of(request.param)
    return request.param, values, *exact_moments(values)


@pytest.mark.once
def test_digits_of_pi():
    assert digits_of_pi(50) == [
        int(d) for d in "31415926535897932384626433832795028841971693993751"
    ]


@pytest.mark.once
def test_data_is_nists(nist):
    name, values, mean, var = nist
    certified = SETS[name]
    n = len(values)
    assert n == certified["n"]
    # Stored in binary, the values of NumAcc4 differ from NIST's by up to 1e-8 of their spread.
    rtol = 1e-7 if name == "NumAcc4" else 1e-9
    sd = float(var * n / (n - 1)) ** 0.5
    np.testing.assert_allclose(float(mean), float(certified["certified_mean"]), rtol=1e-14)
    np.testing.assert_allclose(sd, float(certified["certified_sd_ddof1"]), rtol=rtol)


LAYOUTS = {
    "column": lambda v: (v[:, None], 1),
    "plane": lambda v: (v[None, None], 1),
    "17 columns": lambda v: (np.repeat(v[:, None], 17, axis=1), -1),
    "17 planes": lambda v: (np.repeat(v[None, None], 17, axis=1), 1),
    "reversed": lambda v: (v[::-1, None], 1),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_14_digits_of_mean_and_variance(nist, layout):
    _, values, mean, var = nist
    x, axis = layout(values)
    n = len(values)
    population = bnfast.moments(x, channel_axis=axis)
    sample = bnfast.moments(x, channel_axis=axis, correction=1)
    assert population.count == n
    assert all(at_least_14_digits(result, mean) for result in population.mean)
    assert all(at_least_14_digits(result, var) for result in population.var)
    assert all(at_least_14_digits(result, var * n / (n - 1)) for result in sample.var)


def test_14_digits_of_running_statistics(nist):
    _, values, mean, var = nist
    running_mean, running_var = np.zeros(1), np.ones(1)
    bnfast.batch_norm(
        values[:, None],
        running_mean,
        running_var,
        training=True,
        momentum=1.0,
        running_var_correction=0,
    )
    assert at_least_14_digits(running_mean[0], mean)
    assert at_least_14_digits(running_var[0], var)


def test_14_digits_of_all_sets_at_once():
    """The sets side by side, each repeated as often as makes them equally long."""
    names = ["Lottery", "Lew", "Mavro", "Michelso"]
    columns = [values_of(name) for name in names]
    length = int(np.lcm.reduce([len(column) for column in columns]))
    table = np.stack([np.tile(column, length // len(column)) for column in columns], axis=1)
    result = bnfast.moments(table)
    for c, column in enumerate(columns):
        mean, var = exact_moments(column)
        assert at_least_14_digits(result.mean[c], mean)
        assert at_least_14_digits(result.var[c], var)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=lambda t: t.__name__)
@pytest.mark.parametrize("shape", [(2, 1), (512, 3), (4, 3, 8, 8)], ids=str)
def test_xlas_trap(shape, dtype):
    """Values 1e7 and 1e7 + 1, where mean(x*x) - mean(x)**2 in float32 is far from 0.25."""
    x = np.full(shape, 1e7, dtype)
    x[::2] += 1
    mean, var, _ = bnfast.moments(x)
    np.testing.assert_array_equal(mean, 1e7 + 0.5)
    np.testing.assert_array_equal(var, 0.25)
    y, _, invstd, _ = bnfast.batch_norm_forward(x, eps=0.0)
    np.testing.assert_array_equal(invstd, 2)
    np.testing.assert_array_equal(y[::2], 1)
    np.testing.assert_array_equal(y[1::2], -1)
