"""No byte outside an array is read or written: arrays lie right before and right after pages that
may not be touched, and the memory around each output keeps its pattern.

A violation ends the process with SIGSEGV.
"""

import ctypes
import mmap
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import bnfast
from stored_types import FLOATS

VECTOR = 64  # bytes of the widest vector
PATTERN = 0xA5
SMALL = 16 * mmap.PAGESIZE
LARGE = 40 * 2**20  # outputs of 32 MiB and more are stored past the caches


class Guarded:
    """Some pages of memory between two that may not be touched."""

    def __init__(self, size):
        page = mmap.PAGESIZE
        memory = mmap.mmap(-1, size + 2 * page)
        self.start = ctypes.addressof(ctypes.c_char.from_buffer(memory)) + page
        for guard in (self.start - page, self.start + size):
            protect = ctypes.CDLL(None, use_errno=True).mprotect
            if protect(ctypes.c_void_p(guard), ctypes.c_size_t(page), 0) != 0:
                raise OSError(ctypes.get_errno(), "mprotect failed")
        self.bytes = np.frombuffer(memory, np.uint8, size, page)
        self.bytes[...] = PATTERN

    def place(self, shape, dtype, *, at_end, shift, pad):
        """Return an array, `shift` elements from an end; `pad` elements part its last axes."""
        item = np.dtype(dtype).itemsize
        strides = [item]
        for length in (max(1, shape[-1] + pad), *shape[-2:0:-1]):
            strides.insert(0, strides[0] * length)
        reach = sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) + item
        size = reach if 0 not in shape else 0
        assert size + shift * item <= self.bytes.size
        first = self.bytes.size - shift * item - size if at_end else shift * item
        return as_strided(self.bytes[first : first + size].view(dtype), shape, strides)

    def untouched_around(self, array):
        array[...] = np.frombuffer(bytes([PATTERN]) * array.itemsize, array.dtype)[0]
        return bool((self.bytes == PATTERN).all())


@pytest.fixture(scope="module")
def guarded():
    return [Guarded(SMALL) for _ in range(3)]


def results(x, dy, out, wide_out):
    """Return copies of what each function makes of x and dy; outputs go where they are told to."""
    c = x.shape[-2 if x.ndim == 3 else -1]
    axis = {"channel_axis": 1 if x.ndim == 3 else -1}
    a, b = np.linspace([1, -1], [2, 1], c).T
    forward = bnfast.batch_norm_forward(x, a, b, out=out, **axis)
    yield forward.y
    yield forward.mean
    yield forward.invstd
    yield bnfast.batch_norm(x, b, a, a, b, out=out, **axis)
    yield from bnfast.batch_norm_backward(dy, x, b, a, a, out=out, **axis)[:3]
    yield bnfast.batch_norm_backward(dy, x, b, a, a, training=False, out=out, **axis).dx
    yield bnfast.standardize(x, out=out, **axis)
    yield bnfast.affine(x, a, b, dtype=np.float64, out=wide_out, **axis)
    for name in ("relu6", "silu"):
        fused = {"activation": name, "residual": dy, "out": out, **axis}
        yield bnfast.batch_norm(x, b, a, a, b, **fused)
        yield bnfast.batch_norm_forward(x, a, b, **fused).y
        yield from bnfast.batch_norm_backward(x, x, b, a, a, b, **fused)
        alone = {"activation": name, "out": out, **axis}
        yield bnfast.batch_norm_forward(x, a, b, **alone).y
        yield bnfast.batch_norm_backward(dy, x, b, a, a, b, **alone).dx
    if x.size:
        yield from bnfast.moments(x, **axis)[:2]


