"""NumPy among the timed: float32, by hand, without a temporary that can be avoided."""

import numpy as np

from bnfast.bench.operations import EPS, Array, Call, Problem

NUMPY = "NumPy"


def numpy_calls(operation: str, problem: Problem) -> dict[str, Call]:
    """Return NumPy's call for an operation, if it has one."""
    make = {
        "training": _training,
        "inference": _inference,
        "layer": _inference,
        "backward": _backward,
        "moments": _moments,
    }
    return {NUMPY: make[operation](problem)} if operation in make else {}


def _training(p: Problem) -> Call:
    def call() -> Array:
        mean, var = p.x.mean(axis=p.axes, keepdims=True), p.x.var(axis=p.axes, keepdims=True)
        return _normalize(p, mean, var)

    return call


def _inference(p: Problem) -> Call:
    mean, var = p.along(p.running_mean), p.along(p.running_var)
    return lambda: _normalize(p, mean, var)


def _normalize(p: Problem, mean: Array, var: Array) -> Array:
    np.subtract(p.x, mean, out=p.out)
    np.multiply(p.out, p.along(p.weight) / np.sqrt(var + np.float32(EPS)), out=p.out)
    return np.add(p.out, p.along(p.bias), out=p.out)


def _backward(p: Problem) -> Call:
    mean, invstd = (p.along(values.astype(np.float32)) for values in (p.mean, p.invstd))
    weight = p.along(p.weight)

    def call() -> object:
        normalized = (p.x - mean) * invstd
        dbias = p.dy.mean(axis=p.axes, keepdims=True)
        dweight = (p.dy * normalized).mean(axis=p.axes, keepdims=True)
        np.multiply(normalized, dweight, out=normalized)
        np.subtract(p.dy, dbias, out=p.out)
        np.subtract(p.out, normalized, out=p.out)
        return np.multiply(p.out, weight * invstd, out=p.out)

    return call


def _moments(p: Problem) -> Call:
    return lambda: (p.x.mean(axis=p.axes), p.x.var(axis=p.axes))
