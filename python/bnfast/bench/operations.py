"""The operations that are timed: their data, and how a build of bnfast is called for them.

NumPy and the standard library alone: a worker with another build of bnfast loads this file by its
path.
"""

import contextlib
import math
import mmap
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Call = Callable[[], object]

MOMENTUM, EPS = 0.1, 1e-5
_HUGE_PAGE = 2 << 20
LAYOUTS = ("NCHW", "NHWC")


class Traffic(NamedTuple):
    """The least that must move, in tensors, and the probe that moves them likewise."""

    tensors: int
    probe: str


TRAFFIC = {
    "training": Traffic(2, "copy"),
    "inference": Traffic(2, "copy"),
    "backward": Traffic(3, "add"),
    "moments": Traffic(1, "read"),
    "layer": Traffic(2, "copy"),
}
# A tensor of rows that fits no cache is read twice: statistics need all of it before the first
# result. So much then moves, at the speed of two reads and one write.
FLOORS = {
    ("training", "NHWC"): Traffic(3, "add"),
    ("backward", "NHWC"): Traffic(5, "add"),
}


@dataclass(frozen=True, eq=False)
class Problem:
    """The data of an operation, in the memory order of its layout.

    `x`, `dy` and `out` are float32; `mean` and `invstd`, the batch's own statistics, float64.
    """

    channel_axis: int
    x: Array
    dy: Array
    out: Array
    weight: Array
    bias: Array
    running_mean: Array
    running_var: Array
    mean: Array
    invstd: Array

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes that statistics are taken over."""
        channel = self.channel_axis % self.x.ndim
        return tuple(axis for axis in range(self.x.ndim) if axis != channel)

    def along(self, values: Array) -> Array:
        """Return (C,) values in a shape that broadcasts against `x`."""
        return np.expand_dims(values, self.axes)

    def running(self) -> tuple[Array, Array]:
        """Return running statistics of the contender's own: training changes them."""
        return self.running_mean.copy(), self.running_var.copy()


def make_problem(layout: str, shape: tuple[int, ...], seed: int = 7) -> Problem:
    """Return random data.

    Parameters
    ----------
    layout : {"NCHW", "NHWC"}
        Channels first or last, of any rank.
    shape : tuple of int
        N, C and the spatial sizes, whatever the layout.
    seed : int, default 7
        The same seed gives the same data everywhere.

    Returns
    -------
    Problem
        Data with means and deviations unlike 0 and 1.

    Examples
    --------
    >>> from bnfast.bench.operations import make_problem
    >>> make_problem("NHWC", (2, 3, 4, 5)).x.shape
    (2, 4, 5, 3)
    """
    rng = np.random.default_rng(seed)
    stored, axis = (shape, 1) if layout == "NCHW" else ((shape[0], *shape[2:], shape[1]), -1)
    x, dy, out = (at_huge_page(stored) for _ in range(3))
    rng.standard_normal(out=x, dtype=np.float32)
    rng.standard_normal(out=dy, dtype=np.float32)
    out.fill(0)
    x *= np.float32(2)
    x += np.float32(0.5)
    weight, running_var = (rng.uniform(0.5, 2, shape[1]).astype(np.float32) for _ in range(2))
    bias, running_mean = (rng.uniform(-0.5, 0.5, shape[1]).astype(np.float32) for _ in range(2))
    axes = tuple(k for k in range(x.ndim) if k != axis % x.ndim)
    mean, var = x.mean(axis=axes, dtype=np.float64), x.var(axis=axes, dtype=np.float64)
    invstd = 1 / np.sqrt(var + EPS)
    return Problem(axis, x, dy, out, weight, bias, running_mean, running_var, mean, invstd)


def at_huge_page(shape: tuple[int, ...]) -> Array:
    """Return a float32 array that begins at a huge page, made of such pages where possible.

    Where an array begins, and which pages it got, change times by more than builds differ.
    """
    size = math.prod(shape) * 4
    memory = _pages(size + _HUGE_PAGE)
    data = np.frombuffer(memory, np.uint8)
    start = -data.ctypes.data % _HUGE_PAGE
    return data[start : start + size].view(np.float32).reshape(shape)


