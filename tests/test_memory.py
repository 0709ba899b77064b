"""What a call adds to the peak of the process's memory, each in a process of its own."""

import subprocess
import sys

import numpy as np
import pytest

import bnfast

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's VmHWM"),
]
MIB = 2**20

PROGRAM = """
import numpy as np
import bnfast


def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))


def touched(*shape):
    array = np.empty(shape, np.float32)
    array[...] = np.arange(shape[-1], dtype=np.float32) % 7
    return array


{prepare}
before = peak()
{call}
print(peak() - before)
"""


def added(prepare, call):
    program = PROGRAM.format(prepare=prepare, call=call)
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return int(ended.stdout)


# 411 MB, by channel axis.
SHAPES = {1: (32, 64, 224, 224), -1: (32, 224, 224, 64)}
TRAINING = "bnfast.batch_norm(x, mean, var, mean, var, True, out={out}, channel_axis={axis})"


@pytest.mark.parametrize("axis", SHAPES, ids=["NCHW", "NHWC"])
@pytest.mark.parametrize("out", ["out", "x"], ids=["out", "in place"])
def test_training(axis, out):
    prepare = f"x = touched(*{SHAPES[axis]}); mean, var = np.ones((2, 64))"
    prepare += "; out = touched(*x.shape)" if out == "out" else ""
    assert added(prepare, TRAINING.format(out=out, axis=axis)) < MIB


@pytest.mark.parametrize("axis", SHAPES, ids=["NCHW", "NHWC"])
def test_backward(axis):
    prepare = f"x = touched(*{(8, *SHAPES[axis][1:])}); dy = x + 1; c = np.ones(64)"
    call = f"bnfast.batch_norm_backward(dy, x, c, c, c, channel_axis={axis}, out=dy)"
    assert added(prepare, call) < MIB


@pytest.mark.parametrize("x", ["x", "x.swapaxes(1, 3)"])
def test_reading_alone(x):
    assert added("x = touched(64, 64, 56, 56)", f"bnfast.moments({x})") < MIB


X_BYTES = 4 * 16 * 64 * 112 * 112


@pytest.mark.parametrize(
    "shape, view, copies",
    [
        ((32, 64, 112, 112), "larger[::2]", 0),
        ((32, 64, 112, 112), "larger[::-2]", 0),
        ((16, 128, 112, 112), "larger[:, 32:96]", 0),
        ((16, 64, 120, 112), "larger[:, :, 4:116]", 0),
        ((16, 112, 112, 64), "larger.transpose(0, 3, 1, 2)", 0),
        ((16, 112, 112, 128), "larger[..., :64].transpose(0, 3, 1, 2)", 0),
        ((1, 64, 112, 112), "np.broadcast_to(larger, (16, 64, 112, 112))", 0),
        ((16, 64, 112, 224), "larger[..., ::2]", 1),
        ((16, 64, 112, 112), "larger[..., ::-1]", 1),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value),
)
def test_views_are_copied_at_most_once(shape, view, copies):
    lies_last = "out = touched(16, 112, 112, 64).transpose(0, 3, 1, 2)"
    out = lies_last if "transpose" in view else "out = touched(16, 64, 112, 112)"
    prepare = f"larger = touched(*{shape}); x = {view}; c = np.ones(64); {out}"
    assert abs(added(prepare, "bnfast.batch_norm(x, c, c, out=out)") - copies * X_BYTES) < MIB


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_copies_that_memory_cannot_hold_are_refused(dtype):
    seen = np.zeros((1, 2, 1, 6), dtype)[..., ::2]
    x = np.broadcast_to(seen, (2**24, 2, 2**24, 3))  # no walk serves it, nor any address space
    with pytest.raises(MemoryError):
        bnfast.moments(x)
