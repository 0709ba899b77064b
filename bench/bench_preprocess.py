"""Images to float32 planes, beside other libraries and a copy of as many bytes."""

import numpy as np
import pytest

import bnfast
from bnfast.bench import Effort, paired
from bnfast.bench.threads import using_threads
from bnfast.preprocess import IMAGENET_MEAN, IMAGENET_STD, Normalizer
from image_peers import PEERS, copies

pytestmark = pytest.mark.benchmark(max_time=0.2, min_rounds=3)

SIZES = [(224, 224, 1), (1080, 1920, bnfast.get_num_threads())]
sizes = pytest.mark.parametrize("height, width, threads", SIZES, ids=lambda value: str(value))


def make(height, width):
    """Return an image, where its result goes, and the call."""
    img = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    out = np.empty((3, height, width), np.float32)
    normalizer = Normalizer(IMAGENET_MEAN, IMAGENET_STD)
    exact = (img / 255 - IMAGENET_MEAN) / IMAGENET_STD
    assert np.abs(normalizer(img, out) - exact.transpose(2, 0, 1)).max() < 1e-6
    return img, out, lambda: normalizer(img, out)


@sizes
@pytest.mark.parametrize("name", PEERS)
def test_peer(name, height, width, threads, benchmark, tell, pytestconfig):
    img, _, call = make(height, width)
    pytest.importorskip({"PyTorch": "torch", "OpenCV": "cv2"}.get(name, name))
    with using_threads(threads):
        peer = PEERS[name](img, threads)
        assert np.abs(peer.planes(peer.call()) - call()).max() < 1e-5
        if not benchmark.disabled:
            effort = Effort(seconds=pytestconfig.getoption("--case-seconds"))
            found = paired(peer.call, call, effort=effort)
            benchmark.extra_info.update(found.figures())
            tell(f"{height}x{width}, {threads} threads: {name} takes {found} times as long")
        benchmark(call)


@sizes
def test_limit(height, width, threads, benchmark, tell, pytestconfig):
    img, out, call = make(height, width)
    with using_threads(threads):
        for name, copy in copies(img.nbytes + out.nbytes, threads).items():
            if not benchmark.disabled:
                effort = Effort(seconds=pytestconfig.getoption("--case-seconds"))
                found = paired(copy, call, effort=effort)
                benchmark.extra_info[name] = found.figures()
                tell(f"{height}x{width}, {threads} threads: {name} takes {found} times as long")
        benchmark(call)
