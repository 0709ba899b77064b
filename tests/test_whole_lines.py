"""Outputs that are stored a cache line at a time, from any place in one on: streamed or near."""

import numpy as np
import pytest

import bnfast

IMAGES = 8
# Bytes of x: with y more than 16 MB, from which on y is streamed, but by maps alone in two threads;
# and enough for two threads.
LARGE, SMALL = 8_800_000, 1_100_000
LARGE_ALONE = 17_000_000  # with y more than 32 MB, from which on maps alone stream all
NEARLY_NEAR = 12_000_000  # with y most of a near L3: some of y is streamed by a map, some stored
LARGE_IN_PLACE = 34_000_000  # from 32 MB on y is streamed over x
NEAR, STORED = (1 << 20, 32 << 20), (1 << 20, 960 << 20)  # sizes of L2 and L3
NEAR_AND_SMALL = (1 << 20, 2 << 20)  # too small to hold what is stored
SMALL_L2 = (512 << 10, 32 << 20)  # the map prefetches what will be reduced, not the reduction
# Of elements: a few vectors, rows of short planes, those taken in turns (3 to 4 KB four in a row),
# with whole lines and without; and long ones.
INNER = [9, 16, 17, 49, 196, 729, 769, 784, 900, 961, 1023, 1030, 3136]
CASES = [(inner, np.float32) for inner in INNER] + [
    (inner, np.float16) for inner in [31, 32, 33, 49, 784, 1537, 1568, 1800, 2047, 2060]
]


OFFSETS = [0, 1, 4, 8, 15]  # of outputs, in elements from the beginning of a line on


@pytest.fixture
def assume_cache_sizes():
    yield bnfast._core.assume_cache_sizes
    bnfast._core.assume_cache_sizes(0, 0)


