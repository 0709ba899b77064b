from collections.abc import Sequence
from typing import Any, Literal, Protocol, SupportsIndex, TypeAlias, TypedDict, TypeVar, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray
from typing_extensions import Buffer, disjoint_base

from bnfast._core_channel_stats import *  # noqa: F403
from bnfast._core_images import *  # noqa: F403
from bnfast._core_layer import *  # noqa: F403
from bnfast.results import BatchNormForward, BatchNormGradients, Moments

class _Pybind11Type(type): ...

class _SupportsArrayInterface(Protocol):
    @property
    def __array_interface__(self) -> dict[str, Any]: ...

class _SupportsDLPack(Protocol):
    def __dlpack__(self) -> Any: ...
    def __dlpack_device__(self) -> tuple[Any, Any]: ...

class _BuildInfo(TypedDict):
    version: str
    compiler: str
    isas_built: list[str]
    isas_available: list[str]
    isa: str
    openmp: bool
    openmp_version: int
    build_type: str
    platform: str

class _DefaultThreads(TypedDict):
    threads: int
    source: str
    affinity: int
    cgroup_quota: float | None

class _CacheSizes(TypedDict):
    l1d: int
    l2: int
    l3: int

class _Schedule(TypedDict):
    threads: int
    streaming: bool
    pieces_per_streamed: int
    near: bool
    group: int
    shared: bool
    interleaved: bool
    held: bool
    map_reads_ahead: bool

class _OutputCache(TypedDict):
    max_bytes: int
    source: str
    held_bytes: int

class _Copied(TypedDict):
    copied: Literal[True]

class _Walk(TypedDict):
    copied: Literal[False]
    walk: Literal["planes", "rows"]
    outer: int
    channels: int
    inner: int

# What is read as an array without being converted, in native byte order: float16, bfloat16 (no
# floating type of NumPy's), float32 or float64; integers of 8 and 16 bits where docstrings say so.
_Array: TypeAlias = NDArray[np.generic] | _SupportsArrayInterface | _SupportsDLPack | Buffer
# One value per channel.
_Channels: TypeAlias = _Array | Sequence[float]
_Float64s: TypeAlias = NDArray[np.float64]
_Activation: TypeAlias = Literal["relu", "relu6", "leaky_relu", "hardswish", "silu"]
_AffineState: TypeAlias = tuple[_Float64s, _Float64s, _Float64s, int, _Activation | None]
_F = TypeVar("_F", bound=np.float16 | np.float32 | np.float64)

