"""`bnfast.dask` on a cluster whose workers' memory does not hold the array."""

import re
from pathlib import Path

import numpy as np
import pytest

from reference import Real

pytestmark = pytest.mark.once

da = pytest.importorskip("dask.array", reason="bnfast.dask needs dask, which is not installed")
distributed = pytest.importorskip(
    "distributed", reason="bnfast.dask's cluster needs distributed, which is not installed"
)

from bnfast.dask import channel_stats, standardize  # noqa: E402  (after the skips)

MIB = 2**20
WORKERS, LIMIT = 2, 320 * MIB
ROWS, C, BLOCKS = 2**18, 16, 48
PATTERN = 251  # rows until values recur


def rows(block_id):
    """Return the rows of one block: a pattern, and a shift that tells blocks apart."""
    pattern = (np.arange(PATTERN)[:, np.newaxis] * np.arange(1, C + 1)) % PATTERN
    shifted = (pattern + 1e4 + block_id).astype(np.float32)
    return np.resize(shifted, (ROWS, C))


def block(block_info=None):
    """Make one block where it is needed: none of them is stored."""
    return rows(block_info[None]["chunk-location"][0])


def exact_moments():
    """Return mean and variance of all blocks: sums of integers, which are exact."""
    total = np.zeros((2, C), object)
    for block_id in range(BLOCKS):
        pattern = rows(block_id)[:PATTERN].astype(np.int64)
        repeats, rest = divmod(ROWS, PATTERN)
        for power in (1, 2):
            sums = (pattern**power).sum(0) * repeats + (pattern[:rest] ** power).sum(0)
            total[power - 1] += sums.astype(object)
    n = ROWS * BLOCKS
    mean = [Real(s) / n for s in total[0]]
    var = [Real(n * q - s * s) / (Real(n) * n) for s, q in zip(*total, strict=True)]
    return np.array(mean), np.array(var)


def peak_memory():
    """Return the most bytes that this process has held since its program began."""
    status = Path("/proc/self/status").read_text()  # getrusage counts what the parent held, too
    return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(
            n_workers=WORKERS,
            threads_per_worker=1,
            memory_limit=LIMIT,
            dashboard_address=None,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def array():
    chunks = ((ROWS,) * BLOCKS, (C,))
    large = da.map_blocks(block, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0), np.float32))
    assert large.nbytes > WORKERS * LIMIT
    return large


def test_statistics_and_standardization_in_bounded_memory(client, array):
    stats = channel_stats(array)
    mean, var = exact_moments()
    assert stats.count == ROWS * BLOCKS
    np.testing.assert_allclose(stats.mean, mean.astype(float), rtol=1e-15)
    np.testing.assert_allclose(stats.var(), var.astype(float), rtol=1e-12)

    few = array[: 4 * ROWS]
    here = channel_stats(few, compute=False).compute(scheduler="synchronous")
    assert channel_stats(few) == here

    after = channel_stats(standardize(array, stats))
    np.testing.assert_allclose(after.mean, np.zeros(C), atol=1e-7)
    np.testing.assert_allclose(after.std(), np.ones(C), rtol=1e-6)
    held = client.run(peak_memory)
    assert len(held) == WORKERS
    assert max(held.values()) < LIMIT
