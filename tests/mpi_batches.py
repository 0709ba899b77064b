"""The batches of the training runs, whole: each rank takes its part, the test all of them."""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from dlpack import DLPackOnly

CHANNELS = 3
STEPS = 3
PARTS = {1: [(9,)], 2: [(7, 2), (0, 9)], 3: [(4, 0, 5), (1, 6, 2)]}
WEIGHT, BIAS = (1.5, -2.0, 0.5), (0.25, -1.0, 3.0)


class Case(NamedTuple):
    name: str
    dtype: type
    channel_axis: int = 1
    options: MappingProxyType = MappingProxyType({})
    residual: bool = False
    shape: tuple = (9, CHANNELS, 4, 5)
    given: Callable[[Any], Any] = np.asarray


CASES = [
    Case("float64", np.float64),
    Case("float32", np.float32),
    Case("last", np.float64, -1, shape=(9, 4, CHANNELS)),
    Case("table", np.float64, shape=(9, CHANNELS)),
    Case("cumulative", np.float64, options={"momentum": None, "running_var_correction": 0}),
    Case("plain", np.float64, options={"affine": False, "track_running_stats": False}),
    Case("silu", np.float64, options={"activation": "silu"}),
    Case("relu-residual", np.float64, options={"activation": "relu"}, residual=True),
    Case("residual", np.float64, residual=True),
    Case("DLPack", np.float64, options={"activation": "silu"}, given=DLPackOnly),
]


def batch(case, step, what):
    """Return x, dy or residual of all ranks."""
    rng = np.random.default_rng([step, ["x", "dy", "residual"].index(what)])
    values = rng.standard_normal(case.shape)
    if what == "x":
        values = values * (1 + step) + 100 * step
    return values.astype(case.dtype)


def part_of(rank, parts, array):
    """Return the rank's share of the batch."""
    begin = sum(parts[:rank])
    return array[begin : begin + parts[rank]]
