"""`bnfast.dask`: statistics and standardization of Dask arrays, on Dask's schedulers."""

import subprocess
import sys

import numpy as np
import pytest

import bnfast
from reference import inference, max_error, moments

pytestmark = pytest.mark.once

da = pytest.importorskip("dask.array", reason="bnfast.dask needs dask, which is not installed")

from bnfast.dask import channel_stats, standardize  # noqa: E402  (after the skip)

SHAPES = [((60, 5), -1), ((6, 5, 4, 3), 1), ((5, 40), 0)]
CHUNKS = ["whole", "samples", "channels", "both"]
DTYPES = [np.float32, np.float64, np.float16, np.uint8, np.int16]
INTEGERS = [np.uint8, np.int16]


def values(shape, dtype=np.float32):
    """Return values whose means are large, as far as the dtype allows."""
    drawn = np.random.default_rng(len(shape)).normal(100, 20, shape)
    return drawn.clip(0, 255).astype(dtype)


def chunked(x, axis, chunks):
    """Return a Dask array whose samples, channels or both lie in several chunks."""
    sizes = list(x.shape)
    if chunks in ("samples", "both"):
        sizes[0 if axis % x.ndim else -1] = 4
    if chunks in ("channels", "both"):
        sizes[axis] = 2
    return da.from_array(x, chunks=tuple(sizes))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("shape, axis", SHAPES, ids=str)
