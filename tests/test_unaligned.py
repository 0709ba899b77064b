"""Arrays at addresses that are no multiple of their numbers' size: in every type, at every such
address, also where results are large enough to be stored past the caches, and images."""

import numpy as np
import pytest

import bnfast
from bnfast import preprocess
from stored_types import FLOATS, INTEGERS
from test_foreign_arrays import all_results

SHAPES = {"planes": ((3, 5, 67), 1), "rows": ((67, 5), -1), "long rows": ((700, 3), -1)}
LARGE = 18 * 2**20  # bytes; read and written together, more than goes through the caches


def odd(values, offset=1):
    """Return a copy that begins `offset` bytes behind an aligned address."""
    buffer = np.zeros(values.nbytes + offset, np.uint8)
    view = buffer[offset:].view(values.dtype).reshape(values.shape)
    view[...] = values
    assert not view.flags.aligned
    return view


@pytest.mark.parametrize("shape, axis", SHAPES.values(), ids=SHAPES)
@FLOATS
def test_floats(shape, axis, dtype):
    x, dy = np.random.default_rng(0).normal(3, 2, (2, *shape)).astype(dtype)
    keywords = {"channel_axis": axis}
    wanted = all_results(x, dy, **keywords)
    for offset in range(1, x.itemsize):
        found = all_results(odd(x, offset), odd(dy, offset), **keywords)
        assert all(np.array_equal(f, w) for f, w in zip(found, wanted, strict=True))
        a = np.arange(1.0, shape[axis] + 1)
        for name in ("relu", "silu"):
            fused = {"activation": name, **keywords}
            right = bnfast.batch_norm(x, a, a, residual=dy, **fused)
            out = odd(np.zeros_like(x), offset)
            assert bnfast.batch_norm(odd(x), a, a, residual=odd(dy), out=out, **fused) is out
            assert np.array_equal(out, right)


@pytest.mark.parametrize("shape, axis", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", [t for t in INTEGERS if np.dtype(t).itemsize > 1])
def test_integers(shape, axis, dtype):
    x = np.random.default_rng(0).integers(0, 2**15, shape).astype(dtype)
    others = tuple(i for i in range(x.ndim) if i != axis % x.ndim)
    mean, var, _ = bnfast.moments(odd(x), channel_axis=axis)
    np.testing.assert_allclose(mean, x.mean(others), rtol=1e-14)
    np.testing.assert_allclose(var, x.var(others), rtol=1e-12)
    ones = np.ones(shape[axis])
    for result in (np.float32, np.float64, np.float16):
        y = bnfast.affine(odd(x), ones / 2, ones, channel_axis=axis, dtype=result)
        assert np.array_equal(y, (x / 2 + 1).astype(result))


@pytest.mark.parametrize("shape, axis", [((2, 3, -1), 1), ((-1, 48), -1)], ids=["planes", "rows"])
@FLOATS
def test_large_results(shape, axis, dtype):
    count = LARGE // np.dtype(dtype).itemsize // 48 * 48
    x = (np.arange(count, dtype=np.int32) % 80).astype(dtype).reshape(shape)  # exact in any type
    ones = np.ones(x.shape[axis])
    out = odd(np.zeros_like(x))
    bnfast.affine(odd(x), 2 * ones, ones, channel_axis=axis, out=out)
    assert np.array_equal(out, 2 * x + 1)
    # dx = dy - sum_dy/count - (x - mean)*invstd**2*sum_dy_xmu/count
    bnfast.batch_norm_backward_elemt(
        odd(x), odd(x), 0 * ones, ones, None, 3 * ones, -2 * ones, 1, channel_axis=axis, out=out
    )
    assert np.array_equal(out, 3 * x - 3)


@pytest.mark.parametrize("size", [(9, 31), (1500, 2001)], ids=["small", "large"])
@pytest.mark.parametrize("out_layout", ["HWC", "CHW"])
@pytest.mark.parametrize("dtype", [np.uint16, np.float16, np.float32])
def test_images(size, out_layout, dtype):
    img = (np.arange(np.prod(size) * 3) % 64).reshape(*size, 3).astype(dtype)
    wanted = (img.astype(np.float32) - 1) * 2  # exact
    wanted = wanted if out_layout == "HWC" else wanted.transpose(2, 0, 1)
    out = odd(np.zeros_like(wanted, order="C"))
    keywords = {"scale": 1, "out_layout": out_layout, "out": out}
    assert preprocess.normalize(odd(img), [1] * 3, [0.5] * 3, **keywords) is out
    assert np.array_equal(out, wanted)
