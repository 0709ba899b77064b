"""One timed problem: its arrays, its answer, and the least bytes that it must move."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bnfast.demo import reference
from bnfast.demo.network import Floats
from bnfast.demo.reference import Array, Statistics

Operation = Literal["training", "inference", "backward"]
Layout = Literal["NCHW", "NHWC"]

MOMENTUM, EPS = 0.1, 1e-5
TENSORS_MOVED: dict[Operation, int] = {"training": 2, "inference": 2, "backward": 3}


@dataclass(frozen=True)
class Problem:
    """Inputs in the memory order of the layout; a contender writes its answer to `out`.

    `batch` holds the batch's own statistics in float64, which the backward starts from.
    """

    operation: Operation
    layout: Layout
    x: Floats
    dy: Floats
    out: Floats
    weight: Floats
    bias: Floats
    running_mean: Floats
    running_var: Floats
    batch: Statistics
    answer: Array

    @property
    def channel_axis(self) -> int:
        """The channel axis of `x`, `dy` and `out`."""
        return _CHANNEL_AXIS[self.layout]

    @property
    def invstd(self) -> Array:
        """The batch's ``1 / sqrt(var + eps)``."""
        return np.asarray(1 / np.sqrt(self.batch.var + EPS))

    @property
    def bytes_moved(self) -> int:
        """The least that must be read and written."""
        return TENSORS_MOVED[self.operation] * self.x.nbytes

    def along(self, values: Array) -> Array:
        """Return (C,) values in a shape that broadcasts against `x`."""
        return reference.along(values, self.x, self.channel_axis)


_CHANNEL_AXIS: dict[Layout, int] = {"NCHW": 1, "NHWC": 3}


def make_problem(operation: Operation, layout: Layout, shape: tuple[int, int, int, int]) -> Problem:
    """Return a problem of random values; `shape` is (N, C, H, W) whatever the layout."""
    rng = np.random.default_rng(7)
    batch, channels, height, width = shape
    stored = shape if layout == "NCHW" else (batch, height, width, channels)
    x = rng.standard_normal(stored, dtype=np.float32)
    dy = rng.standard_normal(stored, dtype=np.float32)
    weight, running_var = (rng.uniform(0.5, 2, channels).astype(np.float32) for _ in range(2))
    bias, running_mean = (rng.uniform(-0.5, 0.5, channels).astype(np.float32) for _ in range(2))
    axis = _CHANNEL_AXIS[layout]
    statistics = reference.moments(x, axis)
    if operation == "backward":
        answer = reference.backward(dy, x, EPS, axis).dx * reference.along(weight, x, axis)
    else:
        used = statistics if operation == "training" else Statistics(running_mean, running_var)
        answer = reference.normalize(x, used, EPS, axis) * reference.along(weight, x, axis)
        answer += reference.along(bias, x, axis)
    return Problem(
        operation,
        layout,
        x,
        dy,
        np.empty_like(x),
        weight,
        bias,
        running_mean,
        running_var,
        statistics,
        answer,
    )
