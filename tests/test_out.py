"""`out=`: the same object, in place, beside and across its inputs; refused, nothing is written."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import bnfast

C = 5
SHAPE = 3, C, 4, 7
A = np.linspace(1, 2, C)
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def values(seed=0, dtype=np.float32):
    return np.random.default_rng(seed).normal(3, 2, SHAPE).astype(dtype)


# Every function with out=, as a function of x and dy.
FUNCTIONS = {
    "training": lambda x, _, out=None: bnfast.batch_norm(x, None, None, A, -A, True, out=out),
    "inference": lambda x, _, out=None: bnfast.batch_norm(x, A, A, A, -A, out=out),
    "forward": lambda x, _, out=None: bnfast.batch_norm_forward(x, A, -A, out=out).y,
    "backward": lambda x, dy, out=None: bnfast.batch_norm_backward(dy, x, A, A, A, out=out).dx,
    "backward, frozen": lambda x, dy, out=None: (
        bnfast.batch_norm_backward(dy, x, A, A, A, training=False, out=out).dx
    ),
    "elemt": lambda x, dy, out=None: bnfast.batch_norm_backward_elemt(
        dy, x, A, A, A, A, A, 84, out=out
    ),
    "affine": lambda x, _, out=None: bnfast.affine(x, A, -A, out=out),
    "standardize": lambda x, _, out=None: bnfast.standardize(x, channel_axis=1, out=out),
    "standardize, given": lambda x, _, out=None: bnfast.standardize(
        x, A, A, channel_axis=1, out=out
    ),
    "Affine": lambda x, _, out=None: bnfast.Affine(A, A, -A)(x, out),
}
EACH = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
OF_DY = pytest.mark.parametrize(
    "function", [FUNCTIONS[name] for name in ("backward", "backward, frozen", "elemt")]
)


def channels_last(x):
    return np.ascontiguousarray(np.moveaxis(x, 1, -1)).transpose(0, 3, 1, 2)


LAYOUTS = pytest.mark.parametrize(
    "lay", [np.array, channels_last, np.asfortranarray], ids=["NCHW", "NHWC", "Fortran"]
)


@EACH
@LAYOUTS
@DTYPES
def test_same_object_and_same_bits(function, lay, dtype):
    x, dy = lay(values(0, dtype)), lay(values(1, dtype))
    out = lay(np.full(SHAPE, np.nan, dtype))
    wanted = function(x, dy)
    assert function(x, dy, out) is out
    assert np.array_equal(out, wanted)


@EACH
@LAYOUTS
@DTYPES
def test_in_place(function, lay, dtype):
    x, dy = lay(values(0, dtype)), lay(values(1, dtype))
    wanted = function(x, dy)
    alias = x[...]
    assert function(x, dy, alias) is alias
    assert np.array_equal(x, wanted)


@OF_DY
@LAYOUTS
def test_dx_may_replace_dy(function, lay):
    x, dy = lay(values(0)), lay(values(1))
    kept, wanted = x.copy(), function(x, dy)
    assert function(x, dy, dy) is dy
    assert np.array_equal(dy, wanted)
    assert np.array_equal(x, kept)
    wanted = function(x, x)
    assert function(x, x, x) is x
    assert np.array_equal(x, wanted)


@EACH
def test_in_place_of_a_view_that_is_copied(function):
    larger, dy = np.zeros((*SHAPE[:3], 14), np.float32), values(1)
    x = larger[..., ::2]
    x[...] = values()
    wanted = function(x, dy)
    assert function(x, dy, x) is x
    assert np.array_equal(x, wanted)
    assert not larger[..., 1::2].any()


@EACH
def test_in_place_whatever_the_strides_of_axes_of_length_1(function):
    memory = values()
    x = memory[:1]
    out = as_strided(x, strides=(4, *x.strides[1:]))
    wanted = function(x, values(1)[:1])
    assert function(x, values(1)[:1], out) is out
    assert np.array_equal(memory[:1], wanted)


@EACH
@pytest.mark.parametrize("into", ["NHWC", "Fortran", "every second", "backwards", "unaligned"])
def test_out_that_lies_otherwise(function, into):
    x, dy = values(0), values(1)
    memory = np.full(2 * x.nbytes + 1, 0xA5, np.uint8)
    flat = memory[: x.nbytes].view(x.dtype)
    out = {
        "NHWC": lambda: flat.reshape(3, 4, 7, C).transpose(0, 3, 1, 2),
        "Fortran": lambda: flat.reshape(SHAPE, order="F"),
        "every second": lambda: memory[:-1].view(x.dtype).reshape(*SHAPE, 2)[..., 0],
        "backwards": lambda: flat[::-1].reshape(SHAPE),
        "unaligned": lambda: memory[1 : x.nbytes + 1].view(x.dtype).reshape(SHAPE),
    }[into]()
    before = memory.copy()
    assert function(x, dy, out) is out
    np.testing.assert_allclose(out, function(x, dy), rtol=1e-5, atol=2e-6)
    out[...] = np.frombuffer(b"\xa5" * x.itemsize, x.dtype)[0]
    assert np.array_equal(memory, before)


def shifted(x, axis, by):
    """Return two views of x's values and shape, the second further along in the same memory."""
    room = list(x.shape)
    room[axis] += by
    memory = np.zeros(room, x.dtype)
    index = [slice(None)] * x.ndim
    index[axis] = slice(0, x.shape[axis])
    first = memory[tuple(index)]
    index[axis] = slice(by, None)
    second = memory[tuple(index)]
    first[...] = x
    return first, second


