"""Who is timed: bnfast, NumPy as it is written by hand, and a plain copy of the memory."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import bnfast
from bnfast.demo import reference
from bnfast.demo.network import Floats
from bnfast.demo.problem import EPS, MOMENTUM, Problem

Call = Callable[[], Floats]


def bnfast_call(problem: Problem) -> Call:
    """Return a call of bnfast that writes to ``problem.out``."""
    p = problem
    mean, invstd = p.batch.mean, p.invstd
    running_mean, running_var = p.running_mean.copy(), p.running_var.copy()

    def forward() -> Floats:
        bnfast.batch_norm(
            p.x,
            running_mean,
            running_var,
            p.weight,
            p.bias,
            p.operation == "training",
            MOMENTUM,
            EPS,
            channel_axis=p.channel_axis,
            out=p.out,
        )
        return p.out

    def backward() -> Floats:
        bnfast.batch_norm_backward(
            p.dy, p.x, mean, invstd, p.weight, channel_axis=p.channel_axis, out=p.out
        )
        return p.out

    return backward if p.operation == "backward" else forward


def numpy_call(problem: Problem) -> Call:
    """Return the same in NumPy's float32, without a temporary that can be avoided."""
    p = problem
    axes = reference.other_axes(p.x, p.channel_axis)
    weight, bias = p.along(p.weight), p.along(p.bias)
    learned = p.along(p.running_mean), p.along(p.running_var)

    def forward() -> Floats:
        if p.operation == "training":
            mean, var = p.x.mean(axis=axes, keepdims=True), p.x.var(axis=axes, keepdims=True)
        else:
            mean, var = learned
        np.subtract(p.x, mean, out=p.out)
        np.multiply(p.out, weight / np.sqrt(var + np.float32(EPS)), out=p.out)
        np.add(p.out, bias, out=p.out)
        return p.out

    mean = p.along(p.batch.mean.astype(np.float32))
    invstd = p.along(p.invstd.astype(np.float32))

    def backward() -> Floats:
        normalized = (p.x - mean) * invstd
        mean_dy = p.dy.mean(axis=axes, keepdims=True)
        mean_dy_normalized = (p.dy * normalized).mean(axis=axes, keepdims=True)
        np.multiply(normalized, mean_dy_normalized, out=normalized)
        np.subtract(p.dy, mean_dy, out=p.out)
        np.subtract(p.out, normalized, out=p.out)
        np.multiply(p.out, weight * invstd, out=p.out)
        return p.out

    return backward if p.operation == "backward" else forward


def copy_call(problem: Problem, pool: ThreadPoolExecutor, threads: int) -> Call:
    """Return a copy of x to out by `threads` threads: what the memory can give."""
    sources = np.array_split(problem.x, threads)
    targets = np.array_split(problem.out, threads)

    def copy() -> Floats:
        list(pool.map(np.copyto, targets, sources))
        return problem.out

    return copy