@overload
def batch_norm(
    x: NDArray[_F],
    running_mean: NDArray[np.floating] | None = None,
    running_var: NDArray[np.floating] | None = None,
    weight: _Channels | None = None,
    bias: _Channels | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-05,
    *,
    channel_axis: SupportsIndex = 1,
    activation: _Activation | None = None,
    residual: _Array | None = None,
    running_var_correction: SupportsIndex = 1,
    out: NDArray[_F] | None = None,
    num_threads: SupportsIndex | None = None,
) -> NDArray[_F]: ...
@overload
def batch_norm(
    x: _Array,
    running_mean: NDArray[np.floating] | None = None,
    running_var: NDArray[np.floating] | None = None,
    weight: _Channels | None = None,
    bias: _Channels | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-05,
    *,
    channel_axis: SupportsIndex = 1,
    activation: _Activation | None = None,
    residual: _Array | None = None,
    running_var_correction: SupportsIndex = 1,
    out: NDArray[Any] | None = None,
    num_threads: SupportsIndex | None = None,
) -> NDArray[np.floating]: ...
def batch_norm_forward(
    x: _Array,
    weight: _Channels | None = None,
    bias: _Channels | None = None,
    *,
    eps: float = 1e-05,
    channel_axis: SupportsIndex = 1,
    activation: _Activation | None = None,
    residual: _Array | None = None,
    mask: NDArray[np.bool_] | None = None,
    out: NDArray[Any] | None = None,
    num_threads: SupportsIndex | None = None,
) -> BatchNormForward: ...
def batch_norm_backward(
    dy: _Array,
    x: _Array,
    mean: _Channels,
    invstd: _Channels,
    weight: _Channels | None = None,
    bias: _Channels | None = None,
    *,
    channel_axis: SupportsIndex = 1,
    training: bool = True,
    activation: _Activation | None = None,
    negative_slope: float = 0.01,
    residual: _Array | None = None,
    mask: NDArray[np.bool_] | None = None,
    output_mask: Sequence[bool] = (True, True, True),
    out: NDArray[Any] | None = None,
    num_threads: SupportsIndex | None = None,
) -> BatchNormGradients: ...
def batch_norm_backward_reduce(
    dy: _Array,
    x: _Array,
    mean: _Channels,
    invstd: _Channels,
    *,
    channel_axis: SupportsIndex = 1,
    num_threads: SupportsIndex | None = None,
) -> tuple[_Float64s, _Float64s]: ...
@overload
def batch_norm_backward_elemt(
    dy: NDArray[_F],
    x: NDArray[_F],
    mean: _Channels,
    invstd: _Channels,
    weight: _Channels | None,
    sum_dy: _Channels,
    sum_dy_xmu: _Channels,
    count: float,
    *,
    channel_axis: SupportsIndex = 1,
    out: NDArray[_F] | None = None,
    num_threads: SupportsIndex | None = None,
) -> NDArray[_F]: ...
@overload
def batch_norm_backward_elemt(
    dy: _Array,
    x: _Array,
    mean: _Channels,
    invstd: _Channels,
    weight: _Channels | None,
    sum_dy: _Channels,
    sum_dy_xmu: _Channels,
    count: float,
    *,
    channel_axis: SupportsIndex = 1,
    out: NDArray[Any] | None = None,
    num_threads: SupportsIndex | None = None,
) -> NDArray[np.floating]: ...
@overload
def affine(
    x: NDArray[_F],
    scale: _Channels,
    shift: _Channels,
    *,
    channel_axis: SupportsIndex = 1,
    activation: _Activation | None = None,
    negative_slope: float = 0.01,
    residual: _Array | None = None,
    dtype: None = None,
    out: NDArray[_F] | None = None,
    num_threads: SupportsIndex | None = None,
) -> NDArray[_F]: ...
@overload
def affine(
    x: _Array,
    scale: _Channels,
    shift: _Channels,
    *,
    channel_axis: SupportsIndex = 1,
    activation: _Activation | None = None,
    negative_slope: float = 0.01,
    residual: _Array | None = None,
    dtype: type[_F] | np.dtype[_F],
    out: NDArray[_F] | None = None,
    num_threads: SupportsIndex | None = None,
) -> NDArray[_F]: ...
@overload
def affine(
    x: _Array,
    scale: _Channels,
    shift: _Channels,
    *,
    channel_axis: SupportsIndex = 1,
    activation: _Activation | None = None,
    negative_slope: float = 0.01,
    residual: _Array | None = None,
    dtype: DTypeLike | None = None,
    out: NDArray[Any] | None = None,
    num_threads: SupportsIndex | None = None,
) -> NDArray[np.floating]: ...
def inference_params(
    running_mean: _Channels,
    running_var: _Channels,
    weight: _Channels | None = None,
    bias: _Channels | None = None,
    eps: float = 1e-05,
) -> tuple[_Float64s, _Float64s]: ...

