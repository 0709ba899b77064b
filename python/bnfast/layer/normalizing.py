"""The ways in which a layer normalizes by statistics of the batch at hand."""

from __future__ import annotations

import math
from typing import Any, Literal

from numpy.typing import NDArray

from bnfast import _core
from bnfast.layer.adaptation import Blend, adapted, check_blend, check_prior
from bnfast.layer.ghost import Groups, groups, refuse_first_axis
from bnfast.layer.gradients import BatchStatistics, Differentiable
from bnfast.layer.monitored import LastBatch
from bnfast.layer.renorm import Renorm, renormalized
from bnfast.layer.running import Running
from bnfast.results import Moments

__all__ = ["Activation", "Normalizing", "Saved"]

Array = NDArray[Any]
Activation = Literal["relu", "relu6", "leaky_relu", "hardswish", "silu"]

# Those of `_core.batch_norm_train`.
_Arguments = tuple[
    Any,
    "Array | None",
    "Array | None",
    "Array | None",
    "Array | None",
    int,
    float,
    float,
    int,
    int,
    "Activation | None",
    Any,
    "Array | None",
]

# The result, and what its backward goes by.
_Normalized = tuple[Array, Differentiable]

# What a backward needs of the forward before it: x, residual and out as given, and how x was
# normalized, or None after inference. A plain tuple: inference makes one for every call.
Saved = tuple[Any, Any, "Array | None", "Differentiable | None"]


