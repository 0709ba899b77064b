"""Batch norm whose batch lies on several ranks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

import bnfast
from bnfast import BatchNorm, ChannelStats
from bnfast._core import check_correction
from bnfast.inputs import as_array
from bnfast.layer.normalizing import Activation
from bnfast.mpi.exchange import (
    TIMEOUT,
    Call,
    Float64s,
    agree,
    checked,
    checked_timeout,
    share,
)
from bnfast.results import Moments

__all__ = ["SyncBatchNorm"]

T = TypeVar("T")
Array = NDArray[Any]


class _Forward(NamedTuple):
    """What a backward needs of the training forward before it: the batch's are of all ranks."""

    x: Array
    residual: Array | None
    out: Array | None
    mean: Float64s
    invstd: Float64s
    values: int

    def is_lost(self, array: Array | None) -> bool:
        """Return whether the result was written over the array."""
        if self.out is None or array is None:
            return False
        return self.out is array or np.shares_memory(array, self.out)


class SyncBatchNorm(BatchNorm):
    """`bnfast.BatchNorm` over a batch that lies on the ranks of an MPI communicator.

    In training every rank calls the layer, and then `backward`, with its part of the batch: parts
    may differ in length, and be empty (shape ``(0, C, ...)``). Statistics, outputs and gradients
    are those of one process with the whole batch. Inference does not communicate.

    Parameters
    ----------
    num_features, eps, momentum, affine, track_running_stats
        As of `bnfast.BatchNorm`; the same on every rank.
    comm : mpi4py.MPI.Intracomm, optional
        Default: ``MPI.COMM_WORLD``.
    timeout : float or None
        Seconds that a call waits for the other ranks. None: for ever.
    channel_axis, dtype, activation, running_var_correction
        As of `bnfast.BatchNorm`; the same on every rank.

    Attributes
    ----------
    weight_grad, bias_grad : numpy.ndarray of shape (C,), or None
        Set by `backward`: the sums over all ranks, the same on each. Do not add them up again over
        the ranks, as with PyTorch's layer, whose gradients are each rank's own.
    comm, timeout
        As given.

    Notes
    -----
    Ranks exchange statistics and sums in rank order, so that running statistics and gradients of
    parameters have the same bits on all ranks and in all runs; those of a single process differ
    from them by rounding.

    A call returns on all ranks or raises on all ranks, with nothing changed but `out`. A rank whose
    own work fails raises its own error, the others a RuntimeError that names it. A rank that is
    killed ends the job, by ``mpiexec``. One that raises elsewhere, hangs or leaves early is a
    TimeoutError on those that wait, `timeout` seconds later; ``python -m mpi4py program.py`` ends
    the job at once where a rank leaves by an exception. After a TimeoutError the communicator can't
    be used, and the job is aborted when the interpreter exits if the rank is still missing, for MPI
    would wait for it.

    With an activation or a residual `backward` takes a pass over memory more than that of
    `bnfast.BatchNorm`.

    Without running statistics, inference normalizes by the rank's own batch, as in PyTorch.

    Where several ranks share a machine, let them share its cores: ``mpiexec --bind-to core``, or
    ``BNFAST_NUM_THREADS``.

    References
    ----------
    .. [1] S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by
       Reducing Internal Covariate Shift", ICML 2015, section 3: the gradients.
    .. [2] T. F. Chan, G. H. Golub and R. J. LeVeque, "Updating Formulae and a Pairwise Algorithm
       for Computing Sample Variances", COMPSTAT 1982: the merge.

    Examples
    --------
    Run it as ``mpiexec -n 4 python -m mpi4py program.py``; this example is a job of one rank.

    >>> import numpy as np
    >>> from bnfast.mpi import SyncBatchNorm
    >>> bn = SyncBatchNorm(3)
    >>> x = np.random.default_rng(0).normal(5, 2, size=(8, 3, 4, 4))
    >>> y = bn(x)
    >>> bool(abs(y.mean()) < 1e-12), bn.num_batches_tracked
    (True, 1)
    >>> bn.backward(np.ones_like(y)).shape, bn.bias_grad
    ((8, 3, 4, 4), array([128., 128., 128.], dtype=float32))
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        comm: Any = None,
        timeout: float | None = TIMEOUT,
        channel_axis: int = 1,
        dtype: DTypeLike = np.float32,
        activation: Activation | None = None,
        running_var_correction: int = 1,
    ) -> None:
        super().__init__(
            num_features,
            eps,
            momentum,
            affine,
            track_running_stats,
            channel_axis=channel_axis,
            dtype=dtype,
            activation=activation,
            running_var_correction=running_var_correction,
        )
        self.comm = checked(comm)
        self.timeout = checked_timeout(timeout)
        self._forward: _Forward | None = None

    def __call__(
        self,
        x: Any,
        *,
        training: bool | None = None,
        residual: Any = None,
        out: Array | None = None,
    ) -> Array:
        """Normalize this rank's part of the batch.

        Parameters
        ----------
        x : array, float16, bfloat16, float32 or float64
            Any shape whose channel axis has length `num_features`; without values, too.
        training : bool, optional
            Default: the attribute `training`. The same on every rank.
        residual : array, optional
            Of x's shape and dtype: added before the activation.
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
            A wrong shape, a read-only or overlapping `out`, or in training one value per channel
            over all ranks, or no more of them than `running_var_correction`.
        RuntimeError
            Another rank has failed or is at another call, or a call on `comm` has timed out before.
        TimeoutError
            A rank did not come.

        Notes
        -----
        The layer keeps references to `x` and `residual` for `backward` until the next call.
        """
        if not (self.training if training is None else training):
            y = super().__call__(x, training=False, residual=residual, out=out)
            self._forward = None
            return y
        x, stats = self._of_all_ranks(x)
        mean, var, values = stats.mean, stats.var(), _values_of(stats)
        if values == 1:
            raise ValueError(
                "Expected more than 1 value per channel when training, got input size "
                f"{x.shape} and no more on {self.comm.size} ranks"
            )

        def own() -> Array:
            if self.track_running_stats:
                check_correction(self.running_var_correction, values)
            return self._map(x, mean, var, self.weight, self.bias, residual, out)

        y = self._agree(Call.END_OF_FORWARD, own)
        if self.track_running_stats:
            self._learn(Moments(mean, var, values))
        with np.errstate(all="ignore"):
            invstd = 1 / np.sqrt(var + self.eps)
        self._saved = None  # what is set after this is a call's that knows no other ranks
        self._last_batch = (mean, invstd, values)
        added = None if residual is None else as_array(residual, "residual")
        self._forward = _Forward(x, added, out, mean, invstd, values)
        return y

    def _of_all_ranks(self, x: Any) -> tuple[Array, ChannelStats]:
        """Return this rank's part as an array, and the statistics of all parts."""

        def own() -> tuple[Array, Float64s]:
            if self.renorm is not None or self.virtual_batch_size is not None:
                raise ValueError(
                    "renorm and virtual_batch_size must be None: the ranks' batch is normalized as "
                    f"one, got {self.renorm} and {self.virtual_batch_size}"
                )
            array = as_array(x, "x")
            stats = ChannelStats(self.num_features, channel_axis=self.channel_axis)
            return array, stats.update(array).pack()

        part, packed = share(self.comm, Call.FORWARD, self.timeout, own)
        return part, ChannelStats.merged(ChannelStats.unpack(each) for each in packed)

    def _agree(self, call: Call, work: Callable[[], T]) -> T:
        return agree(self.comm, call, self.timeout, work)

    def _learn(self, batch: Moments) -> None:
        if batch.count:
            self._follow(batch)
        else:
            self.num_batches_tracked += 1

    def backward(self, dy: Any, *, out: Array | None = None) -> Array:
        """Compute the gradients of the last call, in training those of all ranks' batch.

        Sets `weight_grad`, `bias_grad` and `residual_grad` (not accumulated). After inference the
        running statistics count as constants, and the rank's gradients are its own.

        Parameters
        ----------
        dy : array
            Gradient of the loss, that of all ranks, for this rank's output: the input's shape and
            dtype.
        out : numpy.ndarray, optional
            Where to write the result. May be `dy` itself.

        Returns
        -------
        numpy.ndarray
            Gradient for this rank's input.

        Raises
        ------
        TypeError
            An argument of the wrong type or dtype.
        ValueError
            A wrong shape, a read-only or overlapping `out`.
        RuntimeError
            There was no call yet, or it has overwritten its input, or the residual that an
            activation's slope depends on; another rank has failed or is at another call, or a call
            on `comm` has timed out before.
        TimeoutError
            A rank did not come.
        """
        forward = self._forward
        if forward is None or self._saved is not None:
            return super().backward(dy, out=out)
        through, of_ranks = share(
            self.comm, Call.BACKWARD, self.timeout, lambda: self._own_sums(forward, dy)
        )
        sum_dy, sum_dy_xmu = np.split(sum(of_ranks, np.zeros(2 * self.num_features)), 2)
        dx = self._agree(
            Call.END_OF_BACKWARD, lambda: self._dx(forward, through, sum_dy, sum_dy_xmu, out)
        )
        if self.affine:
            with np.errstate(all="ignore"):
                self.weight_grad = (sum_dy_xmu * forward.invstd).astype(self.dtype)
            self.bias_grad = sum_dy.astype(self.dtype)
        self.residual_grad = None if forward.residual is None else through
        return dx

    def _own_sums(self, forward: _Forward, dy: Any) -> tuple[Any, Float64s]:
        """Return the gradient for what comes before activation and residual, and its sums."""
        if forward.is_lost(forward.x):
            raise RuntimeError("backward needs the input, which the forward call has overwritten")
        if self.activation and forward.is_lost(forward.residual):
            raise RuntimeError(
                "backward needs the residual, which the forward call has overwritten"
            )
        through = self._through_activation(forward, dy)
        sums = bnfast.batch_norm_backward_reduce(
            through, forward.x, forward.mean, forward.invstd, channel_axis=self.channel_axis
        )
        return through, np.concatenate(sums)

    def _through_activation(self, forward: _Forward, dy: Any) -> Any:
        x, residual = forward.x, forward.residual
        if self.activation is None and residual is None:
            return dy
        # What an activation gives back goes to its residual: one of zeros changes nothing else.
        return bnfast.batch_norm_backward(
            dy,
            x,
            forward.mean,
            forward.invstd,
            self.weight,
            self.bias,
            channel_axis=self.channel_axis,
            activation=self.activation,
            residual=np.zeros_like(x) if residual is None else residual,
            output_mask=(False, False, False),
        ).dresidual

    def _dx(
        self,
        forward: _Forward,
        through: Any,
        sum_dy: Float64s,
        sum_dy_xmu: Float64s,
        out: Array | None,
    ) -> Array:
        return bnfast.batch_norm_backward_elemt(
            through,
            forward.x,
            forward.mean,
            forward.invstd,
            self.weight,
            sum_dy,
            sum_dy_xmu,
            max(forward.values, 1),
            channel_axis=self.channel_axis,
            out=out,
        )

    def _options(self) -> dict[str, tuple[Any, Any]]:
        own = {"comm": (self.comm, checked(None)), "timeout": (self.timeout, TIMEOUT)}
        return own | super()._options()

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_forward": None}


def _values_of(stats: ChannelStats) -> int:
    """Return the values per channel, which all channels have alike."""
    return int(np.max(stats.count, initial=0))