def test_statistics(shape, axis, chunks, dtype):
    x = values(shape, dtype)
    stats = channel_stats(chunked(x, axis, chunks), channel_axis=axis)
    mean, var = moments(x, axis)
    assert isinstance(stats, bnfast.ChannelStats)
    assert (stats.count, stats.channel_axis) == (x.size // len(mean), axis)
    np.testing.assert_allclose(stats.mean, mean.astype(float), rtol=1e-15)
    np.testing.assert_allclose(stats.var(), var.astype(float), rtol=1e-13)


@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_do_not_depend_on_threads(dtype):
    array = da.from_array(values((500, 7), dtype), chunks=(13, 7))
    lazy = channel_stats(array, compute=False)
    first = lazy.compute(scheduler="synchronous").pack().tobytes()
    for workers in (1, 2, 3):
        found = lazy.compute(scheduler="threads", num_workers=workers)
        assert found.pack().tobytes() == first


def test_bits_are_those_of_other_processes():
    array = da.from_array(values((500, 7)), chunks=(13, 7))
    lazy = channel_stats(array, compute=False)
    found = lazy.compute(scheduler="processes", num_workers=2)
    assert found == lazy.compute(scheduler="synchronous")


@pytest.mark.parametrize("dtype", INTEGERS)
def test_bits_of_integers_are_those_of_any_chunks(dtype):
    x = values((101, 7), dtype)
    packed = {
        channel_stats(da.from_array(x, chunks=chunks), split_every=every).pack().tobytes()
        for chunks in [(101, 7), (10, 7), (1, 7), (33, 2)]
        for every in (2, 8)
    }
    assert len(packed) == 1


def test_options_reach_the_blocks():
    x = values((30, 3), np.float64)
    x[7, 1] = np.nan
    array = da.from_array(x, chunks=(4, 3))
    omitted = channel_stats(array, minmax=True, nan_policy="omit")
    np.testing.assert_array_equal(omitted.count, [30, 29, 30])
    np.testing.assert_array_equal(omitted.min, np.nanmin(x, axis=0))
    np.testing.assert_array_equal(omitted.max, np.nanmax(x, axis=0))
    np.testing.assert_array_equal(np.isnan(channel_stats(array).mean), [False, True, False])
    with pytest.raises(ValueError, match="x must not have NaN"):
        channel_stats(array, nan_policy="raise")


def test_delayed_statistics_share_their_blocks():
    reads = []

    def read(block):
        reads.append(block.shape)
        return block

    x = values((40, 3))
    array = da.from_array(x, chunks=(10, 3)).map_blocks(read, meta=x[:0])
    both = [channel_stats(array[:, :2], compute=False), channel_stats(array, compute=False)]
    assert reads == []
    narrow, wide = da.compute(*both, scheduler="synchronous")
    assert len(reads) == 4
    assert (narrow.num_features, wide.num_features) == (2, 3)


def test_lengths_may_be_unknown():
    x = values((50, 3))
    array = da.from_array(x, chunks=(8, 3))
    some = array[array[:, 0] > 100]
    kept = x[x[:, 0] > 100]
    assert np.isnan(some.shape[0])
    stats = channel_stats(some)
    assert stats.count == len(kept)
    np.testing.assert_allclose(stats.mean, moments(kept)[0].astype(float), rtol=1e-15)
    result = standardize(some, stats).compute()
    np.testing.assert_allclose(result, (kept - kept.mean(0)) / kept.std(0), atol=1e-5)


def test_statistics_of_no_values():
    stats = channel_stats(da.zeros((0, 3), chunks=(5, 3)))
    assert (stats.count, stats.num_features) == (0, 3)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("shape, axis", SHAPES, ids=str)
def test_standardize(shape, axis, chunks, dtype):
    x = values(shape, dtype)
    array = chunked(x, axis, chunks)
    result = standardize(array, channel_stats(array, channel_axis=axis))
    assert isinstance(result, da.Array)
    assert result.chunks == array.chunks
    expected_dtype = dtype if np.issubdtype(dtype, np.floating) else np.float32
    assert result.dtype == expected_dtype
    y = result.compute()
    assert y.dtype == expected_dtype
    exact = inference(x, *moments(x, axis), eps=0, channel_axis=axis)
    tolerance = {np.float16: 2e-3, np.float64: 1e-13}.get(expected_dtype, 2e-6)
    assert max_error(y, exact) < tolerance


def test_standardize_by_other_statistics():
    x = values((20, 3), np.uint8)
    stats = bnfast.ChannelStats(channel_axis=0).update(values((3, 50)))
    array = da.from_array(x, chunks=(7, 2))
    y = standardize(array, stats, channel_axis=1, eps=0.5, dtype=np.float64).compute()
    exact = inference(x, *moments(values((3, 50)), 0), eps=0.5, channel_axis=1)
    assert max_error(y, exact) < 1e-13
    with pytest.raises(ValueError, match=r"stats must be of 20 channels, got 3"):
        standardize(array, stats)


def test_constant_and_nan_channels():
    x = values((30, 4), np.float64)
    x[:, 1], x[3, 2], x[4, 3] = 1e7 + 0.1, np.nan, np.inf
    array = da.from_array(x, chunks=(7, 4))
    y = standardize(array, channel_stats(array)).compute()
    np.testing.assert_array_equal(y[:, 1], np.zeros(30))
    assert np.isnan(y[:, 2:]).all()
    assert max_error(y[:, :1], inference(x[:, :1], *moments(x[:, :1]), eps=0)) < 1e-13


ARRAY = da.from_array(values((6, 3)), chunks=(2, 3))
STATS = bnfast.ChannelStats().update(values((6, 3)))


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: channel_stats(values((6, 3))), TypeError, "array must be a dask.array.Array"),
        (lambda: channel_stats(ARRAY.astype(int)), TypeError, "array must be of a dtype that"),
        (lambda: channel_stats(ARRAY, channel_axis=2), ValueError, r"in \[-2, 2\) for a 2-d array"),
        (lambda: channel_stats(ARRAY, nan_policy="drop"), ValueError, "nan_policy must be one of"),
        (lambda: standardize(values((6, 3)), STATS), TypeError, "must be a dask.array.Array, got"),
        (lambda: standardize(ARRAY, (0, 1)), TypeError, "must be a bnfast.ChannelStats, got tuple"),
        (lambda: standardize(ARRAY[:, :2], STATS), ValueError, "must be of 2 channels, got 3"),
        (lambda: standardize(ARRAY, bnfast.ChannelStats()), ValueError, "stats must have values"),
        (lambda: standardize(ARRAY, bnfast.ChannelStats(3)), ValueError, "stats must have values"),
        (lambda: standardize(ARRAY, STATS, channel_axis=-3), ValueError, "channel_axis must lie"),
        (lambda: standardize(ARRAY, STATS, dtype=int), TypeError, "dtype"),
        (lambda: standardize(ARRAY.astype(int), STATS), TypeError, "x must be float16"),
        (lambda: standardize(ARRAY, STATS, eps=-1.0), ValueError, "eps must"),
    ],
)
def test_refusals(call, error, text):
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize("module, package", [("dask", "dask"), ("mpi", "mpi4py")])
def test_a_missing_package_is_named_with_its_extra(module, package):
    program = f"import sys; sys.modules[{package!r}] = None; import bnfast.{module}"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    message = f"ImportError: bnfast.{module} needs {package}: pip install 'bnfast[{module}]'"
    assert ended.stderr.splitlines()[-1] == message
