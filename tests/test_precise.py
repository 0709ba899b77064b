"""Precise batch norm: the running statistics are replaced by those of the whole data."""

import numpy as np
import pytest

import bnfast
import reference

C = 3


class Whole:
    """Statistics of an array by their definition, with the members that `update_from` reads."""

    def __init__(self, x, axis=1):
        self.x, self.axis = x, axis
        self.count = x.size // x.shape[axis]
        self.mean = reference.moments(x, axis)[0].astype(np.float64)

    def var(self, correction=0):
        return reference.moments(self.x, self.axis, correction)[1].astype(np.float64)


def data(shape=(40, C, 6), dtype=np.float32):
    return np.random.default_rng(2).normal([[3], [-2], [100]], [[1], [5], [2]], shape).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=lambda t: t.__name__)
@pytest.mark.parametrize("correction", [0, 1])
def test_both_corrections(correction, dtype):
    x = data()
    bn = bnfast.BatchNorm(C, dtype=dtype, running_var_correction=correction)
    own = bn.running_mean, bn.running_var
    bn(x[:7])
    assert bn.update_from(Whole(x)) is None
    mean, var = reference.moments(x, correction=correction)
    np.testing.assert_array_equal(bn.running_mean, mean.astype(np.float64).astype(dtype))
    np.testing.assert_array_equal(bn.running_var, var.astype(np.float64).astype(dtype))
    assert bn.running_mean is own[0]  # which state_dict has given out
    assert bn.running_var is own[1]
    assert bn.num_batches_tracked == 1


def test_inference_goes_by_them():
    x = data()
    bn = bnfast.BatchNorm(C, running_var_correction=0).eval()
    bn(x)
    bn.update_from(Whole(x))
    assert reference.max_error(bn(x), reference.forward(x)) <= 1e-5
    assert reference.max_error(bn.freeze()(x), reference.forward(x)) <= 1e-5


@pytest.mark.parametrize("correction", [0, 1])
def test_statistics_streamed_in_parts(correction):
    x = data((100, C, 6), np.float64)
    stats = bnfast.ChannelStats(channel_axis=1)
    for begin in range(0, len(x), 7):
        stats.update(x[begin : begin + 7])
    bn = bnfast.BatchNorm(C, dtype=np.float64, running_var_correction=correction)
    bn.update_from(stats)
    mean, var = reference.moments(x, correction=correction)
    np.testing.assert_allclose(bn.running_mean, mean.astype(float), rtol=1e-13)
    np.testing.assert_allclose(bn.running_var, var.astype(float), rtol=1e-13)


@pytest.mark.once
def test_a_count_for_each_channel():
    class Counted(Whole):
        @property
        def count(self):
            return self.counts

        @count.setter
        def count(self, count):
            self.counts = np.full(C, count)

    bn = bnfast.BatchNorm(C)
    stats = Counted(data())
    bn.update_from(stats)
    np.testing.assert_allclose(bn.running_mean, stats.mean, rtol=1e-7)
    before = bn.running_mean.copy()
    stats.counts[1] = 1
    stats.mean = stats.mean + 1
    with pytest.raises(ValueError, match=r"more than 1 values per channel .*, got 1"):
        bn.update_from(stats)
    np.testing.assert_array_equal(bn.running_mean, before)


@pytest.mark.once
@pytest.mark.parametrize("correction, count", [(1, 1), (0, 0)])
def test_too_few_values(correction, count):
    stats = Whole(data())
    stats.count = count
    bn = bnfast.BatchNorm(C, running_var_correction=correction)
    message = (
        rf"stats must have more than {correction} values per channel "
        rf"\(running_var_correction\), got {count}"
    )
    with pytest.raises(ValueError, match=message):
        bn.update_from(stats)
    np.testing.assert_array_equal(bn.running_mean, np.zeros(C))


@pytest.mark.once
def test_other_channels():
    bn = bnfast.BatchNorm(C)
    with pytest.raises(ValueError, match=r"stats.mean must have shape \(3,\), got \(40,\)"):
        bn.update_from(Whole(data(), axis=0))
    stats = Whole(data())
    stats.var = lambda correction: np.ones((1, C))
    with pytest.raises(ValueError, match=r"stats.var\(\) must have shape \(3,\), got \(1, 3\)"):
        bn.update_from(stats)
    np.testing.assert_array_equal(bn.running_mean, np.zeros(C))
    np.testing.assert_array_equal(bn.running_var, np.ones(C))


@pytest.mark.once
@pytest.mark.parametrize("stats", [bnfast.moments(data()), {"mean": 0}, None])
def test_what_has_no_statistics(stats):
    message = r"stats must have count, mean and var\(correction\), as ChannelStats has, got "
    with pytest.raises(TypeError, match=message + type(stats).__name__):
        bnfast.BatchNorm(C).update_from(stats)


@pytest.mark.once
def test_a_layer_without_running_statistics():
    bn = bnfast.BatchNorm(C, track_running_stats=False)
    with pytest.raises(RuntimeError, match="this layer has no running statistics"):
        bn.update_from(Whole(data()))
