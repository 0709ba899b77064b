"""What bnfast.preprocess refuses, with its text, before anything is written."""

import numpy as np
import pytest

from bnfast.preprocess import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Normalizer,
    denormalize,
    normalize,
    to_batch,
)

pytestmark = pytest.mark.once

IMG = np.zeros((4, 5, 3), np.uint8)
X = np.zeros((3, 4, 5), np.float32)
M, S = IMAGENET_MEAN, IMAGENET_STD


def normalizer(img, mean, std, *, out=None, num_threads=None, **settings):
    return Normalizer(mean, std, **settings)(img, out, num_threads=num_threads)


def batch_of_two(img, mean, std, **settings):
    return to_batch([IMG, img], mean, std, **settings)


FUNCTIONS = {"normalize": normalize, "Normalizer": normalizer}
# Of whatever takes mean and std: how it is called with nothing wrong.
ALL = {
    "normalize": lambda **k: normalize(**{"img": IMG, "mean": M, "std": S, **k}),
    "Normalizer": lambda **k: normalizer(**{"img": IMG, "mean": M, "std": S, **k}),
    "to_batch": lambda **k: to_batch(**{"images": [IMG, IMG], "mean": M, "std": S, **k}),
    "denormalize": lambda **k: denormalize(**{"x": X, "mean": M, "std": S, **k}),
}
everywhere = pytest.mark.parametrize("call", ALL.values(), ids=ALL)
of_images = pytest.mark.parametrize("call", FUNCTIONS.values(), ids=FUNCTIONS)


def refused(error, message, call, *arguments, **keywords):
    with pytest.raises(error, match=message) as caught:
        call(*arguments, **keywords)
    assert type(caught.value) is error


@pytest.mark.parametrize("shape", [(), (5,), (4, 5), (1, 2, 4, 5, 3)], ids=str)
@of_images
def test_rank(call, shape):
    came = str(shape).replace("(", r"\(").replace(")", r"\)")
    message = rf"^img must have 3 axes \(HWC\) or 4 \(NHWC\), got shape {came}$"
    refused(ValueError, message, call, np.zeros(shape, np.uint8), M, S)
    message = rf"^img must have 3 axes \(CHW\) or 4 \(NCHW\), got shape {came}$"
    refused(ValueError, message, call, np.zeros(shape, np.uint8), M, S, layout="CHW")


def test_rank_of_the_others():
    message = r"^x must have 3 axes \(CHW\) or 4 \(NCHW\), got shape \(4, 5\)$"
    refused(ValueError, message, denormalize, X[0], M, S)
    message = r"^images\[1\] must have 3 axes, got shape \(1, 4, 5, 3\)$"
    refused(ValueError, message, batch_of_two, IMG[None], M, S)


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "u4", "?", "c8", "O", ">f4", ">u2", "g", "S3"])
def test_dtypes(dtype):
    came = str(np.dtype(dtype)).replace("|", r"\|")
    kinds = "uint8, uint16, float16, bfloat16, float32 or float64 in native byte order"
    for call in FUNCTIONS.values():
        message = f"^img must be {kinds}, got {came}$"
        refused(TypeError, message, call, np.zeros((4, 5, 3), dtype), M, S)
    message = rf"^images\[1\] must be {kinds}, got {came}$"
    refused(TypeError, message, batch_of_two, np.zeros((4, 5, 3), dtype), M, S)


def test_integers_are_not_denormalized():
    message = "^x must be float16, bfloat16, float32 or float64, got uint8$"
    refused(TypeError, message, denormalize, X.astype(np.uint8), M, S)


@pytest.mark.parametrize("img", [IMG.tolist(), None, "abc", 1.0], ids=lambda x: type(x).__name__)
@of_images
def test_what_is_no_array(call, img):
    came = type(img).__name__
    refused(TypeError, f"^img must be an array, got {came}$", call, img, M, S)


