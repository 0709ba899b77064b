# The part of bnfast._core that the layer calls. Types alone: there is no such module at run time.
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from bnfast._core import _Activation, _Array, _Channels
from bnfast.layer.normalizing import Saved
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
def checked_activation(activation: _Activation | None) -> _Activation | None: ...
def checked_gradient(
    dy: _Array,
    x: _Array,
    channel_axis: SupportsIndex,
    residual: _Array | None = None,
    out: NDArray[Any] | None = None,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None, NDArray[Any]]: ...

# `_batch`, to which it leaves what needs the batch's own statistics, is the layer's.
class LayerCall:
    __slots__ = (
        "_activation",
        "_saved",
        "bias",
        "channel_axis",
        "eps",
        "running_mean",
        "running_var",
        "training",
        "weight",
    )
    training: bool
    running_mean: NDArray[Any] | None
    running_var: NDArray[Any] | None
    weight: NDArray[Any] | None
    bias: NDArray[Any] | None
    eps: float
    channel_axis: int
    _activation: _Activation | None
    _saved: Saved | None
    @property
    def _folds(self) -> int: ...
    def __call__(
        self,
        x: Any,
        *,
        training: bool | None = None,
        residual: Any = None,
        out: NDArray[Any] | None = None,
    ) -> NDArray[Any]: ...
