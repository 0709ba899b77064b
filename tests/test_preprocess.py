"""Normalized images against the formula in long double: every type, layout, size and order."""

import itertools

import numpy as np
import pytest

from bnfast import preprocess
from bnfast.preprocess import IMAGENET_MEAN, IMAGENET_STD, normalize, to_batch
from image_reference import FORMATS, half_ulps, normalized

ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes, for bfloat16, is not installed")

INPUTS = ["uint8", "uint16", "float16", "bfloat16", "float32", "float64"]
RESULTS = list(FORMATS)
LAYOUTS = list(itertools.product(["HWC", "CHW"], repeat=2))
# Rounded to the nearest, but where two are equally near to within this share.
NEAREST = 1 + 1 / 2048


def random_images(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    if dtype.startswith("uint"):
        return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    return rng.normal(0.5, 0.3, shape).astype(dtype)


def parameters(channels, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(0.2, 0.7, channels), rng.uniform(0.1, 0.5, channels)


@pytest.mark.parametrize("layout, out_layout", LAYOUTS)
@pytest.mark.parametrize("result", RESULTS)
@pytest.mark.parametrize("dtype", INPUTS)
def test_types_layouts_and_channels(dtype, result, layout, out_layout):
    for channels in (1, 2, 3, 4, 5, 9, 17):
        shape = (11, 37, channels) if layout == "HWC" else (channels, 11, 37)
        img, (mean, std) = random_images(shape, dtype, channels), parameters(channels)
        how = {"layout": layout, "out_layout": out_layout}
        y = normalize(img, mean, std, dtype=result, **how)
        assert y.dtype == np.dtype(result)
        assert y.flags.c_contiguous
        assert half_ulps(y, normalized(img, mean, std, **how)) <= NEAREST


@pytest.mark.parametrize("out_layout", ["CHW", "HWC"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_widths(dtype, out_layout):
    mean, std = parameters(3)
    for width in range(71):
        img = random_images((3, width, 3), dtype, width)
        y = normalize(img, mean, std, out_layout=out_layout)
        assert half_ulps(y, normalized(img, mean, std, out_layout=out_layout)) <= NEAREST


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0, 3), (0, 4, 4, 3), (2, 3, 0, 3)], ids=str)
def test_nothing(shape):
    y = normalize(np.zeros(shape, np.uint8), IMAGENET_MEAN, IMAGENET_STD)
    assert y.shape == (*shape[:-3], 3, *shape[-3:-1])


@pytest.mark.parametrize("result", RESULTS)
def test_every_byte(result):
    # All 256 numbers, in the units of other libraries too.
    img = np.arange(256, dtype=np.uint8).reshape(1, 256, 1).repeat(3, axis=2)
    for name in ("IMAGENET", "INCEPTION", "CLIP"):
        mean, std = (np.array(getattr(preprocess, f"{name}_{part}")) for part in ("MEAN", "STD"))
        for scale, unit in ((None, 1.0), (1.0, 255.0), (1 / 128, 2.0)):
            y = normalize(img, mean * unit, std * unit, scale=scale, dtype=result)
            assert half_ulps(y, normalized(img, mean * unit, std * unit, scale=scale)) <= NEAREST


@pytest.mark.parametrize(
    "mean, std", [(1e6, 3.0), (-1e6, 1e-3), (1e-9, 1e9), (124.0, 1.0), (123.9999, 7.0), (0.0, 1.0)]
)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_means_far_and_near(dtype, mean, std):
    img = random_images((8, 32, 1), dtype)
    y = normalize(img, [mean], [std], scale=1.0)
    exact = normalized(img, [mean], [std], scale=1.0)
    assert half_ulps(y, exact) <= NEAREST
    assert np.array_equal(y == 0, exact == 0)


@pytest.mark.parametrize("result", ["float16", "bfloat16"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_halves_are_rounded_once(dtype, result):
    # 2*x + 1 of 9 and more bits: many exact ties, which go to the even neighbour.
    img = random_images((64, 64, 1), dtype)
    img = np.round(img % 4096.0 if dtype.startswith("uint") else img * 4096).astype(dtype)
    y = normalize(img, [-0.5], [0.5], scale=1.0, dtype=result)
    exact = img.astype(np.float64) * 2 + 1
    assert np.array_equal(y.ravel(), exact.ravel().astype(np.float32).astype(result))
    # Numbers next to a tie: rounding by way of float32 would go wrong.
    mean, std = parameters(1, seed=3)
    y = normalize(img, mean, std, dtype=result, scale=1e-3)
    exact = normalized(img, mean, std, scale=1e-3)
    assert half_ulps(y, exact) <= 1 + 1e-6


def test_special_values():
    img = np.array([np.nan, np.inf, -np.inf, -0.0], np.float32).reshape(1, 4, 1)
    for result in RESULTS:
        y = normalize(img, [0.0], [2.0], dtype=result).ravel().astype(np.float32)
        assert np.isnan(y[0])
        assert y[1:3].tolist() == [np.inf, -np.inf]
        assert y[3] == 0
    huge = np.full((1, 1, 1), 255, np.uint8)
    assert normalize(huge, [0.0], [1e-3], scale=1.0, dtype=np.float16).item() == np.inf


@pytest.mark.parametrize("layout, out_layout", LAYOUTS)
@pytest.mark.parametrize("channels", [3, 4])
def test_swap(channels, layout, out_layout):
    shape = (7, 33, channels) if layout == "HWC" else (channels, 7, 33)
    img, (mean, std) = random_images(shape, "uint8"), parameters(channels)
    how = {"layout": layout, "out_layout": out_layout, "swap_rb": True}
    y = normalize(img, mean, std, **how)
    assert half_ulps(y, normalized(img, mean, std, **how)) <= NEAREST


@pytest.mark.parametrize("layout, out_layout", LAYOUTS)
def test_batches_are_images_one_by_one(layout, out_layout):
    shape = (5, 9, 21, 3) if layout == "HWC" else (5, 3, 9, 21)
    images, how = random_images(shape, "uint8"), {"layout": layout, "out_layout": out_layout}
    batch = normalize(images, IMAGENET_MEAN, IMAGENET_STD, **how)
    single = [normalize(img, IMAGENET_MEAN, IMAGENET_STD, **how) for img in images]
    assert np.array_equal(batch, np.stack(single))
    assert np.array_equal(to_batch(list(images), IMAGENET_MEAN, IMAGENET_STD, **how), batch)
    assert np.array_equal(to_batch(tuple(images), IMAGENET_MEAN, IMAGENET_STD, **how), batch)


def test_parameters_of_any_kind():
    img = random_images((4, 5, 3), "uint8")
    wanted = normalize(img, IMAGENET_MEAN, IMAGENET_STD)
    for kind in (list, np.array):
        assert np.array_equal(normalize(img, kind(IMAGENET_MEAN), kind(IMAGENET_STD)), wanted)
    whole = normalize(img, (1, 2, 3), [4, 5.0, 6], scale=1)
    assert np.array_equal(whole, normalize(img, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0), scale=1.0))


def test_other_libraries_images():
    img = random_images((6, 7, 3), "uint8")
    wanted = normalize(img, IMAGENET_MEAN, IMAGENET_STD)
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed").fromarray(img)
    assert np.array_equal(normalize(image, IMAGENET_MEAN, IMAGENET_STD), wanted)
    assert np.array_equal(normalize(memoryview(img), IMAGENET_MEAN, IMAGENET_STD), wanted)


@pytest.mark.parametrize("shape", [(1080, 1920, 3), (2161, 3841, 3), (3, 1200, 2001, 3)], ids=str)
@pytest.mark.parametrize("out_layout", ["CHW", "HWC"])
def test_large(shape, out_layout):
    # Beyond 32 MiB the result is stored past the caches.
    img = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    y = normalize(img, IMAGENET_MEAN, IMAGENET_STD, out_layout=out_layout)
    table = normalize(
        np.arange(256, dtype=np.uint8).reshape(256, 1, 1).repeat(3, 2), IMAGENET_MEAN, IMAGENET_STD
    )
    for c in range(3):
        plane = y[..., c] if out_layout == "HWC" else y[..., c, :, :]
        assert np.array_equal(plane, table[c, :, 0][img[..., c]])
