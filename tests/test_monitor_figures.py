"""What bnfast.monitor records, against closed forms in float64 on the batches themselves."""

import itertools

import numpy as np
import pytest

import bnfast
from bnfast.monitor import Monitor
from bnfast.monitor.comparison import kl_divergence
from monitored_runs import CHANNELS, run, stream

pytestmark = pytest.mark.once

AXES = (0, 2, 3)


def reference_weights(momenta):
    """Return the weights of all batches in the average after them, by the rule itself."""
    weights = []
    for momentum in momenta:
        weights = [(1 - momentum) * weight for weight in weights] + [momentum]
    return np.array(weights)


def reference_drift(batches, momenta, correction):
    """Return differences in standard errors of the last batch from the average of those before."""
    weights = reference_weights(momenta[:-1])
    weights /= weights.sum()
    means = np.array([x.mean(AXES, dtype=np.float64) for x in batches])
    variances = np.array([x.var(AXES, dtype=np.float64, ddof=correction) for x in batches])
    n = batches[0][:, 0].size
    before_mean, before_var = weights @ means[:-1], weights @ variances[:-1]
    inflation = 1 + np.sum(weights**2)
    var = np.maximum(variances[-1], before_var)
    of_mean = (means[-1] - before_mean) / np.sqrt(var / n * inflation)
    of_var = (variances[-1] - before_var) / (before_var * np.sqrt(2 / (n - 1) * inflation))
    return of_mean, of_var


