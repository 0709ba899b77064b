"""Images brought back: the inverse, rounded half to even, saturating; and back again unchanged."""

import numpy as np
import pytest

from bnfast.preprocess import IMAGENET_MEAN, IMAGENET_STD, denormalize, normalize
from image_reference import default_scale, denormalized, half_ulps
from test_preprocess import LAYOUTS, NEAREST, parameters

FLOATS = ["float16", "bfloat16", "float32", "float64"]


def values(shape, dtype, seed=0):
    return np.random.default_rng(seed).normal(0, 1.5, shape).astype(dtype)


@pytest.mark.parametrize("layout, out_layout", LAYOUTS)
@pytest.mark.parametrize("result", ["uint8", "uint16"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_integers(dtype, result, layout, out_layout):
    for channels in (1, 3, 4, 9):
        shape = (13, 35, channels) if layout == "HWC" else (channels, 13, 35)
        x, (mean, std) = values(shape, dtype, channels), parameters(channels)
        how = {"layout": layout, "out_layout": out_layout, "swap_rb": channels == 3}
        img = denormalize(x, mean, std, dtype=result, **how)
        exact = denormalized(x, mean, std, scale=default_scale(result), **how)
        wanted = np.clip(np.rint(exact), 0, np.iinfo(result).max)
        assert img.dtype == np.dtype(result)
        assert np.array_equal(img, wanted)


@pytest.mark.parametrize("result", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_floats(dtype, result):
    x, (mean, std) = values((3, 13, 35), dtype), parameters(3)
    img = denormalize(x, mean, std, dtype=result)
    assert half_ulps(img, denormalized(x, mean, std, scale=1.0)) <= NEAREST


def test_widths():
    mean, std = parameters(3)
    for width in range(71):
        x = values((3, 2, width), "float32", width)
        for out_layout in ("HWC", "CHW"):
            img = denormalize(x, mean, std, out_layout=out_layout)
            exact = denormalized(x, mean, std, scale=1 / 255, out_layout=out_layout)
            assert np.array_equal(img, np.clip(np.rint(exact), 0, 255))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rounding_and_saturation(dtype):
    numbers = [0.5, 1.5, 2.5, 3.5, -0.5, -0.51, 254.5, 255.5, 256, -1, 1e30, -1e30]
    wanted = [0, 2, 2, 4, 0, 0, 254, 255, 255, 0, 255, 0]
    numbers += [np.nan, np.inf, -np.inf, -np.nan]
    wanted += [0, 255, 0, 0]
    x = np.array(numbers, dtype).reshape(1, 4, 4)
    img = denormalize(x, [0.0], [1.0], scale=1.0, out_layout="CHW")
    assert img.ravel().tolist() == wanted
    wide = denormalize(x * 257, [0.0], [1.0], scale=1.0, out_layout="CHW", dtype="uint16")
    assert wide.ravel()[-4:].tolist() == [0, 65535, 0, 0]
    assert wide.max() == 65535


@pytest.mark.parametrize("scale", [None, 1 / 255, 1.0, 0.02])
@pytest.mark.parametrize("swap_rb", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_there_and_back(dtype, swap_rb, scale):
    img = np.arange(np.iinfo(dtype).max + 1, dtype=dtype)
    img = np.stack([img, img[::-1], np.roll(img, 99)], -1).reshape(16, -1, 3)
    how = {"swap_rb": swap_rb, "scale": scale}
    x = normalize(img, IMAGENET_MEAN, IMAGENET_STD, **how)
    assert np.array_equal(denormalize(x, IMAGENET_MEAN, IMAGENET_STD, dtype=dtype, **how), img)
    half = normalize(img, IMAGENET_MEAN, IMAGENET_STD, dtype="float16", **how)
    if dtype == "uint8" and scale != 1.0:
        assert np.array_equal(denormalize(half, IMAGENET_MEAN, IMAGENET_STD, **how), img)


def test_batches():
    x = values((4, 3, 9, 20), "float32")
    batch = denormalize(x, IMAGENET_MEAN, IMAGENET_STD)
    assert batch.shape == (4, 9, 20, 3)
    single = [denormalize(image, IMAGENET_MEAN, IMAGENET_STD) for image in x]
    assert np.array_equal(batch, np.stack(single))