class Normalizing(Running):
    """Training, plain, in groups and renormalized, and adaptation, for a layer to inherit."""

    channel_axis: int
    virtual_batch_size: int | None
    _activation: Activation | None
    _renorm: Renorm | None
    _saved: Saved | None
    _last_batch: LastBatch | None

    def adapt(
        self,
        x: Any,
        prior: float,
        *,
        blend: Blend = "linear",
        residual: Any = None,
        out: Array | None = None,
    ) -> Array:
        """Normalize `x` at test time by a blend of its own statistics and the running ones [1]_.

        For inputs from another distribution than the training's. With n samples in `x`,
        ``a = prior/(prior + n)`` and population variances::

            mean = a*running_mean + (1 - a)*x_mean
            var  = a*running_var  + (1 - a)*x_var                                       linear
                   a*running_var  + (1 - a)*x_var + a*(1 - a)*(x_mean - running_mean)**2  pooled

        The layer's statistics stay: each call adapts to its own `x`. `backward` after it is exact:
        the batch's share of the statistics changes with `x`.

        Parameters
        ----------
        x : array, float16, bfloat16, float32 or float64
            Samples along the first axis; the channel axis, another, has length `num_features`.
        prior : float
            The samples that the running statistics count for. 0: the batch's statistics alone, as
            in training; ``inf``: the running ones alone, as in inference.
        blend : {"linear", "pooled"}
            "linear" averages means and variances apart, as in [1]_; "pooled" takes mean and
            variance of both populations put together [2]_.
        residual, out
            As in a call of the layer.

        Returns
        -------
        numpy.ndarray
            `out`, or a new array of x's shape and dtype.

        Raises
        ------
        RuntimeError
            The layer has no running statistics.
        TypeError, ValueError
            As a call of the layer; a negative `prior`; one value per channel with `prior` 0.
            Nothing has been written then.

        References
        ----------
        .. [1] S. Schneider, E. Rusak, L. Eck, O. Bringmann, W. Brendel and M. Bethge, "Improving
           robustness against common corruptions by covariate shift adaptation", NeurIPS 2020.
        .. [2] T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for Computing the Sample
           Variance", The American Statistician 37 (1983).

        Examples
        --------
        >>> import numpy as np, bnfast
        >>> bn = bnfast.BatchNorm(1, eps=0.0).eval()
        >>> x = np.array([[4.0], [6.0]], np.float32)
        >>> bn.adapt(x, prior=2)  # mean (0 + 5)/2, variance (1 + 1)/2
        array([[1.5],
               [3.5]], dtype=float32)
        """
        check_prior(prior)
        check_blend(blend)
        mean, var = self._running()
        x, residual, y = self._checked(x, residual, out, training=prior == 0, learns=False)
        mean = self._checked_channels(mean, "running_mean")
        var = self._checked_channels(var, "running_var")
        refuse_first_axis(self.channel_axis, x.ndim, "prior counts samples")
        share = 0.0 if math.isinf(prior) or x.size == 0 else len(x) / (len(x) + float(prior))
        if share == 0:
            batch = Moments(mean, var, 1)
        else:
            batch = _core.moments(x, channel_axis=self.channel_axis)
        normalized = adapted(batch, mean, var, share, blend, self.eps)
        self._map(x, normalized.mean, normalized.var, self.weight, self.bias, residual, y)
        self._saved = (x, residual, out, normalized)
        return y

    def _train(self, x: Any, residual: Any, out: Array | None) -> _Normalized:
        if self.virtual_batch_size is not None:
            return self._by_groups(x, residual, out, self.virtual_batch_size)
        return self._train_whole(x, residual, out)

    def _train_whole(self, x: Any, residual: Any, out: Array | None) -> _Normalized:
        if self._renorm is not None:
            return self._by_renorm(x, residual, out, self._renorm)
        return self._by_own(x, residual, out, learns=self.track_running_stats)

    def _by_own(self, x: Any, residual: Any, out: Array | None, *, learns: bool) -> _Normalized:
        arguments = self._arguments(x, residual, out, learns=learns)
        y, mean, invstd, count = _core.batch_norm_train(*arguments)
        if learns:
            self.num_batches_tracked += 1
        self._last_batch = (mean, invstd, count)
        return y, BatchStatistics(mean, invstd)

    def _by_groups(self, x: Any, residual: Any, out: Array | None, size: int) -> _Normalized:
        x, residual, y = self._checked(x, residual, out)
        rows = groups(x.shape, size, self.channel_axis)
        parts = [(x[r], None if residual is None else residual[r], y[r]) for r in rows]
        for part in parts:
            self._checked(*part)
        done = [self._train_whole(*part)[1] for part in parts]
        return y, Groups(list(zip(rows, done, strict=True)))

    def _by_renorm(self, x: Any, residual: Any, out: Array | None, bounds: Renorm) -> _Normalized:
        x, residual, y = self._checked(x, residual, out)
        if x.size == 0:  # nothing to correct
            return self._by_own(x, residual, y, learns=True)
        batch = _core.moments(x, channel_axis=self.channel_axis)
        how = renormalized(bounds, batch, *self._running(), self.eps)
        self._map(x, batch.mean, batch.var, *how.parameters(self.weight, self.bias), residual, y)
        self._follow(batch)
        self._last_batch = (how.mean, how.invstd, batch.count)
        return y, how

    def _map(
        self,
        x: Array,
        mean: Array,
        var: Array,
        weight: Array | None,
        bias: Array | None,
        residual: Array | None,
        out: Array | None,
    ) -> Array:
        return _core.batch_norm(
            x,
            mean,
            var,
            weight,
            bias,
            eps=self.eps,
            channel_axis=self.channel_axis,
            activation=self._activation,
            residual=residual,
            out=out,
        )

    def _checked(
        self,
        x: Any,
        residual: Any,
        out: Array | None,
        *,
        training: bool = True,
        learns: bool = True,
    ) -> tuple[Array, Array | None, Array]:
        """Return the arrays of a call, `out` made where it is None, after all that they must be."""
        learns = learns and self.track_running_stats
        arguments = self._arguments(x, residual, out, learns=learns)
        return _core.checked_batch(*arguments, training=training)

    def _arguments(self, x: Any, residual: Any, out: Array | None, *, learns: bool) -> _Arguments:
        return (
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
            self._activation,
            residual,
            out,
        )
