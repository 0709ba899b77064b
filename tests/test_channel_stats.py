"""ChannelStats of arrays that come in parts, against exact arithmetic."""

import multiprocessing
import re
from fractions import Fraction
from importlib.util import find_spec
from math import fsum
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bnfast
from bnfast import ChannelStats
from channel_stats_reference import exact_channels, exact_moments, worst
from stored_types import FLOATS, INTEGERS

MOST_ERROR = 1e-13
INTEGER_TYPES = pytest.mark.parametrize("dtype", INTEGERS, ids=lambda t: t.__name__)


def by_class(rows):
    """Return rows in the order of their first column: every chunk has a mean of its own."""
    return rows[np.argsort(rows[:, 0], kind="stable")]


def updated(chunks, **options):
    stats = ChannelStats(**options)
    for chunk in chunks:
        stats.update(chunk)
    return stats


def table(ratio, n=4000, dtype=np.float64, seed=0):
    """Return rows of 5 channels whose mean is `ratio` times their spread."""
    spread = np.array([1.0, 1e-3, 1e3, 7.0, 1e10])
    noise = np.random.default_rng(seed).standard_normal((n, 5))
    return ((noise + ratio) * spread).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("ratio", [0.5, 1e3, 1e6])
def test_any_chunking_is_near_the_exact(ratio, dtype):
    x = by_class(table(ratio, dtype=dtype))
    mean, var = exact_channels(x)
    for chunks in (1, 3, 10, 100, 1000):
        for threads in (1, 2, 7) if chunks <= 10 else (2,):
            parts = [
                ChannelStats().update(part, num_threads=threads)
                for part in np.array_split(x, chunks)
            ]
            for stats in (sum(parts), sum(parts[::-1]), ChannelStats.merged(parts)):
                assert stats.count == len(x)
                assert worst(stats.mean, mean) <= MOST_ERROR
                assert worst(stats.var(), var) <= MOST_ERROR


@pytest.mark.parametrize("layout", ["rows", "planes"])
@FLOATS
def test_layouts_and_types(dtype, layout):
    rows = np.random.default_rng(1).normal(3, 2, (4, 6, 5, 3)).astype(dtype)
    x = rows if layout == "rows" else np.ascontiguousarray(np.moveaxis(rows, -1, 1))
    axis = -1 if layout == "rows" else 1
    stats = updated([x[:1], x[1:]], channel_axis=axis, minmax=True)
    flat = rows.reshape(-1, 3).astype(np.float64)
    mean, var = exact_channels(flat)
    assert worst(stats.mean, mean) <= MOST_ERROR
    assert worst(stats.var(), var) <= MOST_ERROR
    assert np.array_equal(stats.min, flat.min(0))
    assert np.array_equal(stats.max, flat.max(0))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_orders_of_merging(data):
    ratio = data.draw(st.sampled_from([0.3, 1e6]))
    x = by_class(table(ratio, n=300, seed=data.draw(st.integers(0, 9))))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(x)), max_size=20)))
    parts = [ChannelStats().update(part) for part in np.split(x, cuts)]
    while len(parts) > 1:
        into, taken = data.draw(st.permutations(range(len(parts))))[:2]
        parts[into].merge(parts[taken])
        del parts[taken]
    mean, var = exact_channels(x)
    assert parts[0].count == len(x)
    assert worst(parts[0].mean, mean) <= MOST_ERROR
    assert worst(parts[0].var(), var) <= MOST_ERROR


def test_constant_classes():
    # Within a chunk nothing varies: all of the variance comes from the merges.
    levels = 1e6 + np.arange(64) / 64
    x = np.repeat(levels, 50)[:, np.newaxis]
    mean, var = exact_moments(x)
    stats = updated(np.split(x, 64))
    assert worst(stats.mean, [mean]) <= 1e-15
    assert worst(stats.var(), [var]) <= 1e-15
    assert np.array_equal(updated(np.split(x[:50], 5)).var(), [0])


@pytest.mark.once
def test_a_million_updates_lose_nothing():
    part = ChannelStats().update(np.array([[0.1], [0.2], [0.4]]))
    stats, total = ChannelStats(), 0
    for doublings in (17, 13, 20, 3):
        many = part + part
        for _ in range(doublings - 1):
            many.merge(many)
        stats.merge(many)
        total += 2**doublings
    _, var = exact_moments([0.1, 0.2, 0.4])
    assert stats.count == 3 * total
    assert worst(stats.var(), [var]) <= 1e-15


@INTEGER_TYPES
def test_integers_have_the_bits_of_the_exact(dtype):
    info = np.iinfo(dtype)
    x = np.random.default_rng(2).integers(info.min, info.max, (3001, 3), dtype, endpoint=True)
    mean, var = exact_channels(x)
    _, sample = exact_channels(x, correction=1)
    shuffled = np.random.default_rng(3).permutation(x)
    for rows in (x, by_class(x), shuffled):
        for chunks in (1, 7, 100, 1000):
            for threads in (1, 2, 7) if chunks <= 7 else (2,):
                stats = ChannelStats()
                for part in np.array_split(rows, chunks):
                    stats.update(part, num_threads=threads)
                assert stats.mean.tolist() == [float(value) for value in mean]
                assert stats.var().tolist() == [float(value) for value in var]
                assert stats.var(1).tolist() == [float(value) for value in sample]


