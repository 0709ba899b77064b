"""What a layer tells of its batches, and to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from bnfast.results import Moments

if TYPE_CHECKING:
    from bnfast.layer import BatchNorm
    from bnfast.monitor import Monitor, Thresholds

__all__ = ["LastBatch", "Monitored"]

# Mean, 1/sqrt(var + eps) and count per channel.
LastBatch = tuple[NDArray[np.float64], NDArray[np.float64], int]


class Monitored:
    """The statistics of a layer's last batch, and its monitor."""

    eps: float
    _last_batch: LastBatch | None

    @property
    def batch_statistics(self) -> Moments | None:
        """Mean, population variance and count of the last batch that was normalized by its own.

        None before the first. Nothing is read again: ``var = 1/invstd**2 - eps`` of what the call
        has computed, which cannot tell variances of less than ``eps * 2**-50`` from 0: they are 0.
        """
        if self._last_batch is None:
            return None
        mean, invstd, count = self._last_batch
        with np.errstate(divide="ignore", over="ignore"):
            var = np.square(1 / invstd) - self.eps
        var[var < self.eps * 2**-50] = 0
        return Moments(mean, var, count)

    def monitor(
        self, name: str = "bn", *, thresholds: Thresholds | None = None, capacity: int = 128
    ) -> Monitor:
        """Return a monitor of this layer alone; its `record` is to be called after each step.

        Parameters
        ----------
        name : str
            What tables and plots call the layer.
        thresholds : bnfast.monitor.Thresholds, optional
            When flags are raised.
        capacity : int
            The most records that are kept.

        Returns
        -------
        bnfast.monitor.Monitor

        Examples
        --------
        >>> import numpy as np
        >>> import bnfast
        >>> bn = bnfast.BatchNorm(2)
        >>> monitor = bn.monitor("bn1")
        >>> y = bn(np.array([[1, 2], [3, np.nan]], np.float32))
        >>> [flag.kind for flag in monitor.record()]
        ['nonfinite']
        """
        from bnfast.monitor import Monitor

        return Monitor({name: cast("BatchNorm", self)}, thresholds=thresholds, capacity=capacity)