def _pages(size: int) -> mmap.mmap:
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return mmap.mmap(-1, size)
    # Private: shared pages, which are mmap's default, are rarely huge.
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):  # a kernel without them
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def bnfast_call(bnfast: Any, operation: str, problem: Problem) -> Call:
    """Return a call of a build of bnfast that returns its answer.

    Parameters
    ----------
    bnfast : module
        The build.
    operation : str
        A key of `TRAFFIC`.
    problem : Problem
        Its data; the answer lands in ``problem.out``, that of ``moments`` is (mean, var).

    Returns
    -------
    callable
        Without arguments.
    """
    return _CALLS[operation](bnfast, problem)


def right_answer(reference: Any, operation: str, problem: Problem) -> tuple[Array, ...]:
    """Return what the answer must be, in float64.

    Parameters
    ----------
    reference : module
        `bnfast.demo.reference`, which a worker has loaded by its path.
    operation : str
        A key of `TRAFFIC`.
    problem : Problem
        Its data.

    Returns
    -------
    tuple of ndarray
        One array, or (mean, var) of ``moments``.
    """
    p, axis = problem, problem.channel_axis
    if operation == "moments":
        return tuple(reference.moments(p.x, axis))
    if operation == "backward":
        return (reference.backward(p.dy, p.x, EPS, axis).dx * p.along(p.weight),)
    running = reference.Statistics(p.running_mean, p.running_var)
    used = reference.moments(p.x, axis) if operation == "training" else running
    return (reference.normalize(p.x, used, EPS, axis) * p.along(p.weight) + p.along(p.bias),)


def answer_error(reference: Any, operation: str, problem: Problem) -> Callable[..., float]:
    """Return the function that takes an answer's error in units of 1.2e-7.

    Parameters
    ----------
    reference, operation, problem
        As of `right_answer`.

    Returns
    -------
    callable
        Of an answer and the right one; relative to each element of the right one, in ``backward``
        to the magnitude of the element's terms, 1 at least.
    """
    p = problem
    if operation != "backward":
        error: Callable[..., float] = reference.float32_error
        return error
    scale: Array = reference.backward_scale(p.dy, p.x, EPS, p.channel_axis)
    scale *= p.along(np.abs(p.weight))
    return partial(reference.float32_error, scale=np.maximum(scale, 1.0, out=scale))


def _forward(bnfast: Any, p: Problem, training: bool) -> Call:
    arguments = (p.x, *p.running(), p.weight, p.bias, training, MOMENTUM, EPS)
    return lambda: bnfast.batch_norm(*arguments, channel_axis=p.channel_axis, out=p.out)


def _backward(bnfast: Any, p: Problem) -> Call:
    arguments = (p.dy, p.x, p.mean, p.invstd, p.weight)
    axis, out = p.channel_axis, p.out
    return lambda: bnfast.batch_norm_backward(*arguments, channel_axis=axis, out=out).dx


def _moments(bnfast: Any, p: Problem) -> Call:
    return lambda: bnfast.moments(p.x, channel_axis=p.channel_axis)[:2]


def _layer(bnfast: Any, p: Problem) -> Call:
    layer = bnfast.BatchNorm(len(p.weight), EPS, MOMENTUM, channel_axis=p.channel_axis).eval()
    layer.weight[:], layer.bias[:] = p.weight, p.bias
    layer.running_mean[:], layer.running_var[:] = p.running_mean, p.running_var
    x, out = p.x, p.out
    return lambda: layer(x, out=out)


_CALLS: dict[str, Callable[[Any, Problem], Call]] = {
    "training": lambda bnfast, problem: _forward(bnfast, problem, True),
    "inference": lambda bnfast, problem: _forward(bnfast, problem, False),
    "backward": _backward,
    "moments": _moments,
    "layer": _layer,
}