def test_integers_beyond_64_bits():
    x = np.full((4096, 2), [-32768, 32767], np.int16)
    stats = ChannelStats().update(x)
    for _ in range(50):
        stats.merge(stats)
    more = ChannelStats().update(np.array([[1, -1]], np.int16))
    stats.merge(more)
    n = 4096 << 50
    assert stats.count == n + 1
    for c, (first, last) in enumerate([(-32768, 1), (32767, -1)]):
        s, q = n * first + last, n * first**2 + 1
        assert stats.mean[c] == float(Fraction(s, n + 1))
        assert stats.var()[c] == float(Fraction((n + 1) * q - s * s, (n + 1) ** 2))
    assert ChannelStats.unpack(stats.pack()) == stats
    assert ChannelStats.from_dict(stats.to_dict()) == stats


@INTEGER_TYPES
def test_integers_and_floats_together(dtype):
    whole = np.arange(60).astype(dtype).reshape(20, 3)
    floats = np.random.default_rng(4).normal(30, 9, (50, 3))
    both = np.concatenate([whole.astype(np.float64), floats])
    mean, var = exact_channels(both)
    first = ChannelStats(minmax=True).update(whole).update(floats)
    second = ChannelStats(minmax=True).update(floats).update(whole)
    assert first == second
    assert first.count == 70
    assert worst(first.mean, mean) <= MOST_ERROR
    assert worst(first.var(), var) <= MOST_ERROR
    assert np.array_equal(first.min, both.min(0))
    assert np.array_equal(first.max, both.max(0))


def test_merged_is_a_fixed_tree():
    parts = [ChannelStats().update(part) for part in np.array_split(table(1e6), 11)]
    before = [part.pack() for part in parts]
    whole = ChannelStats.merged(iter(parts))
    first, second = parts[:8], parts[8:]
    while len(first) > 1:
        first = [a + b for a, b in zip(first[::2], first[1::2], strict=True)]
    assert whole == first[0] + (second[0] + second[1] + second[2])
    assert ChannelStats.merged(ChannelStats.unpack(packed) for packed in before) == whole
    assert [part.pack().tobytes() for part in parts] == [packed.tobytes() for packed in before]
    assert ChannelStats.merged([]) == ChannelStats()


@pytest.mark.once
def test_processes_give_the_same_bits():
    x = table(1e6, dtype=np.float32)
    chunks = np.array_split(x, 6)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found = pool.map(ChannelStats().update, chunks)
    here = [ChannelStats().update(chunk) for chunk in chunks]
    assert found == here
    assert ChannelStats.merged(found) == ChannelStats.merged(here)


ANOVA = ["AtmWtAg", "SiRstv", *(f"SmLs0{k}" for k in range(1, 10))]


@pytest.fixture(scope="module", params=ANOVA)
def treatments(request):
    """One of NIST's sets for the analysis of variance, which SciPy's tests carry, as columns."""
    scipy = find_spec("scipy")
    if scipy is None:
        pytest.skip("SciPy, which holds the data, is not installed")
    path = Path(scipy.origin).parent / f"stats/tests/data/nist_anova/{request.param}.dat"
    if not path.is_file():
        pytest.skip("this SciPy was installed without its tests, which hold the data")
    text = path.read_text()
    lines = text.splitlines()[60:]
    pairs = [(int(line.split()[0]), float(line.split()[1])) for line in lines if line.strip()]
    groups = sorted({group for group, _ in pairs})
    columns = [[value for group, value in pairs if group == g] for g in groups]
    certified = re.search(r"Within \w+\s+(\d+)\s+(\S+)", text)
    assert len(pairs) - len(groups) == int(certified[1])
    return np.array(columns).T, float(certified[2])


def test_14_digits_of_nist_sums_of_squares(treatments):
    x, certified = treatments
    exact = sum(exact_moments(column)[1] * len(column) for column in x.T)
    # Stored in binary, values of 13 equal leading digits differ from NIST's by up to 1e-4.
    assert float(exact) == pytest.approx(certified, rel=1e-3)
    for chunks in (1, 2, 5, len(x)):
        stats = updated(np.array_split(x, chunks))
        within = fsum(stats.var() * len(x))
        assert abs(Fraction(within) / exact - 1) <= Fraction(1, 10**14)
        sample = fsum(stats.var(1) * (len(x) - 1))
        assert abs(Fraction(sample) / exact - 1) <= Fraction(1, 10**14)


def test_one_array_is_moments():
    x = np.random.default_rng(5).normal(1, 2, (100, 4)).astype(np.float32)
    mean, var, count = bnfast.moments(x, channel_axis=-1)
    stats = ChannelStats().update(x)
    np.testing.assert_allclose(stats.mean, mean, rtol=1e-15)
    np.testing.assert_allclose(stats.var(), var, rtol=1e-15)
    np.testing.assert_allclose(stats.std(), np.sqrt(var), rtol=1e-15)
    assert stats.count == count