@pytest.mark.parametrize("correction", [0, 1])
@pytest.mark.parametrize("momentum", [0.1, 0.003, 0.9, None])
def test_figures_are_those_of_the_batches(momentum, correction):
    batches = list(stream(steps=9))
    bn = bnfast.BatchNorm(
        CHANNELS, momentum=momentum, running_var_correction=correction, dtype=np.float64
    )
    history = run(bn, batches).report().layers["bn"].history
    assert history.step.tolist() == list(range(9))
    momenta = [1 / (k + 1) if momentum is None else momentum for k in range(9)]
    for t, x in enumerate(batches):
        mean = x.mean(AXES, dtype=np.float64)
        var = x.var(AXES, dtype=np.float64, ddof=correction)
        np.testing.assert_allclose(history.mean[t], mean, rtol=1e-6)
        np.testing.assert_allclose(history.std[t], np.sqrt(var), rtol=1e-6)
        np.testing.assert_allclose(history.ratio[t], np.abs(mean) / np.sqrt(var), rtol=1e-6)
        if t == 0:
            assert np.isnan(history.drift_mean[t]).all()
            continue
        of_mean, of_var = reference_drift(batches[: t + 1], momenta[: t + 1], correction)
        np.testing.assert_allclose(history.drift_mean[t], of_mean, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(history.drift_var[t], of_var, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(history.running_mean[-1], bn.running_mean, rtol=1e-6)
    np.testing.assert_allclose(history.running_std[-1], np.sqrt(bn.running_var), rtol=1e-6)


def test_the_divergence_is_the_integral():
    for (mean, std), (other, scale) in itertools.product([(0.3, 2.0), (-4.0, 0.5)], repeat=2):
        x = mean + std * np.linspace(-12, 12, 200_001)

        def log_density(x, mean, std):
            return -0.5 * ((x - mean) / std) ** 2 - np.log(std * np.sqrt(2 * np.pi))

        logs = log_density(x, mean, std)
        integrand = np.exp(logs) * (logs - log_density(x, other, scale))
        expected = np.sum((integrand[1:] + integrand[:-1]) / 2 * np.diff(x))
        found = kl_divergence(*np.array([mean, std**2, other, scale**2]))
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_the_recorded_divergence_is_from_what_inference_would_use():
    bn = bnfast.BatchNorm(CHANNELS)
    batches = list(stream(steps=5))
    history = run(bn, batches).report().layers["bn"].history
    x = batches[-1].astype(np.float64)
    ratio = (x.var(AXES, ddof=1) + bn.eps) / (bn.running_var.astype(np.float64) + bn.eps)
    offset = (x.mean(AXES) - bn.running_mean) ** 2 / (bn.running_var.astype(np.float64) + bn.eps)
    np.testing.assert_allclose(history.kl[-1], (ratio - 1 - np.log(ratio) + offset) / 2, rtol=1e-5)


@pytest.mark.parametrize("momentum", [0.1, 0.01, None])
def test_differences_have_the_errors_they_are_told_in(momentum):
    bn = bnfast.BatchNorm(500, momentum=momentum)
    history = run(bn, stream(steps=100, shape=(32, 500))).report().layers["bn"].history
    for drift in (history.drift_mean, history.drift_var):
        # 50,000 figures; the errors of the variances' own variance are the wider.
        assert abs(np.mean(np.square(drift[20:])) - 1) < 0.1
        assert abs(np.mean(drift[20:])) < 0.05


@pytest.mark.parametrize("every", [2, 3])
def test_records_of_some_batches_only(every):
    batches = list(stream(steps=12))
    all_of_them = run(bnfast.BatchNorm(CHANNELS, dtype=np.float64), batches)
    bn = bnfast.BatchNorm(CHANNELS, dtype=np.float64)
    monitor = Monitor([bn])
    for at, x in enumerate(batches):
        bn(x)
        if at % every == every - 1:
            monitor.record(at)
    found = monitor.report().layers["0"].history
    expected = all_of_them.report().layers["bn"].history
    assert found.step.tolist() == list(range(every - 1, 12, every))
    for name in ("mean", "std", "running_mean", "drift_mean", "drift_var", "kl"):
        wanted = getattr(expected, name)[found.step]
        np.testing.assert_allclose(getattr(found, name), wanted, rtol=1e-4, atol=1e-5)


def test_given_running_statistics_are_believed():
    bn = bnfast.BatchNorm(500, dtype=np.float64)
    bn.running_mean[:], bn.running_var[:] = 40, 9
    rng = np.random.default_rng(0)
    history = run(bn, [rng.normal(40, 3, (64, 500))]).report().layers["bn"].history
    assert np.abs(history.drift_mean).max() < 5
    monitor = Monitor([bnfast.BatchNorm(2)])
    assert monitor.report().layers["0"].history.step.shape == (0,)


def test_a_loaded_layer_counts_the_batches_it_has_seen():
    batches = list(stream(steps=10))
    watched = run(bnfast.BatchNorm(CHANNELS, dtype=np.float64), batches)
    first, then = (bnfast.BatchNorm(CHANNELS, dtype=np.float64) for _ in range(2))
    for x in batches[:6]:
        first(x)
    then.load_state_dict(first.state_dict())
    history = run(then, batches[6:]).report().layers["bn"].history
    expected = watched.report().layers["bn"].history
    np.testing.assert_allclose(history.drift_mean, expected.drift_mean[6:], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(history.drift_var, expected.drift_var[6:], rtol=1e-4, atol=1e-5)


def test_nothing_is_read_twice():
    x = next(stream())
    bn = bnfast.BatchNorm(CHANNELS)
    monitor = bn.monitor()
    bn(x)
    mean = x.mean(AXES, dtype=np.float64)
    x[:] = np.nan  # a batch that were read again would be no number
    assert monitor.record() == []
    np.testing.assert_allclose(monitor.report().layers["bn"].history.mean[0], mean, rtol=1e-6)


def test_the_layer_tells_its_last_batch():
    bn = bnfast.BatchNorm(CHANNELS)
    assert bn.batch_statistics is None
    x = next(stream())
    bn(x)
    bn(np.zeros_like(x), training=False)
    found = bn.batch_statistics
    np.testing.assert_allclose(found.mean, x.mean(AXES, dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(found.var, x.var(AXES, dtype=np.float64), rtol=1e-6)
    assert found.count == x[:, 0].size
    bn(np.full_like(x, 3))
    np.testing.assert_array_equal(bn.batch_statistics.var, 0)
    bn(np.where(np.arange(CHANNELS)[:, None, None] == 1, np.inf, x).astype(np.float32))
    assert np.isnan(bn.batch_statistics.var[1])