def some(shape, dtype, seed):
    """Return random numbers."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32).astype(dtype)


def beside(x, offset):
    """Return a copy that begins `offset` elements into a line, and what lies around it."""
    buffer = np.full(x.size + 128, 123, x.dtype)
    begin = -buffer.ctypes.data % 64 // x.itemsize + offset
    inside = buffer[begin : begin + x.size].reshape(x.shape)
    inside[...] = x
    return inside, (buffer[:begin], buffer[begin + x.size :])


def problem(inner, dtype, size):
    """Return x, dy and weights, of a shape whose channels make no whole number of rows."""
    plane = inner * np.dtype(dtype).itemsize
    channels = size // (IMAGES * plane) // 4 * 4 + 3
    shape = (IMAGES, channels, inner)
    return some(shape, dtype, 0), some(shape, dtype, 1), some(channels, np.float32, 2)


def calls(x, dy, weight, threads):
    """Return functions of x and an output: training, its gradient, with a residual, a map."""
    forward = bnfast.batch_norm_forward(x, weight)

    def train(x, y):
        bnfast.batch_norm_forward(x, weight, out=y, num_threads=threads)

    def backward(x, dx):
        statistics = forward.mean, forward.invstd, weight
        bnfast.batch_norm_backward(dy, x, *statistics, out=dx, num_threads=threads)

    def train_with_residual(x, y):
        bnfast.batch_norm_forward(x, weight, residual=dy, out=y, num_threads=threads)

    def infer(x, y):
        bnfast.affine(x, weight, weight, out=y, num_threads=threads)

    return train, backward, train_with_residual, infer


def plans(x, near=NEAR, in_place=False):
    """Return the schedules with a near L3, and with one so large that outputs are stored."""
    return [
        bnfast._core.schedule(x.shape, itemsize=x.itemsize, in_place=in_place, l2=l2, l3=l3)
        for l2, l3 in (near, STORED)
    ]


def assert_same_bits(x, dy, weight, places, assume_cache_sizes, in_place=False):
    """Compare with what is stored from the beginning of a line on; nothing around is written.

    places: how many elements into a line an output begins, and the sizes of the caches.
    """
    for call in calls(x, dy, weight, threads=2):
        assume_cache_sizes(*STORED)
        wanted, _ = beside(x, 0)
        call(x, wanted)
        for offset, caches in places:
            assume_cache_sizes(*caches)
            found, around = beside(x, offset)
            call(found if in_place else beside(x, offset)[0], found)
            assert found.tobytes() == wanted.tobytes(), (offset, caches)
            assert all(np.all(part == 123) for part in around), (offset, caches)


@pytest.mark.parametrize(("inner", "dtype"), CASES)
def test_streamed_is_as_stored(inner, dtype, assume_cache_sizes):
    x, dy, weight = problem(inner, dtype, LARGE)
    for near in (NEAR, SMALL_L2):
        found = plans(x, near)
        assert [plan["streaming"] for plan in found] == [True, False]
        assert found[0]["map_reads_ahead"] == (near == SMALL_L2)
    places = [*((offset, NEAR) for offset in OFFSETS), (4, SMALL_L2)]
    assert_same_bits(x, dy, weight, places, assume_cache_sizes)


@pytest.mark.parametrize("inner", [49, 784, 3136])
def test_streamed_in_place_is_as_stored(inner, assume_cache_sizes):
    x, dy, weight = problem(inner, np.float32, LARGE_IN_PLACE)
    for near in (NEAR, SMALL_L2):
        assert [plan["streaming"] for plan in plans(x, near, in_place=True)] == [True, False]
    places = [(0, NEAR), (4, NEAR), (4, SMALL_L2)]
    assert_same_bits(x, dy, weight, places, assume_cache_sizes, in_place=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("inner", [2, 9, 17, 33, 49, 63, 66, 196, 225, 499, 784, 900, 1023, 5000])
def test_near_is_as_stored(inner, dtype, assume_cache_sizes):
    x, dy, weight = problem(inner, dtype, SMALL)
    for near in (NEAR, NEAR_AND_SMALL):
        found = plans(x, near, in_place=True)
        assert [plan["near"] for plan in found] == [True, False]
        assert [plan["held"] for plan in found] == [near == NEAR, False]
    places = [(offset, near) for near in (NEAR, NEAR_AND_SMALL) for offset in OFFSETS]
    assert_same_bits(x, dy, weight, places, assume_cache_sizes, in_place=True)


@pytest.mark.parametrize("offset", [0, 1, 4, 15])
@pytest.mark.parametrize(
    ("walk", "channels", "inner"),
    [("rows", channels, 1) for channels in (3, 37, 64, 96, 700)]
    + [("planes", 37, inner) for inner in (49, 196, 784, 3000, 40_001)],
)
def test_partly_streamed_is_as_stored(walk, channels, inner, offset, assume_cache_sizes):
    shape = (NEARLY_NEAR // (4 * channels * inner), channels, inner)
    near = {"l2": NEAR[0], "l3": NEAR[1]}
    assert bnfast._core.schedule(shape, walk, reduces=False, **near)["pieces_per_streamed"] > 1
    x, weight = some(shape, np.float32, 0), some(channels, np.float32, 1)
    if walk == "rows":
        x = x.reshape(shape[:2])
    assume_cache_sizes(*STORED)
    wanted = bnfast.affine(x, weight, weight, num_threads=2)
    assume_cache_sizes(*NEAR)
    found, around = beside(x, offset)
    bnfast.affine(x, weight, weight, out=found, num_threads=2)
    assert found.tobytes() == wanted.tobytes()
    assert all(np.all(part == 123) for part in around)
    mapping = bnfast.Affine(np.zeros(channels), weight, weight)
    found, finite = mapping._map_and_check(x)
    assert finite
    assert found.tobytes() == mapping(x).tobytes()


def apart(x):
    """Return a copy whose rows do not lie end to end."""
    return np.pad(x, [(0, 0), (0, 5)])[:, : x.shape[1]]


def maps(x, dy, y, threads):
    """Return what maps alone make of rows: one and two inputs, one and two outputs."""
    channels = x.shape[1]
    weight, bias = some(channels, np.float32, 2), some(channels, np.float32, 3)
    mean, invstd = some(channels, np.float32, 4), abs(some(channels, np.float32, 5)) + 1
    call = {"channel_axis": -1, "num_threads": threads, "out": y}
    frozen = {"training": False, "activation": "relu", "residual": x, "output_mask": (True,) * 3}
    yield bnfast.affine(x, weight, bias, **call)
    yield bnfast.batch_norm(x, mean, invstd, weight, bias, residual=dy, **call)
    yield bnfast.batch_norm_backward(dy, x, mean, invstd, weight, **call, training=False)[0]
    given = bnfast.batch_norm_backward(dy, x, mean, invstd, weight, bias, **call, **frozen)
    yield given[0]
    yield given[-1]


@pytest.mark.parametrize("size", [SMALL, LARGE_ALONE], ids=["stored", "streamed"])
@pytest.mark.parametrize("offset", [0, 1, 15])
@pytest.mark.parametrize(
    ("channels", "dtype"),
    [(c, np.float32) for c in (1, 17, 33, 64, 100, 1024, 2048, 2049)]
    + [(c, np.float16) for c in (15, 33, 64, 2049)]
    + [(c, np.float64) for c in (7, 36, 2048, 2049)],
)
def test_rows_end_to_end_are_as_rows_apart(channels, dtype, offset, size, assume_cache_sizes):
    assume_cache_sizes(*NEAR)
    itemsize = np.dtype(dtype).itemsize
    rows = size // (itemsize * channels) | 1
    alone = {"reduces": False, "itemsize": itemsize, "l2": NEAR[0], "l3": NEAR[1]}
    plan = bnfast._core.schedule((rows, channels, 1), "rows", **alone)
    assert (plan["streaming"], plan["pieces_per_streamed"]) == (size == LARGE_ALONE, 1)
    x, dy = some((rows, channels), dtype, 0), some((rows, channels), dtype, 1)
    found, around = beside(x, offset)
    wanted = apart(x)
    for threads in (1, 2):
        for end_to_end, lying_apart in zip(
            maps(x, dy, found, threads), maps(apart(x), apart(dy), wanted, threads), strict=True
        ):
            assert end_to_end.tobytes() == lying_apart.tobytes()
    assert all(np.all(part == 123) for part in around)


@pytest.mark.parametrize("in_place", [False, True], ids=["apart", "in place"])
@pytest.mark.parametrize("channels", [3, 17, 64, 327])
def test_streamed_rows_are_as_stored(channels, in_place, assume_cache_sizes):
    rows = (LARGE_IN_PLACE if in_place else LARGE) // (4 * channels)
    x, dy = some((rows, channels), np.float32, 0), some((rows, channels), np.float32, 1)
    weight = some(channels, np.float32, 2)
    places = [(0, NEAR), (7, NEAR)]
    assert_same_bits(x, dy, weight, places, assume_cache_sizes, in_place=in_place)
