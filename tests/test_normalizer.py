"""The prepared normalizer: the function's own results, however it was made or moved."""

import pickle
import threading
from types import SimpleNamespace

import numpy as np
import pytest

import bnfast
from bnfast.preprocess import (
    CLIP_MEAN,
    CLIP_STD,
    IMAGENET_MEAN,
    IMAGENET_STD,
    Normalizer,
    normalize,
    to_batch,
)

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 19, 23, 3), np.uint8)
SETTINGS = [
    {},
    {"scale": 1 / 128, "swap_rb": True},
    {"out_layout": "HWC", "dtype": np.dtype("float16")},
]
settings = pytest.mark.parametrize("settings", SETTINGS, ids=str)


@settings
def test_like_the_functions(settings):
    normalizer = Normalizer(IMAGENET_MEAN, IMAGENET_STD, **settings)
    for dtype in ("uint8", "uint16", "float32", "float64"):
        images = IMAGES.astype(dtype)
        wanted = normalize(images, IMAGENET_MEAN, IMAGENET_STD, **settings)
        assert np.array_equal(normalizer(images), wanted)
        assert np.array_equal(normalizer(images[0]), wanted[0])
        assert np.array_equal(normalizer.to_batch(list(images)), wanted)
        assert normalizer.to_batch(images, wanted) is wanted
        out = np.empty_like(wanted)
        assert normalizer(images, out) is out
        assert np.array_equal(normalizer(images, out=out, num_threads=2), wanted)
    assert np.array_equal(
        to_batch(IMAGES, IMAGENET_MEAN, IMAGENET_STD, **settings), normalizer(IMAGES)
    )


@settings
def test_there_and_back(settings):
    normalizer = Normalizer(IMAGENET_MEAN, IMAGENET_STD, **settings)
    x = normalizer(IMAGES)
    assert np.array_equal(normalizer.denormalize(x), IMAGES)
    out = np.empty_like(IMAGES)
    assert normalizer.denormalize(x, out, num_threads=1) is out


@settings
def test_pickles(settings):
    normalizer = Normalizer(CLIP_MEAN, CLIP_STD, **settings)
    again = pickle.loads(pickle.dumps(normalizer))
    assert np.array_equal(again(IMAGES), normalizer(IMAGES))
    assert repr(again) == repr(normalizer)
    assert len(pickle.dumps(normalizer)) < 1000


def test_attributes():
    normalizer = Normalizer([1, 2.5], np.array([3, 4], np.float32), dtype="float16", layout="CHW")
    assert normalizer.mean.tolist() == [1, 2.5]
    assert normalizer.std.tolist() == [3, 4]
    assert (normalizer.scale, normalizer.layout, normalizer.out_layout) == (None, "CHW", "CHW")
    assert normalizer.swap_rb is False
    assert normalizer.dtype == np.float16
    assert repr(normalizer).startswith(
        "Normalizer([1.0, 2.5], [3.0, 4.0], scale=None, layout='CHW'"
    )
    twin = eval(repr(normalizer), {"Normalizer": Normalizer})
    assert repr(twin) == repr(normalizer)
    assert twin.dtype == np.float16
    with pytest.raises(AttributeError):
        normalizer.gamma = 1
    with pytest.raises(AttributeError, match="does not change"):
        normalizer.mean = (0.0, 0.0)
    with pytest.raises(ValueError, match="read-only"):
        normalizer.mean[0] = 0


def test_statistics():
    numbers = IMAGES.astype(np.float64).reshape(-1, 3)
    mean, std = numbers.mean(0), numbers.std(0)
    wanted = normalize(IMAGES, mean, std, scale=1.0)
    of = Normalizer.from_stats
    for stats in (
        (mean, std),
        [mean, std],
        SimpleNamespace(mean=mean, std=lambda: std),
        SimpleNamespace(mean=mean, std=std, var=None),
    ):
        assert np.array_equal(of(stats)(IMAGES), wanted)
    moments = bnfast.moments(numbers, channel_axis=-1)
    for stats in (moments, SimpleNamespace(mean=mean, var=lambda: std**2)):
        assert np.allclose(of(stats)(IMAGES), wanted, rtol=0, atol=1e-6)
    unit = of((mean / 255, std / 255), scale=None, out_layout="HWC")(IMAGES)
    assert np.allclose(unit.transpose(0, 3, 1, 2), wanted, rtol=0, atol=1e-6)


def test_from_many_threads():
    normalizer = Normalizer(IMAGENET_MEAN, IMAGENET_STD)
    wanted, found = normalizer(IMAGES), []

    def work():
        found.extend(np.array_equal(normalizer(IMAGES), wanted) for _ in range(100))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 400
    assert all(found)