def shapes(walk, size):
    """Return shapes whose run of side by side elements has this size."""
    if walk == "planes":
        return [(1, 1, size), (2, 3, size)]
    if walk == "rows":
        return [(1, size), (11, size)]
    if walk == "planes as rows":
        return [(50, 3, size), (9 * size, 5, size)]
    # Enough rows that several are taken together as a long one, and some that are left over.
    return [(rows, size) for rows in (1024 // size + 130, 1031 // size + 131)]


def sources_of(shape, dtype, pad=0):
    """Return x, dy and what the functions make of them; `pad` elements part their last axes."""
    rng = np.random.default_rng(shape)
    wide = [(0, 0)] * (len(shape) - 1) + [(0, pad)]
    sources = [rng.normal(2, 1, shape).astype(dtype) for _ in range(2)]
    apart = [np.pad(source, wide)[..., : shape[-1]] for source in sources]
    return *apart, list(results(*apart, None, None))


def check(guarded, known, **place):
    *sources, wanted = known
    shape, dtype = sources[0].shape, sources[0].dtype
    x, dy = (memory.place(shape, dtype, **place) for memory in guarded[:2])
    outputs = guarded[2]
    out = outputs.place(shape, dtype, **place)
    wide = outputs.place(shape, np.float64, **place)
    x[...], dy[...] = sources
    for result, right in zip(results(x, dy, out, wide), wanted, strict=True):
        assert np.array_equal(result, right)
        if result is out or result is wide:
            assert outputs.untouched_around(result)
    assert guarded[0].untouched_around(x)
    assert guarded[1].untouched_around(dy)
    out[...] = sources[0]  # in place
    right = bnfast.standardize(sources[0], eps=1.0)
    assert np.array_equal(bnfast.standardize(out, eps=1.0, out=out), right)
    assert outputs.untouched_around(out)


@pytest.mark.parametrize("at_end", [True, False], ids=["before a guard", "after a guard"])
@pytest.mark.parametrize("walk", ["planes", "rows"])
@FLOATS
def test_every_size_and_misalignment(guarded, dtype, walk, at_end):
    lanes = VECTOR // np.dtype(dtype).itemsize
    shifts = range(lanes) if lanes <= 16 else (0, 1, 2, 3, 15, 16, 17, 31)
    for size in range(4 * lanes + 2):
        for shape in shapes(walk, size):
            known = [sources_of(shape, dtype, pad) for pad in range(3)]
            for shift in shifts:
                pad = shift % 3
                check(guarded, known[pad], at_end=at_end, shift=shift, pad=pad)


@pytest.mark.parametrize("at_end", [True, False], ids=["before a guard", "after a guard"])
@FLOATS
@pytest.mark.parametrize(
    ("walk", "sizes"),
    [("long rows", [*range(1, 20), 31, 33]), ("planes as rows", [2, 3, 4, 7, 8, 9, 10])],
    ids=["rows", "planes"],
)
def test_long_rows(guarded, dtype, walk, sizes, at_end):
    for size in sizes:
        for shape in shapes(walk, size):
            known = sources_of(shape, dtype)
            for shift in (0, 1):
                check(guarded, known, at_end=at_end, shift=shift, pad=0)


@pytest.mark.parametrize("at_end", [True, False], ids=["before a guard", "after a guard"])
@pytest.mark.parametrize("walk", ["planes", "rows of whole lines", "rows"])
@FLOATS
def test_streaming_stores(dtype, walk, at_end):
    n = LARGE * 9 // 10 // np.dtype(dtype).itemsize
    shape, axis = {
        "planes": ((1, 3, n // 3 | 1), 1),
        "rows of whole lines": ((n // 320 | 1, 320), -1),
        "rows": ((n // 327 | 1, 327), -1),
    }[walk]
    channels = shape[axis]
    memory = Guarded(LARGE)
    x = np.arange(np.prod(shape), dtype=np.int32).reshape(shape) % 80  # exact in any type
    x = x.astype(dtype)
    for shift in (0, 1, 16):
        out = memory.place(shape, dtype, at_end=at_end, shift=shift, pad=0)
        ones, zeros = np.ones(channels), np.zeros(channels)
        bnfast.affine(x, 2 * ones, ones, channel_axis=axis, out=out)
        assert np.array_equal(out, 2 * x + 1)
        assert memory.untouched_around(out)
        # dx = dy - sum_dy/count - (x - mean)*invstd**2*sum_dy_xmu/count
        bnfast.batch_norm_backward_elemt(
            x, x, zeros, ones, None, 3 * ones, -2 * ones, 1, channel_axis=axis, out=out
        )
        assert np.array_equal(out, 3 * x - 3)
        assert memory.untouched_around(out)


@pytest.mark.once
@pytest.mark.parametrize("at", [-1, SMALL], ids=["below", "above"])
def test_guards_guard(at):
    touch = f"ctypes.string_at(t.Guarded({SMALL}).start + {at}, 1)"
    program = f"import ctypes, test_guard_pages as t; {touch}"
    folder = Path(__file__).parent
    ended = subprocess.run([sys.executable, "-c", program], cwd=folder, check=False)
    assert ended.returncode == -signal.SIGSEGV
