"""The memory that calls compute in: kept for the next ones, bounded, and given back on request."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import bnfast

pytestmark = pytest.mark.once

KIB, MIB = 2**10, 2**20
WIDE = 32768  # of so many columns the sums take 512 KiB


def table(rows, columns):
    return np.random.default_rng(rows).standard_normal((rows, columns), dtype=np.float32)


@pytest.fixture(autouse=True)
def nothing_kept():
    bnfast.empty_cache()
    yield
    bnfast.empty_cache()


def test_what_a_call_computed_in_is_kept_and_given_back():
    x = table(32, WIDE)
    bnfast.batch_norm(x, out=np.empty_like(x), training=True)
    assert 512 * KIB <= bnfast.empty_cache() < 4 * MIB
    assert bnfast.empty_cache() == 0


def test_small_calls_keep_nothing():
    x = table(32, 64)
    bnfast.batch_norm(x, out=np.empty_like(x), training=True)
    assert bnfast.empty_cache() == 0


def test_all_widths_together_keep_no_more_than_the_bound():
    for columns in range(WIDE // 8, 8 * WIDE, WIDE // 2 + 1):
        x = table(4, columns)
        bnfast.batch_norm(x, out=x, training=True)
    assert 0 < bnfast.empty_cache() <= 16 * 2 * MIB


def faults():
    import resource  # POSIX has it

    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts page faults as Linux does")
def test_further_calls_take_few_pages_anew():
    x = table(32, WIDE)
    out, mean, var = np.empty_like(x), np.zeros(WIDE), np.ones(WIDE)

    def call():
        bnfast.batch_norm(x, mean, var, training=True, out=out)

    for _ in range(3):
        call()
    before = faults()
    for _ in range(20):
        call()
    assert faults() - before < 20 * 16  # 224 each, were nothing kept


def test_calls_of_several_threads_compute_in_memory_of_their_own():
    tables = [table(rows, columns) for rows in (3, 32, 40) for columns in (9001, WIDE, WIDE + 77)]
    alone = [bnfast.batch_norm(x, training=True) for x in tables]

    def again(i):
        return np.array_equal(bnfast.batch_norm(tables[i], training=True, num_threads=1), alone[i])

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(again, [i % len(tables) for i in range(180)]))