@disjoint_base
class Affine(metaclass=_Pybind11Type):
    def __init__(
        self,
        mean: _Channels,
        scale: _Channels,
        shift: _Channels,
        *,
        channel_axis: SupportsIndex = 1,
        activation: _Activation | None = None,
    ) -> None: ...
    @overload
    def __call__(
        self,
        x: NDArray[_F],
        out: NDArray[_F] | None = None,
        *,
        residual: _Array | None = None,
        num_threads: SupportsIndex | None = None,
    ) -> NDArray[_F]: ...
    @overload
    def __call__(
        self,
        x: _Array,
        out: NDArray[Any] | None = None,
        *,
        residual: _Array | None = None,
        num_threads: SupportsIndex | None = None,
    ) -> NDArray[np.floating]: ...
    def _map_and_check(self, x: NDArray[_F]) -> tuple[NDArray[_F], bool]: ...
    @property
    def num_features(self) -> int: ...
    @property
    def channel_axis(self) -> int: ...
    @property
    def activation(self) -> _Activation | None: ...
    @property
    def mean(self) -> _Float64s: ...
    @property
    def scale(self) -> _Float64s: ...
    @property
    def shift(self) -> _Float64s: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def __getstate__(self) -> _AffineState: ...
    def __setstate__(self, state: _AffineState, /) -> None: ...

def moments(
    x: _Array,
    *,
    channel_axis: SupportsIndex = 1,
    correction: SupportsIndex = 0,
    num_threads: SupportsIndex | None = None,
) -> Moments: ...
@overload
def standardize(
    x: NDArray[_F],
    mean: _Channels | None = None,
    std: _Channels | None = None,
    *,
    channel_axis: SupportsIndex = -1,
    eps: float = 0.0,
    dtype: None = None,
    out: NDArray[_F] | None = None,
    num_threads: SupportsIndex | None = None,
) -> NDArray[_F]: ...
@overload
def standardize(
    x: _Array,
    mean: _Channels | None = None,
    std: _Channels | None = None,
    *,
    channel_axis: SupportsIndex = -1,
    eps: float = 0.0,
    dtype: type[_F] | np.dtype[_F],
    out: NDArray[_F] | None = None,
    num_threads: SupportsIndex | None = None,
) -> NDArray[_F]: ...
@overload
def standardize(
    x: _Array,
    mean: _Channels | None = None,
    std: _Channels | None = None,
    *,
    channel_axis: SupportsIndex = -1,
    eps: float = 0.0,
    dtype: DTypeLike | None = None,
    out: NDArray[Any] | None = None,
    num_threads: SupportsIndex | None = None,
) -> NDArray[np.floating]: ...
def as_array(x: Any, name: str) -> NDArray[Any]: ...
def check_correction(running_var_correction: SupportsIndex, count: int) -> None: ...
def describe_walk(*arrays: _Array, channel_axis: SupportsIndex = 1) -> _Copied | _Walk: ...
def schedule(
    shape: Sequence[int],
    walk: Literal["planes", "rows"] = "planes",
    *,
    inputs: int = 1,
    outputs: int = 1,
    itemsize: int = 4,
    reduces: bool = True,
    end_to_end: bool = True,
    in_place: bool = False,
    images: bool = False,
    num_threads: SupportsIndex | None = 2,
    l2: int = 2097152,
    l3: int = 33554432,
) -> _Schedule: ...
def empty_cache() -> int: ...
def set_output_cache(max_bytes: SupportsIndex | None) -> None: ...
def get_output_cache() -> int: ...
def output_cache() -> _OutputCache: ...
def set_num_threads(n: SupportsIndex | None) -> None: ...
def get_num_threads() -> int: ...
def isa() -> str: ...
def available_isas() -> list[str]: ...
def use_isa(name: str) -> None: ...
def build_info() -> _BuildInfo: ...
def default_threads() -> _DefaultThreads: ...
def cache_sizes() -> _CacheSizes: ...
def assume_cache_sizes(l2: int, l3: int) -> None: ...
def probe_read(x: NDArray[np.float32], num_threads: SupportsIndex) -> float: ...
def probe_copy(
    x: NDArray[np.float32],
    out: NDArray[np.float32],
    streaming: bool,
    num_threads: SupportsIndex,
) -> None: ...
def probe_add(
    x: NDArray[np.float32],
    z: NDArray[np.float32],
    out: NDArray[np.float32],
    streaming: bool,
    num_threads: SupportsIndex,
) -> None: ...
