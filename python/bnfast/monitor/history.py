"""A layer's records over time, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnfast.monitor.comparison import Comparison, Running

__all__ = ["FIELDS", "History", "Recorder"]

FIELDS = ("mean", "std", "running_mean", "running_std", "drift_mean", "drift_var", "kl")


@dataclass(frozen=True)
class History:
    """What was recorded of one layer: T records of C channels.

    Attributes
    ----------
    step : numpy.ndarray of shape (T,), int64
    mean, std : numpy.ndarray of shape (T, C), float32
        Of the batch; std with the correction that the running variance has.
    running_mean, running_std : numpy.ndarray of shape (T, C), float32
        After the batch. NaN for a layer without them, and for the root of a negative variance.
    drift_mean, drift_var : numpy.ndarray of shape (T, C), float32
        Batch less the average of the batches before, in standard errors. NaN for the first batch.
    kl : numpy.ndarray of shape (T, C), float32
        Divergence in nats of N(batch) from N(running).
    """

    step: NDArray[np.int64]
    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    running_mean: NDArray[np.float32]
    running_std: NDArray[np.float32]
    drift_mean: NDArray[np.float32]
    drift_var: NDArray[np.float32]
    kl: NDArray[np.float32]

    @property
    def ratio(self) -> NDArray[np.float32]:
        """``abs(mean)/std``, shape (T, C); 0 where the mean is 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.mean == 0, np.float32(0), np.abs(self.mean) / self.std)


class Recorder:
    """Keeps at most `capacity` records: when full, every second one is dropped.

    From then on it takes only every second of the records it is given, then every fourth, and so
    on. The newest is kept as well.
    """

    def __init__(self, channels: int, capacity: int) -> None:
        self._channels = channels
        self._capacity = capacity
        self._stride = 1
        self._given = 0
        self._kept: list[tuple[int, NDArray[np.float32]]] = []
        self._newest: tuple[int, NDArray[np.float32]] | None = None

    def take(self, step: int, found: Comparison, running: Running | None) -> None:
        """Store a record in float32."""
        self._newest = (step, _row(found, running))
        if self._given % self._stride == 0:
            self._keep(self._newest)
        self._given += 1

    def _keep(self, record: tuple[int, NDArray[np.float32]]) -> None:
        if len(self._kept) == self._capacity:
            del self._kept[1::2]
            self._stride *= 2
        if self._given % self._stride == 0:
            self._kept.append(record)

    def history(self) -> History:
        """Return what is kept, as arrays of their own."""
        records = list(self._kept)
        if self._newest is not None and records[-1][0] != self._newest[0]:
            records.append(self._newest)
        steps = np.array([step for step, _ in records], np.int64)
        rows = np.zeros((len(records), len(FIELDS), self._channels), np.float32)
        for at, (_, row) in enumerate(records):
            rows[at] = row
        return History(steps, *rows.transpose(1, 0, 2).copy())


def _row(found: Comparison, running: Running | None) -> NDArray[np.float32]:
    nothing = np.full_like(found.mean, np.nan)
    with np.errstate(invalid="ignore", over="ignore"):
        row = (
            found.mean,
            np.sqrt(found.var),
            nothing if running is None else running.mean,
            nothing if running is None else np.sqrt(running.var),
            found.of_mean.in_errors,
            found.of_var.in_errors,
            found.kl,
        )
        return np.array(row, np.float32)
