"""ChannelStats: masks, NaN, limits, scaling, and what is refused."""

import re

import numpy as np
import pytest

from bnfast import ChannelStats
from bnfast.preprocess import Normalizer
from channel_stats_reference import exact_channels, worst
from dlpack import DLPackOnly
from stored_types import FLOATS, INTEGERS

NAN = np.nan
RNG = np.random.default_rng(0)


def test_mask_counts_where_true():
    x = RNG.normal(5, 2, (3, 4, 6, 2))
    mask = RNG.random((3, 4, 6)) < 0.5
    stats = ChannelStats(minmax=True).update(x, mask=mask)
    mean, var = exact_channels(x[mask])
    assert stats.count == mask.sum()
    assert worst(stats.mean, mean) <= 1e-13
    assert worst(stats.var(), var) <= 1e-13
    assert np.array_equal(stats.min, x[mask].min(0))
    channels_first = ChannelStats(channel_axis=1, minmax=True)
    assert np.array_equal(channels_first.update(np.moveaxis(x, -1, 1), mask=mask).mean, stats.mean)
    nothing = ChannelStats().update(x, mask=np.zeros_like(mask))
    assert nothing.count == 0
    assert nothing.num_features == 2
    assert np.isnan(nothing.mean).all()
    assert np.isnan(nothing.var()).all()


def test_masks_that_do_not_fit():
    x, stats = np.zeros((3, 4, 2)), ChannelStats()
    with pytest.raises(TypeError, match="mask must be an array of bool, got int64"):
        stats.update(x, mask=np.ones((3, 4), int))
    with pytest.raises(ValueError, match=re.escape("x's shape without the channel axis, (3, 4)")):
        stats.update(x, mask=np.ones((3, 4, 2), bool))
    assert stats.num_features is None


def test_a_mask_changes_nothing_of_what_is_an_array():
    x = RNG.integers(0, 9, (5, 3)).astype(np.uint8)
    mask = np.array([True, False, True, True, False])
    wanted = ChannelStats().update(x[mask])
    assert ChannelStats().update(DLPackOnly(x), mask=DLPackOnly(mask)) == wanted
    assert ChannelStats().update(memoryview(x), mask=mask.tolist()) == wanted
    stats = ChannelStats()
    for given in (None, mask):
        with pytest.raises(TypeError, match=r"^x must be a plain array, got a masked array$"):
            stats.update(np.ma.array(x, mask=x > 5), mask=given)
        with pytest.raises(TypeError, match=r"^x must be an array, got list$"):
            stats.update(x.tolist(), mask=given)
        with pytest.raises(ValueError, match=r"^x must have at least 1 axis, got a 0-d array$"):
            stats.update(np.array(1.0), mask=given)
    with pytest.raises(TypeError, match=r"^mask must be a plain array, got a masked array$"):
        stats.update(x, mask=np.ma.array(mask, mask=mask))
    assert stats.num_features is None


@FLOATS
def test_nan_policies(dtype):
    x = RNG.normal(2, 3, (50, 4)).astype(dtype)
    x[[3, 7], 1] = NAN
    x[:, 2] = NAN
    plain = x.astype(np.float64)

    spread = ChannelStats(minmax=True).update(x)
    assert spread.count == 50
    for found in (spread.mean, spread.var(), spread.min, spread.max):
        assert np.isnan(found).tolist() == [False, True, True, False]

    omitted = ChannelStats(minmax=True, nan_policy="omit").update(x[:9]).update(x[9:])
    assert omitted.count.tolist() == [50, 48, 0, 50]
    assert omitted.count.dtype == np.int64
    for c in (0, 1, 3):
        kept = plain[:, c][~np.isnan(plain[:, c])]
        mean, var = exact_channels(kept[:, None])
        assert worst(omitted.mean[c : c + 1], mean) <= 1e-13
        assert worst(omitted.var()[c : c + 1], var) <= 1e-13
        assert (omitted.min[c], omitted.max[c]) == (kept.min(), kept.max())
    for found in (omitted.mean, omitted.var(), omitted.min, omitted.max):
        assert np.isnan(found[2])

    refusing = ChannelStats(minmax=True, nan_policy="raise").update(x[:, [0, 3, 0, 3]])
    before = refusing.pack()
    with pytest.raises(ValueError, match=r"x must not have NaN.*in channel 1"):
        refusing.update(x)
    assert np.array_equal(refusing.pack(), before)


def test_nan_elsewhere_than_on_the_last_axis():
    x = RNG.normal(2, 3, (5, 3, 8))
    x[2, 1, 4] = NAN
    stats = ChannelStats(channel_axis=1, nan_policy="omit").update(x)
    assert stats.count.tolist() == [40, 39, 40]
    assert stats.mean[1] == pytest.approx(np.nanmean(x[:, 1]), rel=1e-14)


