"""The batch normalization layer."""

from __future__ import annotations

import copyreg
from contextlib import suppress
from inspect import getattr_static
from typing import Any, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bnfast import _core
from bnfast._core import Affine
from bnfast.inputs import as_array
from bnfast.layer.ghost import checked_size
from bnfast.layer.gradients import Arguments, RunningStatistics
from bnfast.layer.monitored import LastBatch, Monitored
from bnfast.layer.normalizing import Activation, Normalizing
from bnfast.layer.renorm import Renorm, checked_renorm

__all__ = ["BatchNorm"]

Array = NDArray[Any]

# What lies in the compiled part of a layer.
_SLOTS = {name: vars(_core.LayerCall)[name] for name in _core.LayerCall.__slots__}


class BatchNorm(_core.LayerCall, Normalizing, Monitored):
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
    running_var_correction : int
        1: the running variance takes the unbiased batch variance, PyTorch's rule; 0: the
        population's, Keras's.
    virtual_batch_size : int, optional
        Ghost batch norm [2]_: in training each group of so many samples, in order along the first
        axis, is normalized by its own statistics, and the running statistics follow the groups one
        by one, as if each were a batch (`num_batches_tracked` counts them). The last group holds
        what is left; a single value per channel joins the group before it.
    renorm : bool or Renorm, optional
        Batch renormalization [3]_: training is corrected towards the running statistics, within
        bounds. True: those of ``Renorm()``. Its r and d are constants to `backward`.

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
    virtual_batch_size : int or None
    renorm : Renorm or None
        May be set, as by a schedule.

    References
    ----------
    .. [1] S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by
       Reducing Internal Covariate Shift", ICML 2015.
    .. [2] E. Hoffer, I. Hubara and D. Soudry, "Train longer, generalize better: closing the
       generalization gap in large batch training of neural networks", NeurIPS 2017.
    .. [3] S. Ioffe, "Batch Renormalization: Towards Reducing Minibatch Dependence in
       Batch-Normalized Models", NeurIPS 2017.

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
        virtual_batch_size: int | None = None,
        renorm: bool | Renorm | None = None,
    ) -> None:
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
        self.virtual_batch_size = checked_size(virtual_batch_size)
        self.renorm = renorm
        self.training = True
        self.weight = None
        self.bias = None
        self.running_mean = None
        self.running_var = None
        self.num_batches_tracked = 0
        self.weight_grad: Array | None = None
        self.bias_grad: Array | None = None
        self.residual_grad: Array | None = None
        self._activation = _core.checked_activation(activation)
        self._saved = None
        self._last_batch: LastBatch | None = None
        self.reset_parameters()

    @property
    def activation(self) -> Activation | None:
        """The name of what is applied to each value of the result."""
        return self._activation

    @property
    def renorm(self) -> Renorm | None:
        """The bounds of batch renormalization; None: there is none."""
        return self._renorm

    @renorm.setter
    def renorm(self, renorm: bool | Renorm | None) -> None:
        bounds = checked_renorm(renorm)
        if bounds is not None and not self.track_running_stats:
            raise ValueError("renorm needs running statistics: track_running_stats must be True")
        self._renorm = bounds

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

    def _batch(self, x: Any, residual: Any, out: Array | None, *, training: bool) -> Array:
        if training:
            y, normalized = self._train(x, residual, out)
        else:
            y, normalized = self._by_own(x, residual, out, learns=False)
        self._saved = (x, residual, out, normalized)
        return y

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
        normalized = self._by_running() if saved[3] is None else saved[3]
        gradients = normalized.gradients(
            Arguments(
                dy,
                x,
                residual,
                out,
                self.weight,
                self.bias,
                self.affine,
                self.channel_axis,
                self.activation,
            )
        )
        if gradients.dweight is not None and gradients.dbias is not None:
            self.weight_grad = gradients.dweight.astype(self.dtype)
            self.bias_grad = gradients.dbias.astype(self.dtype)
        self.residual_grad = gradients.dresidual
        return cast(Array, gradients.dx)

    def _by_running(self) -> RunningStatistics:
        mean, var = self._running()
        return RunningStatistics(mean, _core.inference_params(mean, var, eps=self.eps)[0])

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
        mean, var = self._running()
        scale, _ = _core.inference_params(mean, var, self.weight, self.bias, self.eps)
        bias = np.zeros(self.num_features) if self.bias is None else self.bias
        return Affine(mean, scale, bias, channel_axis=self.channel_axis, activation=self.activation)

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what pickle needs, by every protocol: those below 2 refuse compiled bases."""
        # Python's own way of making an object without its __init__, which typeshed leaves out.
        return copyreg.__newobj__, (type(self),), self.__getstate__()  # type: ignore[attr-defined]

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        for name, slot in _SLOTS.items():
            with suppress(AttributeError):  # it is not set
                state[name] = slot.__get__(self)
        return {**state, "_saved": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            if name in _SLOTS and hasattr(getattr_static(type(self), name), "__set__"):
                _SLOTS[name].__set__(self, value)
            else:  # also where a class has a plain attribute of that name
                self.__dict__[name] = value

    def __repr__(self) -> str:
        """Return the call that makes a layer like this one."""
        given = [
            f", {name}={value!r}"
            for name, (value, default) in self._options().items()
            if value != default
        ]
        return (
            f"{type(self).__name__}({self.num_features}, eps={self.eps}, "
            f"momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}, "
            f"channel_axis={self.channel_axis}{''.join(given)})"
        )

    def _options(self) -> dict[str, tuple[Any, Any]]:
        """Return the other options of that call, each with its default."""
        return {
            "dtype": (self.dtype.name, "float32"),
            "activation": (self.activation, None),
            "running_var_correction": (self.running_var_correction, 1),
            "virtual_batch_size": (self.virtual_batch_size, None),
            "renorm": (self.renorm, None),
        }


def _overwrites(x: Any, out: Array | None) -> bool:
    return out is not None and (out is x or np.shares_memory(as_array(x, "x"), out))