@everywhere
def test_lengths(call):
    for values in ((0.5,), (0.5,) * 4, ()):
        message = (
            r"^mean must have shape \(3,\), one value for each channel of \w+ of shape .*, "
            rf"got \({len(values)},\)$"
        )
        refused(ValueError, message, call, mean=values, std=tuple(v + 1 for v in values))
    refused(ValueError, "^std must have as many values as mean, 3, got 2$", call, std=S[:2])
    message = r"^mean must have shape \(C,\), got \(1, 3\)$"
    refused(ValueError, message, call, mean=np.ones((1, 3)))


@pytest.mark.parametrize("wrong", [0.0, -0.0, -1.0, float("nan"), float("inf")])
@everywhere
def test_std(call, wrong):
    message = rf"^std must be positive and finite, got {wrong} for channel 1$"
    refused(ValueError, message, call, std=(0.1, wrong, 0.2))
    refused(ValueError, message, call, std=np.array([0.1, wrong, 0.2], np.float32))


@pytest.mark.parametrize("wrong", [float("nan"), float("-inf")])
@everywhere
def test_mean(call, wrong):
    message = rf"^mean must be finite, got {wrong} for channel 2$"
    refused(ValueError, message, call, mean=(0.1, 0.1, wrong))


@everywhere
def test_parameters_of_another_type(call):
    refused(TypeError, "^mean must be an array, got float$", call, mean=0.5)
    refused(TypeError, "^mean must be an array or a sequence of numbers, got", call, mean=["abc"])
    refused(TypeError, "^std must be an array, got NoneType$", call, std=None)
    refused(TypeError, "^std must be float32 or float64 .*, got int64$", call, std=np.arange(3))


@pytest.mark.parametrize("scale", [0, 0.0, float("nan"), float("inf")])
@everywhere
def test_scale(call, scale):
    refused(ValueError, f"^scale must be finite and not 0, got {scale}$", call, scale=scale)


@everywhere
def test_scale_of_another_type(call):
    message = "^scale must be a number, got '1/255' of type str$"
    refused(TypeError, message, call, scale="1/255")


@pytest.mark.parametrize("name", ["layout", "out_layout"])
@pytest.mark.parametrize("word", ["hwc", "NHWC", "WHC", "", "HW"])
@everywhere
def test_layout_words(call, name, word):
    message = f"^{name} must be 'HWC' or 'CHW', got '{word}'$"
    refused(ValueError, message, call, **{name: word})


@pytest.mark.parametrize("name", ["layout", "out_layout"])
@everywhere
def test_layout_of_another_type(call, name):
    message = f"^{name} must be 'HWC' or 'CHW', got None of type NoneType$"
    refused(TypeError, message, call, **{name: None})


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_swap(channels):
    message = f"^swap_rb must be False unless there are 3 or 4 channels, got {channels}$"
    ones = np.ones(channels)
    img = np.zeros((4, 5, channels), np.uint8)
    for call in FUNCTIONS.values():
        refused(ValueError, message, call, img, ones, ones, swap_rb=True)
    refused(ValueError, message, to_batch, [img], ones, ones, swap_rb=True)
    x = img.astype(np.float32)
    refused(ValueError, message, denormalize, x, ones, ones, layout="HWC", swap_rb=True)
    refused(ValueError, message, Normalizer, ones, ones, swap_rb=True)


@everywhere
def test_swap_of_another_type(call):
    message = "^swap_rb must be True or False, got 1 of type int$"
    refused(TypeError, message, call, swap_rb=1)


@pytest.mark.parametrize("dtype", ["float64", "int8", "complex64", ">f4", object], ids=str)
def test_result_dtype(dtype):
    came = str(np.dtype(dtype))
    for name in ("normalize", "Normalizer", "to_batch"):
        message = f"^dtype must be float32, float16 or bfloat16, got {came}$"
        refused(TypeError, message, ALL[name], dtype=dtype)
    message = f"^dtype must be uint8, uint16, float32, float16 or bfloat16, got {came}$"
    refused(TypeError, message, denormalize, X, M, S, dtype=dtype)


