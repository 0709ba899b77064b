# The part of bnfast._core that the layer calls. Types alone: there is no such module at run time.
from typing import Any, Protocol, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from bnfast._core import _Activation, _Array, _Channels, _Pybind11Type
from bnfast.results import BatchNormForward

def batch_norm_train(
    x: _Array,
    running_mean: NDArray[np.floating] | None,
    running_var: NDArray[np.floating] | None,
    weight: _Channels | None,
    bias: _Channels | None,
    num_features: SupportsIndex,
    momentum: float,
    eps: float,
    channel_axis: SupportsIndex,
    running_var_correction: SupportsIndex,
    activation: _Activation | None = None,
    residual: _Array | None = None,
    out: NDArray[Any] | None = None,
) -> BatchNormForward: ...
def checked_batch(
    x: _Array,
    running_mean: NDArray[np.floating] | None,
    running_var: NDArray[np.floating] | None,
    weight: _Channels | None,
    bias: _Channels | None,
    num_features: SupportsIndex,
    momentum: float,
    eps: float,
    channel_axis: SupportsIndex,
    running_var_correction: SupportsIndex,
    activation: _Activation | None = None,
    residual: _Array | None = None,
    out: NDArray[Any] | None = None,
    training: bool = True,
) -> tuple[NDArray[Any], NDArray[Any] | None, NDArray[Any]]: ...
def checked_gradient(
    dy: _Array,
    x: _Array,
    channel_axis: SupportsIndex,
    residual: _Array | None = None,
    out: NDArray[Any] | None = None,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None, NDArray[Any]]: ...

class InferenceFold(metaclass=_Pybind11Type):
    def __init__(self, activation: _Activation | None = None) -> None: ...
    # running_mean and running_var: None is refused, as by inference_params.
    @property
    def call(self) -> _InferenceCall: ...
    @property
    def folds(self) -> int: ...

class _InferenceCall(Protocol):
    def __call__(
        self,
        x: _Array,
        running_mean: _Channels | None,
        running_var: _Channels | None,
        weight: _Channels | None,
        bias: _Channels | None,
        eps: float,
        channel_axis: SupportsIndex,
        out: NDArray[Any] | None = None,
        residual: _Array | None = None,
        num_threads: SupportsIndex | None = None,
    ) -> NDArray[np.floating]: ...
