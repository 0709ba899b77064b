"""A layer's running statistics: how they begin, follow the batches, and are replaced."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bnfast.layer.state import Stateful
from bnfast.results import Moments

__all__ = ["Running", "Statistics"]

Array = NDArray[Any]


class Statistics(Protocol):
    """What `BatchNorm.update_from` reads, such as a `ChannelStats`."""

    @property
    def count(self) -> Any:
        """Values per channel: one number, or an array of shape (C,)."""

    @property
    def mean(self) -> Any:
        """Means, of shape (C,)."""

    def var(self, correction: int = 0) -> Any:
        """Return the variances, of shape (C,), divided by ``count - correction``."""


class Running(Stateful):
    """Running statistics, for a layer to inherit."""

    num_features: int
    eps: float
    momentum: float | None
    running_var_correction: int
    dtype: np.dtype[Any]

    def reset_running_stats(self) -> None:
        """Set the running mean to 0, the running variance to 1 and the count of batches to 0."""
        self.num_batches_tracked = 0
        if self.track_running_stats:
            self.running_mean = np.zeros(self.num_features, self.dtype)
            self.running_var = np.ones(self.num_features, self.dtype)

    def update_from(self, stats: Statistics) -> None:
        """Replace the running statistics by those of the whole data: precise batch norm [1]_.

        Training's moving averages lag behind the weights and know the last batches best. Statistics
        of this layer's input, collected over the data with the final weights, have neither fault.

        Parameters
        ----------
        stats : ChannelStats, or another object with count, mean and var(correction)
            Of C channels. The running variance becomes ``stats.var(running_var_correction)``.
            `num_batches_tracked`, which counts batches of training, stays.

        Raises
        ------
        RuntimeError
            The layer has no running statistics.
        TypeError
            `stats` lacks one of these members.
        ValueError
            It has another number of channels, or too few values. Nothing has been changed then.

        References
        ----------
        .. [1] Y. Wu and J. Johnson, "Rethinking 'Batch' in BatchNorm", arXiv:2105.07576 (2021),
           section 3.

        Examples
        --------
        >>> import numpy as np, bnfast
        >>> class Whole:
        ...     count, mean = 1000, np.array([3.0, 5.0])
        ...     def var(self, correction=0):
        ...         return np.array([4.0, 9.0]) * self.count / (self.count - correction)
        >>> bn = bnfast.BatchNorm(2, running_var_correction=0)
        >>> bn.update_from(Whole())
        >>> bn.running_mean, bn.running_var
        (array([3., 5.], dtype=float32), array([4., 9.], dtype=float32))
        """
        running_mean, running_var = self._running()
        if not hasattr(stats, "count") or not callable(getattr(stats, "var", None)):
            raise TypeError(
                "stats must have count, mean and var(correction), as ChannelStats has, got "
                + type(stats).__name__
            )
        least = np.min(np.asarray(stats.count, np.float64), initial=np.inf)
        if least <= self.running_var_correction:
            raise ValueError(
                f"stats must have more than {self.running_var_correction} values per channel "
                f"(running_var_correction), got {least:g}"
            )
        mean = self._checked_channels(stats.mean, "stats.mean")
        var = self._checked_channels(stats.var(self.running_var_correction), "stats.var()")
        running_mean[...] = mean
        running_var[...] = var

    def _checked_channels(self, values: Any, name: str) -> Array:
        array = np.asarray(values, np.float64)
        if array.shape != (self.num_features,):
            raise ValueError(f"{name} must have shape ({self.num_features},), got {array.shape}")
        return array

    def _running(self) -> tuple[Array, Array]:
        if self.running_mean is None or self.running_var is None:
            raise RuntimeError("this layer has no running statistics (track_running_stats=False)")
        return self.running_mean, self.running_var

    def _momentum_of_next_batch(self) -> float:
        if self.momentum is None:
            return 1.0 / (self.num_batches_tracked + 1)
        return self.momentum

    def _follow(self, batch: Moments) -> None:
        """Let the running statistics follow a batch of these moments (population variance)."""
        running_mean, running_var = self._running()
        momentum = self._momentum_of_next_batch()
        var = batch.var * (batch.count / (batch.count - self.running_var_correction))
        with np.errstate(over="ignore", invalid="ignore"):  # infinite or NaN, as in the core
            for running, value in ((running_mean, batch.mean), (running_var, var)):
                running[...] = (1 - momentum) * running.astype(np.float64) + momentum * value
        self.num_batches_tracked += 1
