"""The bits of a result do not depend on threads, their number or what else runs, nor on caches."""

import multiprocessing
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import bnfast
from stored_types import FLOATS

COUNTS = [1, 2, 3, 7]
L2 = bnfast._core.cache_sizes()["l2"]

# (N, C, inner); the larger ones are worth several threads each.
SHAPES = {
    "many channels": (8, 96, 784),
    "fewer channels than threads": (16, 2, 9000),
    "one channel": (3, 1, 100_003),
    "one image": (1, 64, 3136),
    "one image, one channel": (1, 1, 300_001),
    "a slab beyond L2": (4, 3, L2 // 8),
    "short planes": (32, 300, 49),
    "short odd planes": (64, 67, 7),
    "planes as rows": (70, 67, 7),
    "planes as many columns": (70, 3001, 4),
    "no planes": (5000, 65, 1),
    "few rows": (33, 5003, 1),
    "fewer rows than threads": (2, 200_003, 1),
    "few channels, many rows": (100_001, 3, 1),
    "small": (3, 5, 7),
}


def arrange(values, layout):
    return (
        values if layout == "NCHW" else np.ascontiguousarray(values.swapaxes(1, 2)).swapaxes(1, 2)
    )


def all_results(x, dy, threads):
    """Return the bytes of everything the functions make of x and dy."""
    c = x.shape[1]
    a, b = np.linspace([1, -1], [2, 1], c).T
    with_threads = {"num_threads": threads}
    forward = bnfast.batch_norm_forward(x, a, b, **with_threads)
    running_mean, running_var = np.zeros(c), np.ones(c)
    trained = bnfast.batch_norm(
        x, running_mean, running_var, a, b, True, momentum=0.25, **with_threads
    )
    statistics = forward.mean, forward.invstd
    gradients = bnfast.batch_norm_backward(dy, x, *statistics, a, **with_threads)
    sums = bnfast.batch_norm_backward_reduce(dy, x, *statistics, **with_threads)
    results = [
        *forward[:3],
        trained,
        running_mean,
        running_var,
        *gradients[:3],
        *sums,
        bnfast.batch_norm_backward(dy, x, *statistics, a, training=False, **with_threads).dx,
        bnfast.batch_norm_backward_elemt(dy, x, *statistics, a, *sums, 99, **with_threads),
        bnfast.batch_norm(x, a, a, a, b, **with_threads),
        bnfast.affine(x, a, b, **with_threads),
        bnfast.standardize(x, channel_axis=1, **with_threads),
        bnfast.Affine(a, a, b)(x, **with_threads),
        *bnfast.moments(x, **with_threads)[:2],
    ]
    for name, residual in (("relu", None), ("leaky_relu", dy), ("silu", dy)):
        fused = {"activation": name, "residual": residual, **with_threads}
        results += [
            bnfast.batch_norm_forward(x, a, b, **fused).y,
            bnfast.batch_norm(x, a, a, a, b, **fused),
            *bnfast.batch_norm_backward(dy, x, *statistics, a, b, **fused)[
                : 4 if name != "relu" else 3
            ],
        ]
    return [result.tobytes() for result in results]


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@FLOATS
def test_bits(shape, layout, dtype):
    rng = np.random.default_rng(0)
    x, dy = (arrange(rng.normal(3, 2, shape).astype(dtype), layout) for _ in range(2))
    one, *others = (all_results(x, dy, threads) for threads in COUNTS)
    for threads, results in zip(COUNTS[1:], others, strict=True):
        assert results == one, f"{threads} threads"


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_bits_of_rows_apart_with_fewer_channels_than_threads(channels):
    # As the colours of an image that has a fourth one: such rows cannot be taken several as one.
    rng = np.random.default_rng(0)
    x, dy = (rng.normal(3, 2, (90_001, 4)).astype(np.float32)[:, :channels] for _ in range(2))
    one, *others = (all_results(x, dy, threads) for threads in COUNTS)
    assert all(results == one for results in others)


@pytest.fixture
def assume_cache_sizes():
    yield bnfast._core.assume_cache_sizes
    bnfast._core.assume_cache_sizes(0, 0)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize(
    "shape", [(8, 96, 784), (3, 5, 3136), (1, 64, 3136), (32, 300, 49)], ids=str
)
def test_bits_with_other_caches(shape, layout, assume_cache_sizes):
    rng = np.random.default_rng(0)
    x, dy = (arrange(rng.normal(3, 2, shape).astype(np.float32), layout) for _ in range(2))
    here = all_results(x, dy, 2)
    plans = set()
    for l2, l3 in [(4 << 10, 1), (512 << 10, 4 << 20), (512 << 10, 32 << 20), (2 << 20, 480 << 20)]:
        assume_cache_sizes(l2, l3)
        plans.add(str(bnfast._core.schedule(shape, l2=l2, l3=l3)))
        assert bnfast._core.cache_sizes()["l2"] == l2
        assert all_results(x, dy, 2) == here, f"{l2} bytes of L2, {l3} of L3"
    assert len(plans) > 1, "the same plan every time"


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_bits_where_sums_are_taken_twice(layout):
    # Beginnings far from the mean, infinite sums and NaN: these channels are read again.
    x = np.random.default_rng(1).normal(0, 1, (4, 8, 40_000)).astype(np.float32)
    x[0, 1, :16] = 1e6
    x[0, 3, 7] = np.nan
    x[:, 5] *= 1e30
    x[:, 6] = 1e7
    x = arrange(x, layout)
    one, *others = (all_results(x, x, threads) for threads in COUNTS)
    assert all(results == one for results in others)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@FLOATS
def test_bits_of_large_outputs(layout, dtype):
    # 36 MiB and an odd number of elements: stored past the caches.
    inner = 36 * 2**20 // 93 // np.dtype(dtype).itemsize | 1
    x = np.random.default_rng(5).standard_normal((3, 31, inner), np.float32)
    x = arrange((2 * x + 3).astype(dtype), layout)
    a = np.linspace(1, 2, 31)

    def results(threads):
        forward = bnfast.batch_norm_forward(x, a, num_threads=threads)
        dx = bnfast.batch_norm_backward(x, x, *forward[1:3], a, num_threads=threads).dx
        return [*forward[:3], dx, bnfast.affine(x, a, a, num_threads=threads)]

    one, *others = (results(threads) for threads in COUNTS)
    for other in others:
        assert all(np.array_equal(found, wanted) for found, wanted in zip(other, one, strict=True))


def test_bits_in_concurrent_calls():
    rng = np.random.default_rng(2)
    x, dy = rng.normal(3, 2, (2, 4, 32, 3000)).astype(np.float32)
    wanted = all_results(x, dy, 1)
    found = {}

    def work(name, threads):
        found[name] = [all_results(x, dy, threads) == wanted for _ in range(3)]

    workers = [threading.Thread(target=work, args=(i, 1 + i % 3)) for i in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == {i: [True] * 3 for i in range(6)}


def test_a_layer_and_its_frozen_form_in_concurrent_calls():
    x = np.random.default_rng(3).normal(3, 2, (4, 8, 500)).astype(np.float32)
    layer = bnfast.BatchNorm(8)
    layer(x)
    frozen = layer.freeze()
    wanted = frozen(x)
    found = []

    def work():
        found.extend(np.array_equal(frozen(x), wanted) for _ in range(200))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 800
    assert all(found)


@pytest.mark.parametrize(
    "call",
    [
        lambda x, y: bnfast.batch_norm_forward(x, out=y),
        lambda x, y: bnfast.batch_norm_backward(x, x, [0] * 8, [1] * 8, out=y),
        lambda x, y: bnfast.batch_norm(x, [0] * 8, [1] * 8, out=y),
        lambda x, y: bnfast.moments(x),
    ],
    ids=["forward", "backward", "inference", "moments"],
)
def test_others_run_during_a_call(call):
    x = np.ones((8, 8, 250_000), np.float32)  # 64 MB: milliseconds
    y = np.empty_like(x)
    ticks, stop = [], threading.Event()

    def tick():
        while not stop.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0)

    def ticked_amid_a_call():
        begin = time.perf_counter()
        call(x, y)
        quarter = (time.perf_counter() - begin) / 4
        return any(begin + quarter < t < begin + 3 * quarter for t in ticks)

    ticker = threading.Thread(target=tick)
    ticker.start()
    try:
        # On a busy machine the other thread may miss its turn, but hardly every time.
        assert any(ticked_amid_a_call() for _ in range(100))
    finally:
        stop.set()
        ticker.join()


def written(x, axis, threads):
    """Return the bytes that maps write where nothing right lies yet."""
    c = x.shape[axis]
    a, b = np.linspace([1, -1], [2, 1], c).T
    outs = [np.full_like(x, np.nan) for _ in range(3)]
    common = {"channel_axis": axis, "num_threads": threads}
    bnfast.batch_norm(x, b, a, a, b, out=outs[0], **common)
    bnfast.batch_norm(x, weight=a, bias=b, training=True, out=outs[1], **common)
    bnfast.batch_norm_backward(x, x, b, a, a, out=outs[2], **common)
    assert all(np.isfinite(out).all() for out in outs)
    return [out.tobytes() for out in outs]


@pytest.mark.parametrize("axis", [1, -1])
@pytest.mark.parametrize("shape", [(16, 24, 65, 65), (40, 64, 7, 65), (3, 2, 600, 650)])
def test_all_is_written_by_however_many_threads(shape, axis):
    x = np.random.default_rng(5).normal(3, 2, shape).astype(np.float32)
    alone = written(x, axis, 1)
    for threads in (2, 3, 7, 40):
        assert written(x, axis, threads) == alone


def in_child(x, wanted, wanted_written):
    same = all_results(x, x, 2) == wanted
    same = same and [written(x, axis, 2) for axis in (1, -1)] == wanted_written
    alone = len(list(Path("/proc/self/task").iterdir())) == 1
    sys.exit(0 if same and alone else f"same results: {same}, one thread: {alone}")


@pytest.mark.once
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts threads in /proc")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_runs_alone():
    x = np.random.default_rng(4).normal(3, 2, (8, 16, 8000)).astype(np.float32)
    wanted = all_results(x, x, 2)  # starts the threads that the child will not have
    arguments = x, wanted, [written(x, axis, 2) for axis in (1, -1)]
    child = multiprocessing.get_context("fork").Process(target=in_child, args=arguments)
    child.start()
    child.join(timeout=30)
    hangs = child.is_alive()
    child.kill()
    child.join()
    assert not hangs
    assert child.exitcode == 0
    assert all_results(x, x, 2) == wanted  # the parent has kept its threads