@pytest.mark.parametrize("policy", ["propagate", "omit", "raise"])
def test_infinities_are_numbers(policy):
    x = np.array([[np.inf, -np.inf, np.inf, 1.0], [2.0, 3.0, -np.inf, 5.0]])
    stats = ChannelStats(nan_policy=policy, minmax=True).update(x).update(np.ones((6, 4)))
    stats = ChannelStats(4, minmax=True).merge(stats) + ChannelStats(4, minmax=True)
    assert stats.count == 8
    assert np.array_equal(stats.mean, [np.inf, -np.inf, NAN, 1.5], equal_nan=True)
    assert np.isnan(stats.var()).tolist() == [True, True, True, False]
    assert stats.min.tolist() == [1, -np.inf, -np.inf, 1]
    assert stats.max.tolist() == [np.inf, 3, np.inf, 5]


def test_what_does_not_fit_a_float_is_nan_and_stays_in_its_channel():
    x = np.array([[1e200, 1.0], [-1e200, 2.0], [3e200, 3.0]])
    stats = ChannelStats().update(x).update(x)
    np.testing.assert_allclose(stats.mean, [1e200, 2], rtol=1e-15)
    assert np.isnan(stats.var()[0])
    assert stats.var()[1] == pytest.approx(2 / 3)
    parts = [ChannelStats().update(np.array([[value]])) for value in (1.7e308, -1.7e308)]
    assert sum(parts).mean == [0]


SHAPES = {
    "rows": ((70_001, 3), -1),
    "one column": ((200_001, 1), -1),
    "wide rows": ((300, 2001), -1),
    "planes": ((3, 5, 70, 301), 1),
    "one long plane": ((1, 2, 300_001), 1),
    "outer channels": ((5, 801), 0),
    "one value": ((1, 4), -1),
}


