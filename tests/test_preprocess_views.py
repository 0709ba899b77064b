"""Images read, and results written, where they lie: crops, flips, any strides, lists of views."""

import tracemalloc

import numpy as np
import pytest

import bnfast
from bnfast.preprocess import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Normalizer,
    denormalize,
    normalize,
    to_batch,
)

TYPES = ["uint8", "uint16", "float16", "float32", "float64"]
VIEWS = {
    "crop": lambda x: x[5:37, 10:91],
    "one row": lambda x: x[7:8],
    "one column": lambda x: x[:, 3:4],
    "upside down": lambda x: x[::-1],
    "mirrored": lambda x: x[:, ::-1],
    "turned": lambda x: x[::-1, ::-1],
    "every other pixel": lambda x: x[::2, ::2],
    "every third row": lambda x: x[1::3],
    "other channels": lambda x: x[..., ::-1],
    "one channel of several": lambda x: x[..., 1:2],
    "transposed": lambda x: x.swapaxes(0, 1),
    "repeated": lambda x: np.broadcast_to(x[:1], x.shape),
    "Fortran order": np.asfortranarray,
}


def photo(dtype, channels=3, shape=(60, 97)):
    x = np.random.default_rng(0).integers(0, 256, (*shape, channels))
    return x.astype(dtype) if dtype != "uint16" else (x * 257).astype(dtype)


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize("dtype", TYPES)
def test_views_of_images(dtype, view):
    for channels in (1, 3, 4):
        img = view(photo(dtype, max(channels, 2)))
        mean, std = np.linspace([0.3, 0.2], [0.6, 0.4], img.shape[-1]).T
        for layouts in (("HWC", "CHW"), ("HWC", "HWC")):
            how = dict(zip(("layout", "out_layout"), layouts, strict=True))
            wanted = normalize(np.ascontiguousarray(img), mean, std, **how)
            assert np.array_equal(normalize(img, mean, std, **how), wanted)
        planes = img.transpose(2, 0, 1)
        assert np.array_equal(
            normalize(planes, mean, std, layout="CHW"),
            normalize(img, mean, std),
        )


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_views_of_outputs(dtype, view):
    if view is VIEWS["repeated"]:
        return
    canvas = np.full((60, 97, 3), 7, dtype)
    out = view(canvas)
    rest = np.ones(canvas.shape, bool)
    view(rest)[...] = False
    img = np.random.default_rng(1).integers(0, 256, out.shape, np.uint8)
    mean, std = IMAGENET_MEAN[: out.shape[-1]], IMAGENET_STD[: out.shape[-1]]
    assert normalize(img, mean, std, out_layout="HWC", dtype=dtype, out=out) is out
    assert np.array_equal(out, normalize(img, mean, std, out_layout="HWC", dtype=dtype))
    if np.shares_memory(out, canvas):
        assert (canvas[rest] == 7).all()


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_views_brought_back(view):
    img = view(photo("uint8"))
    mean, std = IMAGENET_MEAN[: img.shape[-1]], IMAGENET_STD[: img.shape[-1]]
    x = normalize(img, mean, std, out_layout="HWC")
    assert np.array_equal(denormalize(x, mean, std, layout="HWC"), img)
    out = view(np.zeros((60, 97, 3), np.uint8))
    if out.flags.writeable:
        assert np.array_equal(denormalize(x, mean, std, layout="HWC", out=out), img)


def test_lists_of_crops():
    large = photo("uint8", 4, (200, 300))
    crops = [large[y : y + 50, x : x + 61, :3] for y in (0, 3, 150) for x in (0, 17, 239)]
    crops += [crops[0][::-1], crops[1][:, ::-1], np.ascontiguousarray(crops[2])]
    batch = to_batch(crops, IMAGENET_MEAN, IMAGENET_STD)
    assert batch.shape == (12, 3, 50, 61)
    assert np.array_equal(batch, normalize(np.stack(crops), IMAGENET_MEAN, IMAGENET_STD))
    out = np.empty((14, 3, 50, 61), np.float32)[1:-1]
    assert to_batch(crops, IMAGENET_MEAN, IMAGENET_STD, out=out) is out
    assert np.array_equal(out, batch)


