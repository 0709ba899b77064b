"""The batch normalization layer."""

from __future__ import annotations

from typing import Any, Literal, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bnfast import _core
from bnfast._core import Affine
from bnfast.monitored import LastBatch, Monitored
from bnfast.results import BatchNormGradients
from bnfast.state import Stateful

__all__ = ["BatchNorm"]

Array = NDArray[Any]
Activation = Literal["relu", "relu6", "leaky_relu", "hardswish", "silu"]


# What a backward needs of the forward before it: x, residual and out as given, and the batch's mean
# and invstd, or None after inference. A plain tuple: inference makes one for every call.
_Saved = tuple[Any, Any, "Array | None", "Array | None", "Array | None"]


class BatchNorm(Stateful, Monitored):
    """Batch normalization over one channel axis, with PyTorch's meaning.

    In training, ``y = (x - mean)/sqrt(var + eps)*weight + bias`` by the batch's own statistics, and
    the running statistics follow them. In inference the running statistics take their place [1]_.

    Parameters
    ----------
    num_features : int
        C, the length of the channel axis.
    eps : float
        Added to the variance.
    momentum : float or None
        Weight of the new value in the running statistics; None: the average over all batches.
    affine : bool
        Learn `weight` (gamma) and `bias` (beta).
    track_running_stats : bool
        False: no running statistics; every batch is normalized by its own.
    channel_axis : int
        Default 1, as in NCHW; -1 for NHWC.
    dtype : dtype
        float32 or float64: of weight, bias and running statistics. `x` may have another,
        half precision among them.
    activation : {None, "relu", "relu6", "leaky_relu", "hardswish", "silu"}
        Applied to each value of the result, in the same pass over memory.
    virtual_batch_size, renorm : None
        Not supported by this version.
    running_var_correction : int
        1: the running variance takes the unbiased batch variance, PyTorch's rule; 0: the
        population's, Keras's.

    Attributes
    ----------
    weight, bias : numpy.ndarray of shape (C,), or None
    running_mean, running_var : numpy.ndarray of shape (C,), or None
    num_batches_tracked : int
    training : bool
        Which statistics calls use by default. True at first.
    weight_grad, bias_grad : numpy.ndarray of shape (C,), or None
        Set by `backward`.
    residual_grad : numpy.ndarray, or None
        Set by `backward` after a call with a residual.
    activation : str or None
        Fixed when the layer is made.

    References
    ----------
    .. [1] S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by
       Reducing Internal Covariate Shift", ICML 2015.

    Examples
    --------
    >>> import numpy as np
    >>> import bnfast
    >>> bn = bnfast.BatchNorm(3)
    >>> x = np.random.default_rng(0).normal(5, 2, size=(8, 3, 4, 4)).astype(np.float32)
    >>> y = bn(x)
    >>> bool(abs(y.mean()) < 1e-6), bn.num_batches_tracked
    (True, 1)
    >>> bn.eval()(x).shape
    (8, 3, 4, 4)
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        channel_axis: int = 1,
        dtype: DTypeLike = np.float32,
        activation: Activation | None = None,
        running_var_correction: int = 1,
        virtual_batch_size: None = None,
        renorm: None = None,
    ) -> None:
        _refuse(virtual_batch_size=virtual_batch_size, renorm=renorm)
        if num_features < 0:
            raise ValueError(f"num_features must not be negative, got {num_features}")
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float64):
            raise TypeError(f"dtype must be float32 or float64, got {self.dtype}")
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self.channel_axis = channel_axis
        self.running_var_correction = running_var_correction
        self.training = True
        self.weight: Array | None = None
        self.bias: Array | None = None
        self.running_mean: Array | None = None
        self.running_var: Array | None = None
        self.num_batches_tracked = 0
        self.weight_grad: Array | None = None
        self.bias_grad: Array | None = None
        self.residual_grad: Array | None = None
        self._activation: Activation | None = activation
        self._saved: _Saved | None = None
        self._last_batch: LastBatch | None = None
        self._inference = _core.InferenceFold(activation).call
        self.reset_parameters()

    @property
    def activation(self) -> Activation | None:
        """The name of what is applied to each value of the result."""
        return self._activation

    def reset_running_stats(self) -> None:
        """Set the running mean to 0, the running variance to 1 and the count of batches to 0."""
        self.num_batches_tracked = 0
        if self.track_running_stats:
            self.running_mean = np.zeros(self.num_features, self.dtype)
            self.running_var = np.ones(self.num_features, self.dtype)

    def reset_parameters(self) -> None:
        """Reset the running statistics, and set `weight` to 1 and `bias` to 0."""
        self.reset_running_stats()
        if self.affine:
            self.weight = np.ones(self.num_features, self.dtype)
            self.bias = np.zeros(self.num_features, self.dtype)

    def train(self, mode: bool = True) -> BatchNorm:
        """Choose the statistics that calls use from now on.

        Parameters
        ----------
        mode : bool
            True: the batch's; False: the running ones.

        Returns
        -------
        BatchNorm
            The layer itself.
        """
        self.training = mode
        return self

    def eval(self) -> BatchNorm:
        """Use the running statistics from now on."""
        return self.train(False)

    def __call__(
        self,
        x: Any,
        *,
        training: bool | None = None,
        residual: Any = None,
        out: Array | None = None,
    ) -> Array:
        """Normalize `x`.

        Parameters
        ----------
        x : array, float16, bfloat16, float32 or float64
            Any shape whose channel axis has length `num_features`.
        training : bool, optional
            Default: the attribute `training`.
        residual : array, optional
            Of x's shape and dtype: added before the activation, as in ``relu(bn(x) + residual)``.
        out : numpy.ndarray, optional
            Where to write the result: x's shape and dtype. May be `x` or `residual` itself.

        Returns
        -------
        numpy.ndarray
            `out`, or a new array of x's shape and dtype.

        Raises
        ------
        TypeError
            An argument of the wrong type or dtype.
        ValueError
            A wrong shape, a read-only or overlapping `out`, or one value per channel in training.

        Notes
        -----
        The layer keeps references to `x` and `residual` for `backward` until the next call.
        """
        if training is None:
            training = self.training
        mean = self.running_mean
        if training or mean is None:
            return self._batch(x, residual, out, learns=training and self.track_running_stats)
        y = self._inference(
            x,
            mean,
            self.running_var,
            self.weight,
            self.bias,
            self.eps,
            self.channel_axis,
            out,
            residual,
        )
        self._saved = (x, residual, out, None, None)
        return y

    def _batch(self, x: Any, residual: Any, out: Array | None, *, learns: bool) -> Array:
        result = _core.batch_norm_train(
            x,
            self.running_mean if learns else None,
            self.running_var if learns else None,
            self.weight,
            self.bias,
            self.num_features,
            self._momentum_of_next_batch(),
            self.eps,
            self.channel_axis,
            self.running_var_correction,
            self.activation,
            residual,
            out,
        )
        if learns:
            self.num_batches_tracked += 1
        self._saved = (x, residual, out, result.mean, result.invstd)
        self._last_batch = (result.mean, result.invstd, result.count)
        return result.y

    def _momentum_of_next_batch(self) -> float:
        if self.momentum is None:
            return 1.0 / (self.num_batches_tracked + 1)
        return self.momentum

    def backward(self, dy: Any, *, out: Array | None = None) -> Array:
        """Compute the gradients of the last call.

        Sets `weight_grad`, `bias_grad` and `residual_grad` (not accumulated). After inference the
        running statistics count as constants.

        Parameters
        ----------
        dy : array
            Gradient of the loss for the output: the input's shape and dtype.
        out : numpy.ndarray, optional
            Where to write the result. May be `dy` itself.

        Returns
        -------
        numpy.ndarray
            Gradient for the input.

        Raises
        ------
        RuntimeError
            There was no call yet, or it has overwritten its input, or the residual that an
            activation's slope depends on.
        """
        saved = self._saved
        if saved is None:
            raise RuntimeError("backward needs a forward call before it")
        x, residual, result = saved[:3]
        if _overwrites(x, result):
            raise RuntimeError("backward needs the input, which the forward call has overwritten")
        if self.activation and residual is not None and _overwrites(residual, result):
            raise RuntimeError(
                "backward needs the residual, which the forward call has overwritten"
            )
        gradients = self._gradients(saved, dy, out)
        if gradients.dweight is not None and gradients.dbias is not None:
            self.weight_grad = gradients.dweight.astype(self.dtype)
            self.bias_grad = gradients.dbias.astype(self.dtype)
        self.residual_grad = gradients.dresidual
        return cast(Array, gradients.dx)

    def _gradients(self, saved: _Saved, dy: Any, out: Array | None) -> BatchNormGradients:
        x, residual, _, mean, invstd = saved
        frozen = mean is None or invstd is None
        if mean is None or invstd is None:
            mean, _ = self._running()
            invstd, _ = self._inference_params(affine=False)
        return _core.batch_norm_backward(
            dy,
            x,
            mean,
            invstd,
            self.weight,
            self.bias,
            channel_axis=self.channel_axis,
            training=not frozen,
            activation=self.activation,
            residual=residual,
            output_mask=(True, self.affine, self.affine),
            out=out,
        )

    def _running(self) -> tuple[Array, Array]:
        if self.running_mean is None or self.running_var is None:
            raise RuntimeError("this layer has no running statistics (track_running_stats=False)")
        return self.running_mean, self.running_var

    def _inference_params(self, *, affine: bool = True) -> tuple[Array, Array]:
        weight, bias = (self.weight, self.bias) if affine else (None, None)
        return _core.inference_params(*self._running(), weight, bias, self.eps)

    def freeze(self) -> Affine:
        """Return the layer's inference as it is now.

        Returns
        -------
        Affine
            Immutable and picklable; later changes of the layer do not reach it.

        Raises
        ------
        RuntimeError
            The layer has no running statistics.

        Examples
        --------
        >>> import numpy as np
        >>> import bnfast
        >>> frozen = bnfast.BatchNorm(2).freeze()
        >>> frozen(np.zeros((1, 2), np.float32))
        array([[0., 0.]], dtype=float32)
        """
        mean, _ = self._running()
        scale, _ = self._inference_params()
        bias = np.zeros(self.num_features) if self.bias is None else self.bias
        return Affine(mean, scale, bias, channel_axis=self.channel_axis, activation=self.activation)

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        del state["_inference"]
        state["_saved"] = None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._inference = _core.InferenceFold(self.activation).call

    def __repr__(self) -> str:
        """Return the call that makes a layer like this one."""
        return (
            f"BatchNorm({self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, track_running_stats={self.track_running_stats}, "
            f"channel_axis={self.channel_axis}"
            + (f", activation={self.activation!r})" if self.activation else ")")
        )


def _overwrites(x: Any, out: Array | None) -> bool:
    return out is not None and (out is x or np.shares_memory(np.asarray(x), out))


def _refuse(**arguments: object) -> None:
    for name, value in arguments.items():
        if value is not None:
            raise NotImplementedError(f"{name} is not supported by this version, got {value!r}")