@pytest.mark.parametrize("shape, axis", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", [*INTEGERS, np.float32, np.float64], ids=lambda t: t.__name__)
def test_limits(dtype, shape, axis):
    x = (RNG.standard_normal(shape) * 40).astype(np.int8).astype(dtype)
    moved = np.moveaxis(x, axis, 0).reshape(shape[axis], -1)
    low, high = moved.min(1), moved.max(1)
    backwards = x[tuple(slice(None, None, 1 if a == axis % x.ndim else -1) for a in range(x.ndim))]
    for view in (x, np.asfortranarray(x), backwards):
        stats = ChannelStats(channel_axis=axis, minmax=True).update(view)
        assert np.array_equal(stats.min, low)
        assert np.array_equal(stats.max, high)
        assert stats.min.dtype == np.float64
    halves = [ChannelStats(channel_axis=axis, minmax=True) for _ in range(3)]
    longest = int(np.argmax([0 if a == axis % x.ndim else n for a, n in enumerate(shape)]))
    for stats, half in zip(halves, np.array_split(x, 2, longest), strict=False):
        stats.update(half)
    assert np.array_equal(sum(halves).min, low)
    assert np.array_equal(sum(halves).max, high)


def test_limits_are_kept_on_demand():
    stats = ChannelStats(2).update(np.ones((3, 2)))
    for name in ("min", "max"):
        with pytest.raises(AttributeError, match=f"{name} is not kept: .*minmax=True"):
            getattr(stats, name)
    assert not hasattr(stats, "min")
    with pytest.raises(ValueError, match="other must have minmax=False as this one, got True"):
        stats.merge(ChannelStats(2, minmax=True))


@pytest.mark.parametrize("factor", [1 / 255, -3, 0.0, np.float32(0.1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float64], ids=lambda t: t.__name__)
def test_scaled(dtype, factor):
    x = RNG.integers(0, 256, (500, 3)).astype(dtype)
    stats = ChannelStats(minmax=True, nan_policy="omit", channel_axis=1).update(x)
    before = stats.pack()
    scaled = stats.scaled(factor)
    mean, var = exact_channels(x.astype(np.float64))
    np.testing.assert_allclose(scaled.mean, np.array(mean, float) * float(factor), rtol=1e-15)
    np.testing.assert_allclose(scaled.var(), np.array(var, float) * float(factor) ** 2, rtol=1e-15)
    assert scaled.count == 500
    limits = np.sort([x.min(0) * float(factor), x.max(0) * float(factor)], axis=0)
    np.testing.assert_allclose([scaled.min, scaled.max], limits, rtol=1e-15)
    assert (scaled.nan_policy, scaled.channel_axis) == ("omit", 1)
    assert np.array_equal(stats.pack(), before)


def test_scaled_keeps_what_is_not_there():
    x = np.array([[NAN, np.inf, 1.0], [NAN, 2.0, 4.0]])
    scaled = ChannelStats(minmax=True, nan_policy="omit").update(x).scaled(2)
    assert scaled.count.tolist() == [0, 2, 2]
    assert np.array_equal(scaled.mean, [NAN, np.inf, 5], equal_nan=True)
    assert np.array_equal(scaled.var(), [NAN, NAN, 9], equal_nan=True)
    assert np.array_equal(scaled.min, [NAN, 4, 2], equal_nan=True)
    assert np.array_equal(scaled.max, [NAN, np.inf, 8], equal_nan=True)


def test_correction():
    x = np.array([[1.0, NAN], [4.0, 2.0], [4.0, NAN]])
    stats = ChannelStats(nan_policy="omit").update(x)
    assert stats.var(0).tolist() == [2, 0]
    assert stats.var(1)[0] == 3
    assert np.isnan(stats.var(1)[1])
    assert np.isnan(stats.std(3)).all()
    whole = ChannelStats().update(np.array([[1], [4], [4]], np.uint8))
    assert (whole.var(0), whole.var(1)) == (2, 3)
    assert np.isnan(whole.var(3)).all()
    with pytest.raises(ValueError, match="correction must not be negative, got -1"):
        stats.var(-1)
    with pytest.raises(TypeError, match="correction must be an integer, got float"):
        stats.std(1.0)


def test_channels_are_learnt_once():
    stats = ChannelStats()
    assert (stats.num_features, stats.count, stats.mean.shape) == (None, 0, (0,))
    stats.update(np.ones((0, 3)))
    assert (stats.num_features, stats.count) == (3, 0)
    with pytest.raises(ValueError, match="x must have 3 channels on axis -1, got 4"):
        stats.update(np.ones((2, 4)))
    with pytest.raises(ValueError, match="other must have 3 channels, got 4"):
        stats.merge(ChannelStats(4))
    with pytest.raises(ValueError, match="x must have 2 channels on axis 0, got 3"):
        ChannelStats(2, channel_axis=0).update(np.ones((3, 2)))
    unknown = ChannelStats().merge(stats.update(np.ones((5, 3))))
    assert (unknown.num_features, unknown.count) == (3, 5)
    assert ChannelStats(3).merge(ChannelStats()).count == 0
    assert np.isnan(ChannelStats(3).mean).all()


def test_arguments_of_wrong_type():
    with pytest.raises(TypeError, match="num_features must be an integer, got float"):
        ChannelStats(3.0)
    with pytest.raises(ValueError, match="num_features must not be negative, got -1"):
        ChannelStats(-1)
    with pytest.raises(TypeError, match="channel_axis must be an integer, got str"):
        ChannelStats(channel_axis="last")
    with pytest.raises(ValueError, match="nan_policy must be one of 'propagate', 'omit', 'raise'"):
        ChannelStats(nan_policy="drop")
    stats = ChannelStats(2)
    with pytest.raises(TypeError, match=r"x must be .*int64"):
        stats.update(np.ones((3, 2), np.int64))
    with pytest.raises(TypeError, match="x must be an array, got list"):
        stats.update([[1.0, 2.0]])
    with pytest.raises(ValueError, match="channel_axis must lie in"):
        ChannelStats(channel_axis=4).update(np.ones((3, 2)))
    with pytest.raises(ValueError, match="num_threads"):
        stats.update(np.ones((3, 2)), num_threads=-1)
    with pytest.raises(TypeError, match="other must be a ChannelStats, got int"):
        stats.merge(1)
    with pytest.raises(TypeError, match="parts must be of ChannelStats, got int"):
        ChannelStats.merged([stats, 3])
    for wrong in (1, None, "a"):
        with pytest.raises(TypeError, match="unsupported operand"):
            stats + wrong
    with pytest.raises(TypeError, match="unsupported operand"):
        1 + stats
    with pytest.raises(TypeError, match="factor must be a number, got str"):
        stats.scaled("2")
    with pytest.raises(ValueError, match="factor must be finite, got inf"):
        stats.scaled(np.inf)
    assert stats == ChannelStats(2)


def test_addition_leaves_both():
    a = ChannelStats().update(RNG.normal(size=(4, 2)))
    b = ChannelStats().update(RNG.normal(size=(5, 2)))
    packed = [a.pack(), b.pack()]
    total = a + b
    assert total.count == 9
    assert 0 + a == a
    assert 0 + a is not a
    assert np.array_equal(a.pack(), packed[0])
    assert np.array_equal(b.pack(), packed[1])
    assert a.merge(b) is a
    assert a == total


def test_foreign_arrays():
    x = RNG.normal(size=(6, 2))

    class Interface:
        __array_interface__ = x.__array_interface__

    class Lent:
        __dlpack__ = x.__dlpack__
        __dlpack_device__ = x.__dlpack_device__

    expected = ChannelStats(minmax=True).update(x)
    for lent in (memoryview(x), Interface(), Lent()):
        assert ChannelStats(minmax=True).update(lent) == expected


def test_memory_mapped(tmp_path):
    x = RNG.normal(size=(600, 5)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert ChannelStats(minmax=True).update(mapped) == ChannelStats(minmax=True).update(x)


def test_normalizer_takes_them():
    images = RNG.integers(0, 256, (4, 9, 8, 3)).astype(np.uint8)
    stats = ChannelStats().update(images)
    y = Normalizer.from_stats(stats)(images)
    np.testing.assert_allclose(y.mean((0, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(y.std((0, 2, 3)), 1, rtol=1e-6)
    again = Normalizer.from_stats(stats.scaled(1 / 255), scale=None)(images)
    np.testing.assert_allclose(again, y, atol=1e-5)