def test_a_list_that_is_emptied_while_it_is_read():
    class Emptying:
        def __init__(self, image):
            self.image = image

        @property
        def __array_interface__(self):
            images.clear()
            return self.image.__array_interface__

    own = [photo("uint8") for _ in range(3)]
    images = [Emptying(own[0]), *own[1:]]
    found = to_batch(images, IMAGENET_MEAN, IMAGENET_STD)
    assert images == []
    assert np.array_equal(found, to_batch(own, IMAGENET_MEAN, IMAGENET_STD))


def test_what_may_not_be_written_is_read():
    img = photo("uint8")
    wanted = normalize(img, IMAGENET_MEAN, IMAGENET_STD)
    img.flags.writeable = False
    assert np.array_equal(normalize(img, IMAGENET_MEAN, IMAGENET_STD), wanted)


def test_unaligned_numbers():
    buffer = np.zeros(60 * 97 * 3 * 4 + 1, np.uint8)
    img = np.frombuffer(buffer[1:], np.float32).reshape(60, 97, 3)
    img[...] = photo("float32")
    wanted = normalize(img.copy(), IMAGENET_MEAN, IMAGENET_STD)
    assert np.array_equal(normalize(img, IMAGENET_MEAN, IMAGENET_STD), wanted)
    out = np.frombuffer(np.zeros_like(buffer)[1:], np.float32).reshape(3, 60, 97)
    assert np.array_equal(normalize(img, IMAGENET_MEAN, IMAGENET_STD, out=out), wanted)


@pytest.mark.once
def test_nothing_is_copied():
    img = np.zeros((2000, 1500, 4), np.uint8)[5:-5, 7:-7, :3][::-1]
    out = np.empty((3, 1990, 1486), np.float32)
    normalizer = Normalizer(IMAGENET_MEAN, IMAGENET_STD)
    tracemalloc.start()
    try:
        normalizer(img, out)
        assert tracemalloc.get_traced_memory()[1] < 10_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("threads", [2, 3, 7])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("shape", [(701, 900, 3), (1, 400_001, 3), (2200, 1300, 4)], ids=str)
def test_threads_do_not_change_bits(shape, dtype, threads):
    img = np.random.default_rng(2).integers(0, 256, shape, np.uint8)
    mean, std = np.linspace([0.3, 0.2], [0.6, 0.4], shape[-1]).T
    for out_layout in ("CHW", "HWC"):
        how = {"out_layout": out_layout, "dtype": dtype}
        one = normalize(img, mean, std, num_threads=1, **how)
        many = normalize(img, mean, std, num_threads=threads, **how)
        assert np.array_equal(one.view("u1"), many.view("u1"))
    back = {"layout": "HWC", "num_threads": threads}
    assert np.array_equal(denormalize(many, mean, std, **back), img)


WITH_FMA = [name for name in bnfast.available_isas() if name in ("v4", "v3", "neon")]


@pytest.mark.once
@pytest.mark.skipif(len(WITH_FMA) < 2, reason="fewer than two instruction sets with fma")
def test_instruction_sets_give_the_same_bits():
    before = bnfast.isa()
    seen = {}
    try:
        for name in WITH_FMA:
            bnfast.use_isa(name)
            seen[name] = list(many_results())
    finally:
        bnfast.use_isa(before)
    first, *others = seen.values()
    for found in others:
        assert found == first


def many_results():
    """Yield the bytes of results of every type from every type, for odd sizes."""
    results = ["float32", "float16"]
    for dtype in TYPES:
        img = photo(dtype, 5, (41, 63))
        img = img if dtype.startswith("u") else (img / 255).astype(dtype)
        mean, std = np.linspace([0.3, 0.2], [0.6, 0.4], 5).T
        for result in results:
            for out_layout in ("CHW", "HWC"):
                y = normalize(img, mean, std, out_layout=out_layout, dtype=result)
                yield y.tobytes()
                yield denormalize(y, mean, std, layout=out_layout, dtype="uint16").tobytes()
