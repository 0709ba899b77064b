"""Inputs that others own: unaligned, mapped, read-only, and objects that are not NumPy's."""

import array

import numpy as np
import pytest

import bnfast

SHAPE = 3, 5, 7
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def values(dtype=np.float32):
    return np.random.default_rng(1).normal(3, 2, SHAPE).astype(dtype)


def all_results(x, dy=None, **keywords):
    """Return every array that the functions make of `x`."""
    dy = x if dy is None else dy
    c = np.shape(x)[keywords.get("channel_axis", 1)]
    a, b = np.linspace([1, 2], [2, 3], c).T
    forward = bnfast.batch_norm_forward(x, a, b, **keywords)
    gradients = bnfast.batch_norm_backward(dy, x, a, b, a, **keywords)
    sums = bnfast.batch_norm_backward_reduce(dy, x, a, b, **keywords)
    return [
        *forward[:3],
        *gradients[:3],
        *sums,
        *bnfast.moments(x, **keywords)[:2],
        bnfast.batch_norm(x, a, b, a, b, **keywords),
        bnfast.batch_norm_backward_elemt(dy, x, a, b, a, *sums, 21, **keywords),
        bnfast.affine(x, a, b, **keywords),
        bnfast.affine(x, a, b, dtype=np.float64, **keywords),
        bnfast.standardize(x, **{"channel_axis": 1, **keywords}),
    ]


def assert_same_results(x, plain, **keywords):
    for result, wanted in zip(
        all_results(x, **keywords), all_results(plain, **keywords), strict=True
    ):
        assert type(result) is np.ndarray
        assert np.array_equal(result, wanted)


class Interface:
    def __init__(self, x):
        self.x = x
        self.shape = x.shape

    @property
    def __array_interface__(self):
        return self.x.__array_interface__


class Tensor:
    def __init__(self, x):
        self.x = x
        self.shape = x.shape

    def __dlpack__(self, **keywords):
        return self.x.__dlpack__(**keywords)

    def __dlpack_device__(self):
        return self.x.__dlpack_device__()


WRAPPERS = {
    "__array_interface__": Interface,
    "__dlpack__": Tensor,
    "memoryview": memoryview,
    "read-only memoryview": lambda x: memoryview(x).toreadonly(),
    "subclass": lambda x: x.view(type("Subclass", (np.ndarray,), {})),
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
@DTYPES
def test_objects_that_expose_their_memory(wrap, dtype):
    x = values(dtype)
    for view in (x, x[::2], x.transpose(0, 2, 1), np.asfortranarray(x)):
        plain = np.array(view, order="K")
        assert_same_results(wrap(view), plain)
        walk = bnfast._core.describe_walk(wrap(view))
        assert walk == bnfast._core.describe_walk(view)
        assert not walk["copied"]


@DTYPES
def test_array_of_the_standard_library(dtype):
    x = values(dtype)
    flat = array.array(np.dtype(dtype).char, x.ravel().tolist())
    assert_same_results(memoryview(flat).cast("B").cast(flat.typecode, SHAPE), x)
    y = bnfast.affine(flat, flat, flat, channel_axis=0)
    assert np.array_equal(y, bnfast.affine(*[x.ravel()] * 3, channel_axis=0))
    mean, var, count = bnfast.moments(flat, channel_axis=0)
    assert np.array_equal(mean, x.ravel())
    assert not var.any()
    assert count == 1


@DTYPES
def test_per_channel_values_of_every_kind(dtype):
    x, a = values(), np.linspace(1, 2, 5).astype(dtype)
    wanted = bnfast.affine(x, a, a)
    strided = np.repeat(a, 2)[::2]
    odd = np.frombuffer(b"\0" + a.tobytes(), dtype, offset=1)
    kinds = [Interface(a), Tensor(a), memoryview(a), array.array(a.dtype.char, a.tolist())]
    for b in (*kinds, a.tolist(), tuple(a.tolist()), strided, a[::-1][::-1], odd):
        assert np.array_equal(bnfast.affine(x, b, b), wanted)
        assert np.array_equal(bnfast.Affine(a * 0, b, b)(x), bnfast.Affine(a * 0, a, a)(x))


@pytest.mark.parametrize("lying", ["contiguous", "channels last", "transposed"])
def test_tensors_of_pytorch(torch, lying):
    x = values()
    tensor = {
        "contiguous": lambda: torch.from_numpy(x.copy()),
        "channels last": lambda: torch.from_numpy(x.transpose(0, 2, 1).copy()).transpose(1, 2),
        "transposed": lambda: torch.from_numpy(x.T.copy()).permute(2, 1, 0),
    }[lying]()
    assert not bnfast._core.describe_walk(tensor)["copied"]
    assert_same_results(tensor, np.array(tensor.numpy(), order="K"))
    weight = torch.linspace(1, 2, 5)
    wanted = bnfast.affine(x, weight.numpy(), weight.numpy())
    assert np.array_equal(bnfast.affine(x, weight, weight), wanted)


@pytest.mark.parametrize("order", ["C", "F"])
@DTYPES
def test_unaligned(dtype, order):
    x = np.array(values(dtype), order=order)
    for offset in range(1, x.itemsize):
        buffer = np.zeros(x.nbytes + x.itemsize, np.uint8)

        def odd(content, buffer=buffer, offset=offset):
            view = np.frombuffer(buffer, dtype, x.size, offset).reshape(SHAPE, order=order)
            view[...] = content
            assert not view.flags.aligned
            return view

        assert not bnfast._core.describe_walk(odd(x))["copied"]
        assert_same_results(odd(x), x)
        y = odd(0)
        assert bnfast.batch_norm(x, training=True, out=y) is y
        assert np.array_equal(y, bnfast.batch_norm(x, training=True))
        assert bnfast.batch_norm_backward(x, x, [1.0] * 5, [1.0] * 5, out=odd(0)).dx is not None


@DTYPES
def test_memory_mapped(dtype, tmp_path):
    x = values(dtype)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert_same_results(mapped, x)

    out = np.lib.format.open_memmap(tmp_path / "y.npy", "w+", dtype, SHAPE)
    y = bnfast.batch_norm(mapped, training=True, out=out)
    assert y is out
    out.flush()
    assert np.array_equal(np.load(tmp_path / "y.npy"), bnfast.batch_norm(x, training=True))


@DTYPES
def test_read_only(dtype):
    x = values(dtype)
    x.flags.writeable = False
    assert_same_results(x, x.copy())
    frozen = np.ones(5)
    frozen.flags.writeable = False
    assert bnfast.batch_norm(x, frozen, frozen, frozen, frozen).shape == x.shape


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_what_an_object_raises_that_says_nothing_of_itself_is_passed_on(error):
    class Refusing(Tensor):
        def __dlpack__(self, **keywords):
            raise error

    with pytest.raises(error):
        bnfast.affine(Refusing(values(np.float32)), [1], [0])


def test_prepared_coefficients_of_objects_without_length():
    frozen = bnfast.Affine(Interface(np.zeros(5)), Interface(np.ones(5)), Interface(np.ones(5)))
    x = values()
    assert np.array_equal(frozen(x), x + 1)
