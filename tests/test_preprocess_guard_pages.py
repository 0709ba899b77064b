"""No byte outside an image or a result is touched: both lie against pages that may not be."""

import numpy as np
import pytest

from bnfast.preprocess import denormalize, normalize
from test_guard_pages import LARGE, SMALL, Guarded

at_ends = pytest.mark.parametrize("at_end", [True, False], ids=["before a guard", "after a guard"])


@pytest.fixture(scope="module")
def guarded():
    return [Guarded(SMALL) for _ in range(2)]


def parameters(channels):
    return np.linspace([0.3, 0.2], [0.6, 0.4], channels).T


def check(guarded, source, result, *, shift, pad, at_end, **layouts):
    """Normalize and bring back between guards; `pad` numbers part the rows of both arrays."""
    channels = source.shape[-1 if layouts["layout"] == "HWC" else 0]
    mean, std = parameters(channels)
    place = {"at_end": at_end, "shift": shift, "pad": pad}
    wanted = normalize(source, mean, std, dtype=result, **layouts)
    inputs, outputs = guarded
    img = inputs.place(source.shape, source.dtype, **place)
    img[...] = source
    out = outputs.place(wanted.shape, result, **place)
    normalize(img, mean, std, dtype=result, out=out, **layouts)
    assert np.array_equal(out, wanted)
    assert outputs.untouched_around(out)
    assert inputs.untouched_around(img)
    if source.dtype.kind == "u":
        x = inputs.place(wanted.shape, result, **place)
        x[...] = wanted
        back = outputs.place(source.shape, source.dtype, **place)
        how = {"layout": layouts["out_layout"], "out_layout": layouts["layout"]}
        wanted = denormalize(wanted, mean, std, dtype=source.dtype, **how)
        assert np.array_equal(
            denormalize(x, mean, std, dtype=source.dtype, out=back, **how), wanted
        )
        assert outputs.untouched_around(back)
        assert inputs.untouched_around(x)


@at_ends
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32", "float64"])
def test_widths_and_misalignments(guarded, dtype, at_end):
    rng = np.random.default_rng(0)
    for channels in (1, 2, 3, 4, 5):
        for width in range(67):
            img = rng.integers(0, 256, (2, width, channels)).astype(dtype)
            shift = width % 17
            for layout, out_layout in (("HWC", "CHW"), ("HWC", "HWC"), ("CHW", "CHW")):
                source = img if layout == "HWC" else img.transpose(2, 0, 1)
                check(
                    guarded,
                    source,
                    "float32" if (channels + width) % 2 else "float16",
                    at_end=at_end,
                    shift=shift,
                    pad=channels * (width % 3) if layout == "HWC" else width % 3,
                    layout=layout,
                    out_layout=out_layout,
                )


@at_ends
@pytest.mark.parametrize("out_layout", ["CHW", "HWC"])
@pytest.mark.parametrize("result", ["float32", "float16"])
def test_streaming_stores(result, out_layout, at_end):
    item = np.dtype(result).itemsize
    pixels = LARGE * 9 // 10 // item // 3
    source = np.random.default_rng(1).integers(0, 256, (pixels // 1000 | 1, 1001, 3), np.uint8)
    assert source.size * (item + 1) > 2**25
    memory = Guarded(LARGE)
    mean, std = parameters(3)
    wanted = normalize(source[:50], mean, std, dtype=result, out_layout="HWC")
    for shift in (0, 1, 17):
        shape = source.shape if out_layout == "HWC" else source.transpose(2, 0, 1).shape
        out = memory.place(shape, result, at_end=at_end, shift=shift, pad=0)
        normalize(source, mean, std, dtype=result, out_layout=out_layout, out=out)
        first = out[:50] if out_layout == "HWC" else out[:, :50].transpose(1, 2, 0)
        assert np.array_equal(first, wanted)
        assert memory.untouched_around(out)