@EACH
@pytest.mark.parametrize("axis", [0, 1, 2, 3])
def test_partial_overlap(function, axis):
    x, out = shifted(values(), axis, 1)
    kept = x.base.copy()
    message = "^out must be an input itself or share no memory with it, got a partial overlap$"
    with pytest.raises(ValueError, match=message):
        function(x, values(1), out)
    with pytest.raises(ValueError, match=message):
        function(x, values(1), x[:, :, ::-1])
    assert np.array_equal(x.base, kept)


@OF_DY
def test_partial_overlap_with_dy(function):
    dy, out = shifted(values(), 0, 1)
    kept = dy.base.copy()
    with pytest.raises(ValueError, match=r"^out must be an input .* partial overlap$"):
        function(values(1), dy, out)
    assert np.array_equal(dy.base, kept)


@EACH
def test_interleaved_memory_is_no_overlap(function):
    memory = np.zeros((2, *SHAPE), np.float32).transpose(1, 2, 3, 4, 0).copy()
    x, out = memory[..., 0], memory[..., 1]
    x[...] = values()
    assert function(x, values(1), out) is out
    assert np.array_equal(x, values())
    assert np.array_equal(out, function(x, values(1)))


def read_only():
    out = np.zeros(SHAPE, np.float32)
    out.flags.writeable = False
    return out


BAD = {
    "read-only": (read_only, ValueError, "out must be writeable, got a read-only array"),
    "broadcast": (
        lambda: as_strided(np.zeros(SHAPE[1:], np.float32), SHAPE, (0, 112, 28, 4)),
        ValueError,
        "out must not .*share memory",
    ),
    "overlapping itself": (
        lambda: as_strided(np.zeros(999, np.float32), SHAPE, (112, 28, 4, 4)),
        ValueError,
        "out must not .*share memory",
    ),
    "float64": (lambda: np.zeros(SHAPE), TypeError, "out must be float32, got float64"),
    "float16": (lambda: np.zeros(SHAPE, "f2"), TypeError, "out must be float32, got float16"),
    "big-endian": (lambda: np.zeros(SHAPE, ">f4"), TypeError, "out must be float32, got >f4"),
    "smaller": (
        lambda: np.zeros((3, C, 4, 6), np.float32),
        ValueError,
        r"out must have shape \(3, 5, 4, 7\), got \(3, 5, 4, 6\)",
    ),
}


@EACH
@pytest.mark.parametrize("make, error, message", BAD.values(), ids=BAD)
def test_refused(function, make, error, message):
    x, dy, out = values(0), values(1), make()
    with pytest.raises(error, match=f"^{message}") as caught:
        function(x, dy, out)
    assert type(caught.value) is error
    assert not np.any(np.asarray(out))
    assert np.array_equal(x, values(0))


@pytest.mark.parametrize(
    "bad",
    [
        {"out": np.zeros(SHAPE)},
        {"out": read_only()},
        {"weight": np.ones(4)},
        {"bias": [1.0]},
        {"eps": -1},
        {"num_threads": 0},
        {"running_var_correction": 84},
        {"channel_axis": 4},
    ],
    ids=lambda bad: next(iter(bad)),
)
def test_refused_training_changes_nothing(bad):
    running = {"running_mean": A.copy(), "running_var": A.copy()}
    out = np.zeros(SHAPE, np.float32)
    with pytest.raises((TypeError, ValueError)):
        bnfast.batch_norm(values(), **running, **{"training": True, "out": out, **bad})
    assert np.array_equal(running["running_mean"], A)
    assert np.array_equal(running["running_var"], A)
    assert not out.any()


def test_results_of_another_dtype():
    x = values()
    for call in (bnfast.affine, bnfast.standardize):
        keywords = {"channel_axis": 1, "dtype": np.float64}
        out = np.zeros(SHAPE)
        assert call(x, A, A, **keywords, out=out) is out
        assert np.array_equal(out, call(x, A, A, **keywords))
        with pytest.raises(TypeError, match="out must be float64, got float32"):
            call(x, A, A, **keywords, out=np.zeros_like(x))
        half = out.view(np.float32).reshape(*SHAPE, 2)[..., 0]
        with pytest.raises(ValueError, match="partial overlap"):
            call(half, A, A, **keywords, out=out)
