"""The same values through every view: right, and read where they lie wherever a walk exists."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import bnfast
import reference

N, C, H, W = SHAPE = 4, 6, 3, 5
describe_walk = bnfast._core.describe_walk


def values(dtype=np.float32, shape=SHAPE):
    return np.random.default_rng(5).normal(3, 2, shape).astype(dtype)


def stored(x, order):
    """Return `x`, NCHW, with its axes lying in this order, the last one innermost."""
    places = ["NCHW".index(axis) for axis in order]
    return np.ascontiguousarray(x.transpose(places)).transpose(np.argsort(places))


def cut(x, order="NCHW", **steps):
    """Return `x` as every step-th part, by axis, of an array that lies in this order."""
    steps = [steps.get(axis, 1) for axis in "nchw"]
    larger = stored(
        np.full([n * abs(s) for n, s in zip(x.shape, steps, strict=True)], 1e9, x.dtype), order
    )
    part = larger[tuple(slice(None, None, step) for step in steps)]
    part[...] = x
    return part


def inside(x, axes, order="NCHW"):
    """Return `x` as the middle of an array that has one more at both ends of these axes."""
    room = [n + 2 * (axis in axes) for axis, n in zip("NCHW", x.shape, strict=True)]
    index = tuple(slice(1, -1) if axis in axes else slice(None) for axis in "NCHW")
    larger = stored(np.full(room, 1e9, x.dtype), order)
    larger[index] = x
    return larger[index]


def planes(outer, channels, inner):
    return {
        "copied": False,
        "walk": "planes",
        "outer": outer,
        "channels": channels,
        "inner": inner,
    }


def rows(outer, channels, inner=1):
    return {**planes(outer, channels, inner), "walk": "rows"}


COPIED = {"copied": True}
VIEWS = {
    "contiguous": (lambda x: x, planes(N, C, H * W)),
    "channels last": (lambda x: stored(x, "NHWC"), rows(N * H * W, C)),
    "channels first of all": (lambda x: stored(x, "CNHW"), planes(1, C, N * H * W)),
    "lies as HWNC": (lambda x: stored(x, "HWNC"), rows(N * H * W, C)),
    "lies as WHNC": (lambda x: stored(x, "WHNC"), rows(N * H * W, C)),
    "lies as NHCW": (lambda x: stored(x, "NHCW"), planes(N * H, C, W)),
    "lies as HNCW": (lambda x: stored(x, "HNCW"), planes(N * H, C, W)),
    "lies as HWCN": (lambda x: stored(x, "HWCN"), rows(H * W, C, N)),
    "Fortran": (lambda x: stored(x, "WHCN"), rows(H * W, C, N)),
    "part of a batch": (lambda x: inside(x, "N"), planes(N, C, H * W)),
    "part of a batch, channels last": (lambda x: inside(x, "N", "NHWC"), rows(N * H * W, C)),
    "every second image": (lambda x: cut(x, n=2), planes(N, C, H * W)),
    "every second image, channels last": (lambda x: cut(x, "NHWC", n=2), COPIED),
    "images backwards": (lambda x: cut(x, n=-1), planes(N, C, H * W)),
    "some channels": (lambda x: inside(x, "C"), planes(N, C, H * W)),
    "some channels, channels last": (lambda x: inside(x, "C", "NHWC"), rows(N * H * W, C)),
    "every second channel": (lambda x: cut(x, c=2), planes(N, C, H * W)),
    "every second channel, channels last": (lambda x: cut(x, "NHWC", c=2), COPIED),
    "channels backwards": (lambda x: cut(x, c=-1), planes(N, C, H * W)),
    "channels backwards, channels last": (lambda x: cut(x, "NHWC", c=-1), COPIED),
    "some rows": (lambda x: inside(x, "H"), planes(N, C, H * W)),
    "some columns": (lambda x: inside(x, "W"), COPIED),
    "some columns of one image": (lambda x: inside(x[:1], "W"), planes(H, C, W)),
    "some columns, lies as CNHW": (lambda x: inside(x, "W", "CNHW"), planes(N * H, C, W)),
    "some columns, channels last": (lambda x: inside(x, "W", "NHWC"), COPIED),
    "some rows, channels last": (lambda x: inside(x, "H", "NHWC"), COPIED),
    "some rows of one image, channels last": (
        lambda x: inside(x[:1], "H", "NHWC"), rows(H * W, C)
    ),
    "every second row": (lambda x: cut(x, h=2), COPIED),
    "every second column": (lambda x: cut(x, w=2), COPIED),
    "columns backwards": (lambda x: cut(x, w=-1), COPIED),
    "all backwards": (lambda x: cut(x, n=-1, c=-1, h=-1, w=-1), COPIED),
    "one channel of many": (lambda x: cut(x, c=2)[:, 1:2], planes(N, 1, H * W)),
    "one column of many": (lambda x: x[..., 2:3], COPIED),
    "one image repeated": (lambda x: np.broadcast_to(x[1], SHAPE), planes(N, C, H * W)),
    "one channel repeated": (lambda x: np.broadcast_to(x[:, 1:2], SHAPE), planes(N, C, H * W)),
    "one value repeated": (lambda x: np.broadcast_to(x[1, 1, 1, 1], SHAPE), COPIED),
}  # fmt: skip


WRITEABLE = [name for name in VIEWS if not name.endswith("repeated")]


@pytest.mark.parametrize("make, walk", VIEWS.values(), ids=VIEWS)
def test_walk(make, walk):
    x = make(values())
    assert describe_walk(x) == walk
    assert describe_walk(x, x, x) == walk
    assert describe_walk(np.moveaxis(x, 1, -1), channel_axis=-1) == walk
    assert describe_walk(x[None, :, :, None], channel_axis=2) == walk
    strides = [7, *x.strides[:2], -3, *x.strides[2:]]  # those of axes of length 1 mean nothing
    odd = as_strided(x, (1, *x.shape[:2], 1, *x.shape[2:]), strides)
    assert describe_walk(odd, channel_axis=2) == walk


@pytest.mark.parametrize("make", [make for make, _ in VIEWS.values()], ids=VIEWS)
def test_results(make):
    x = make(values())
    plain = np.array(x, order="C")
    scale, shift = np.linspace([1, -1], [2, 1], x.shape[1]).T
    mean, var = (array.astype(float) for array in reference.moments(plain))

    moments = bnfast.moments(x)
    np.testing.assert_allclose(moments.mean, mean, rtol=1e-14)
    np.testing.assert_allclose(moments.var, var, rtol=1e-13, atol=1e-30)
    exact = reference.forward(plain, scale, shift)
    for y in (
        bnfast.batch_norm_forward(x, scale, shift).y,
        bnfast.batch_norm(x, None, None, scale, shift, training=True),
        bnfast.batch_norm(x, mean, var, scale, shift),
    ):
        assert y.flags.owndata
        assert reference.max_error(y, exact) < 2e-6
    # Element by element: no bit depends on where a value lies.
    assert np.array_equal(bnfast.affine(x, scale, shift), bnfast.affine(plain, scale, shift))
    assert np.array_equal(x, plain)


@pytest.mark.parametrize("make", [make for make, _ in VIEWS.values()], ids=VIEWS)
def test_gradients(make):
    x = make(values())
    dy = np.random.default_rng(6).normal(size=x.shape).astype(x.dtype)
    mean, var = (array.astype(float) for array in reference.moments(x))
    dx, dweight, dbias = reference.backward(dy, x, mean, var)
    invstd = 1 / np.sqrt(var + 1e-5)
    for lying in (dy, stored(dy, "NHWC"), cut(dy, w=-1), stored(dy, "CNHW")):
        gradients = bnfast.batch_norm_backward(lying, x, mean, invstd)
        assert reference.max_error(gradients.dx, dx) < 2e-6 * max(1, invstd.max())
        assert reference.max_error(gradients.dweight, dweight) < 1e-5 * max(1, invstd.max())
        assert reference.max_error(gradients.dbias, dbias) < 1e-5


@pytest.mark.parametrize("make", [VIEWS[name][0] for name in WRITEABLE], ids=WRITEABLE)
def test_results_into_a_view(make):
    out = make(values())
    memory = out if out.base is None else out.base
    kept, before = out.copy(), memory.copy()
    x = 2 * values(shape=out.shape)
    two = np.full(out.shape[1], 2.0)
    assert bnfast.affine(x, two, two, out=out) is out
    assert np.array_equal(out, 2 * x + 2)
    out[...] = kept
    assert np.array_equal(memory, before)  # around the view, nothing was written

    assert bnfast.batch_norm(out, training=True, out=out) is out
    assert reference.max_error(out, reference.forward(kept)) < 2e-6
    out[...] = kept
    assert np.array_equal(memory, before)


@pytest.mark.parametrize(
    "other, walk",
    [
        (lambda x: x.copy(), planes(N, C, H * W)),
        (lambda x: cut(x, n=-1), planes(N, C, H * W)),
        (lambda x: inside(x, "C"), planes(N, C, H * W)),
        (lambda x: inside(x, "H"), planes(N, C, H * W)),
        (lambda x: stored(x, "NHWC"), COPIED),
        (lambda x: stored(x, "CNHW"), planes(N, C, H * W)),
        (lambda x: stored(x, "NCWH"), COPIED),
        (lambda x: cut(x, w=2), COPIED),
    ],
    ids=[
        "alike",
        "backwards",
        "some channels",
        "some rows",
        "NHWC",
        "CNHW",
        "NCWH",
        "every second",
    ],
)
def test_joint_walk(other, walk):
    x = values()
    assert describe_walk(x, other(x)) == walk
    assert describe_walk(other(x), x) == walk
    assert describe_walk(x, x, other(x)) == walk


@pytest.mark.parametrize("order", ["NCHW", "NHWC", "CNHW", "HWCN", "WHCN", "NHCW"])
def test_new_results_lie_as_their_input(order):
    x = stored(values(), order)
    y = np.empty_like(x, order="K")
    ones = np.ones(C)
    for part in (x, inside(x, "NC", order), cut(x, order, n=-1, h=2)):
        assert bnfast.affine(part, ones, ones).strides == y.strides
        assert bnfast.batch_norm(part, training=True).strides == y.strides
        assert bnfast.batch_norm_backward(part, part, ones, ones).dx.strides == y.strides
        wide = bnfast.standardize(part, channel_axis=1, dtype="f8")
        assert wide.strides == tuple(2 * stride for stride in y.strides)


@pytest.mark.parametrize("rank", [6, 10, 31])
def test_many_axes(rank):
    sizes = np.where(np.arange(rank) % 3 == 1, 2, 1)
    x = values(shape=tuple(sizes.tolist()))
    for axis in (1, 4, -1):
        y = bnfast.batch_norm(x, channel_axis=axis)
        assert reference.max_error(y, reference.forward(x, channel_axis=axis)) < 2e-6


@pytest.mark.parametrize(
    "shape, repeated",
    [((1, 2, 20_000), 108_000), ((1, 512), 8_400_000)],
    ids=["2**31 values of a channel", "2**32 elements"],
)
def test_sizes_beyond_32_bits(shape, repeated):
    x = values(shape=shape)
    mean, var, _ = bnfast.moments(x)
    repeats = np.broadcast_to(x, (repeated, *shape[1:]))
    assert not describe_walk(repeats)["copied"]
    many = bnfast.moments(repeats)
    np.testing.assert_allclose(many.mean, mean, rtol=1e-12)
    np.testing.assert_allclose(many.var, var, rtol=1e-11)
    assert many.count == repeated * x.size // mean.size