@pytest.mark.parametrize("name", ALL)
def test_out(name):
    shape, dtype = ((4, 5, 3), np.uint8) if name == "denormalize" else ((3, 4, 5), np.float32)
    shape = (2, *shape) if name == "to_batch" else shape
    text = str(shape).replace("(", r"\(").replace(")", r"\)")
    right = np.full(shape, 7, dtype)
    call = ALL[name]
    refused(TypeError, "^out must be a numpy.ndarray, got list$", call, out=right.tolist())
    message = f"^out must be {np.dtype(dtype)}, got float64$"
    refused(TypeError, message, call, out=right.astype(np.float64))
    message = rf"^out must have shape {text}, got \({shape[0] + 1}, "
    refused(ValueError, message, call, out=np.zeros((shape[0] + 1, *shape[1:]), dtype))
    refused(ValueError, f"^out must have shape {text}, got", call, out=right[0])
    right.flags.writeable = False
    refused(ValueError, "^out must be writeable, got a read-only array$", call, out=right)
    overlapping = np.lib.stride_tricks.as_strided(np.zeros(9, dtype), shape, (0,) * len(shape))
    refused(ValueError, "^out must not overlap itself", call, out=overlapping)
    assert (right == 7).all()


def test_out_that_overlaps():
    img = np.full((8, 8, 3), 7, np.float32)
    for call in (normalize, normalizer):
        refused(
            ValueError,
            "^out must share no memory with img$",
            lambda call=call: call(img[1:], M, S, out_layout="HWC", out=img[:-1]),
        )
        refused(
            ValueError,
            "^out must share no memory with img$",
            lambda call=call: call(img, M, S, out_layout="HWC", out=img),
        )
    other = np.zeros_like(img)
    batch = np.stack([img, other])
    refused(
        ValueError,
        "^out must share no memory with images$",
        lambda: to_batch([other, batch[0]], M, S, out_layout="HWC", out=batch),
    )
    refused(
        ValueError,
        "^out must share no memory with x$",
        lambda: denormalize(img, M, S, layout="HWC", dtype="float32", out=img),
    )
    assert (img == 7).all()


def test_lists():
    refused(ValueError, "^images must hold at least 1 image, got none$", to_batch, [], M, S)
    refused(TypeError, "^images must be a sequence of images$", to_batch, 3, M, S)
    message = r"^images\[1\] must have the shape of images\[0\], \(4, 5, 3\), got \(4, 4, 3\)$"
    refused(ValueError, message, batch_of_two, IMG[:, 1:], M, S)
    message = r"^images\[1\] must have the dtype of images\[0\], uint8, got uint16$"
    refused(TypeError, message, batch_of_two, IMG.astype(np.uint16), M, S)
    refused(TypeError, r"^images\[1\] must be an array, got NoneType$", batch_of_two, None, M, S)


@everywhere
def test_threads(call):
    refused(ValueError, r"^num_threads must .* got 0$", call, num_threads=0)
    refused(TypeError, "^num_threads must be an integer, got 1.5", call, num_threads=1.5)


def test_stats():
    message = "^stats must have mean, and std or var, or be a pair"
    for stats in (3, (1, 2, 3), "ab"[:1]):
        refused(TypeError, message, Normalizer.from_stats, stats)
    stats = type("Stats", (), {"mean": (1.0, 2.0)})()
    message = "^stats must have std or var beside mean, got Stats$"
    refused(TypeError, message, Normalizer.from_stats, stats)


def test_bfloat16_without_its_package(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ml_dtypes", None)
    message = "^dtype 'bfloat16' needs the package ml_dtypes"
    refused(ImportError, message, normalize, IMG, M, S, dtype="bfloat16")
