# The part of bnfast._core that works on images. Types alone: there is no such module at run time.
from collections.abc import Sequence
from typing import Any, Protocol, SupportsIndex

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bnfast._core import _Array, _Channels, _Float64s, _Pybind11Type

def normalize_images(
    img: _Array,
    mean: _Channels,
    std: _Channels,
    scale: float | None,
    layout: str,
    out_layout: str,
    swap_rb: bool,
    dtype: DTypeLike,
    out: NDArray[Any] | None = None,
    num_threads: SupportsIndex | None = None,
) -> NDArray[Any]: ...
def normalize_to_batch(
    images: Sequence[_Array],
    mean: _Channels,
    std: _Channels,
    scale: float | None,
    layout: str,
    out_layout: str,
    swap_rb: bool,
    dtype: DTypeLike,
    out: NDArray[Any] | None = None,
    num_threads: SupportsIndex | None = None,
) -> NDArray[Any]: ...
def denormalize_images(
    x: _Array,
    mean: _Channels,
    std: _Channels,
    scale: float | None,
    layout: str,
    out_layout: str,
    swap_rb: bool,
    dtype: DTypeLike,
    out: NDArray[Any] | None = None,
    num_threads: SupportsIndex | None = None,
) -> NDArray[Any]: ...

class _PreparedCall(Protocol):
    def __call__(
        self,
        img: _Array,
        out: NDArray[Any] | None = None,
        num_threads: SupportsIndex | None = None,
    ) -> NDArray[Any]: ...

class _PreparedToBatch(Protocol):
    def __call__(
        self,
        images: Sequence[_Array],
        out: NDArray[Any] | None = None,
        num_threads: SupportsIndex | None = None,
    ) -> NDArray[Any]: ...

class PreparedNormalization(metaclass=_Pybind11Type):
    def __init__(
        self,
        mean: _Channels,
        std: _Channels,
        scale: float | None,
        layout: str,
        out_layout: str,
        swap_rb: bool,
        dtype: DTypeLike,
    ) -> None: ...
    @property
    def call(self) -> _PreparedCall: ...
    @property
    def to_batch(self) -> _PreparedToBatch: ...
    @property
    def mean(self) -> _Float64s: ...
    @property
    def std(self) -> _Float64s: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
