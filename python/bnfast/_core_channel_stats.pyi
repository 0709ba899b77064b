# The part of bnfast._core that ChannelStats is made of. Types alone: no such module at run time.
from typing import Any, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bnfast._core import _Array, _Float64s

_Int64s: TypeAlias = NDArray[np.int64]

def channel_sums(
    x: _Array, channel_axis: SupportsIndex, num_threads: SupportsIndex | None
) -> tuple[_Int64s, NDArray[Any]]: ...  # float64 or int64
def merge_moments(
    count: _Int64s, moments: _Float64s, other_count: _Int64s, other_moments: _Float64s
) -> None: ...
def add_sums(count: _Int64s, sums: _Int64s, other_count: _Int64s, other_sums: _Int64s) -> None: ...
def scaled_moments(moments: _Float64s, factor: float) -> _Float64s: ...
