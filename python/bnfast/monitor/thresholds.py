"""When a flag is raised."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

__all__ = ["Thresholds"]


@dataclass(frozen=True)
class Thresholds:
    """The numbers that decide on flags; the formulas are in `bnfast.monitor.flags`.

    Parameters
    ----------
    patience : int
        Records in a row for which a channel must look dead, stalled or cancelling. Also the number
        of first records whose geometric mean is the channel's usual standard deviation; there is
        none before.
    dead_of_eps : float
        Dead: a variance of at most this share of eps, of which the output hardly tells.
    dead_of_usual : float
        Dead: a variance of at most this share of both the running and the usual variance.
    exploding : float
        A standard deviation of more than this multiple of the usual one.
    drift_kl : float
        Drifting: the least KL divergence, in nats, of the smoothed batch statistics from the
        running ones. 0.125 is half a standard deviation between the means.
    drift_errors : float
        Drifting: the least smoothed difference, in its own standard errors.
    smoothing : float
        Weight of the newest record in smoothed differences, above 0 and below 1.
    stalled_offset : float
        Stalled: the least smoothed difference, in standard deviations (relative, of variances),
        that the running average's dtype keeps it from following.
    cancelling : float
        A mean of at least this multiple of the standard deviation: float32 values lose
        ``log10(mean/std)`` of their 7 digits once the mean is taken off.

    Raises
    ------
    ValueError
        A number out of its range.

    Examples
    --------
    >>> from bnfast.monitor import Thresholds
    >>> Thresholds(exploding=30).exploding
    30
    """

    patience: int = 10
    dead_of_eps: float = 1e-4
    dead_of_usual: float = 1e-6
    exploding: float = 100.0
    drift_kl: float = 0.125
    drift_errors: float = 6.0
    smoothing: float = 0.05
    stalled_offset: float = 0.1
    cancelling: float = 1e4

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{field.name} must be positive and finite, got {value!r}")
        if self.smoothing >= 1:
            raise ValueError(f"smoothing must be below 1, got {self.smoothing!r}")
