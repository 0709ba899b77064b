"""Whatever image, type, strides and parameters: the formula holds, and so does its inverse."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bnfast.preprocess import Normalizer, denormalize, normalize, to_batch
from image_reference import half_ulps, normalized
from test_preprocess import NEAREST

LAYOUTS = st.sampled_from(["HWC", "CHW"])
INTEGERS = st.sampled_from(["uint8", "uint16"])
STEPS = st.sampled_from([-3, -2, -1, 1, 2, 3])


@st.composite
def images(draw, types=INTEGERS):
    """Draw an HWC image seen through a slice of any step, and its mean and std."""
    sizes = [draw(st.integers(0, most)) for most in (6, 80)]
    channels = draw(st.integers(1, 6))
    dtype = draw(types)
    fill = hnp.from_dtype(np.dtype(dtype))
    img = draw(hnp.arrays(dtype, (*sizes, channels), elements=fill))
    img = img[:: draw(STEPS), :: draw(STEPS), :: draw(st.sampled_from([-1, 1]))]
    mean = draw(st.lists(st.floats(-2, 2), min_size=channels, max_size=channels))
    std = draw(st.lists(st.floats(0.01, 10), min_size=channels, max_size=channels))
    return img, mean, std


@given(images(), LAYOUTS, st.sampled_from(["float32", "float16"]))
def test_formula(image, out_layout, dtype):
    img, mean, std = image
    y = normalize(img, mean, std, out_layout=out_layout, dtype=dtype)
    assert half_ulps(y, normalized(img, mean, std, out_layout=out_layout)) <= NEAREST


@given(images(), LAYOUTS, st.integers(1, 4))
def test_there_and_back(image, out_layout, threads):
    img, mean, std = image
    how = {"out_layout": out_layout, "num_threads": threads}
    # float32 holds a uint16 beside a mean of this size.
    x = normalize(img, mean, std, **how)
    back = denormalize(x, mean, std, layout=out_layout, dtype=img.dtype, num_threads=threads)
    assert np.array_equal(back, img)


@given(images(), st.integers(1, 3))
def test_ways_to_say_the_same(image, copies):
    img, mean, std = image
    wanted = normalize(img, mean, std)
    normalizer = Normalizer(mean, std)
    assert np.array_equal(normalizer(img), wanted)
    assert np.array_equal(normalize(img[None], mean, std)[0], wanted)
    assert np.array_equal(to_batch([img] * copies, mean, std), np.stack([wanted] * copies))
    planes = normalize(img.transpose(2, 0, 1), mean, std, layout="CHW", out_layout="HWC")
    assert np.array_equal(planes.transpose(2, 0, 1), wanted)
    if img.shape[-1] in (3, 4):
        swapped = img[..., [2, 1, 0, 3][: img.shape[-1]]]
        assert np.array_equal(normalize(swapped, mean, std, swap_rb=True), wanted)
