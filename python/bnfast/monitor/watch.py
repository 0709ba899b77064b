"""One layer under watch: takes its last batch, judges it, remembers O(C) of it."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bnfast.monitor.average import AverageWeights
from bnfast.monitor.comparison import Average, Comparison, Running, compare
from bnfast.monitor.earlier import Earlier
from bnfast.monitor.flags import LASTING, Flag, Found, Kind, of_batch, of_running
from bnfast.monitor.history import History, Recorder
from bnfast.monitor.thresholds import Thresholds
from bnfast.results import Moments

__all__ = ["Layer", "Watch"]


class Layer(Protocol):
    """What a monitor reads of a layer; `bnfast.BatchNorm` has it all."""

    num_features: int
    eps: float
    momentum: float | None
    running_var_correction: int
    running_mean: NDArray[Any] | None
    running_var: NDArray[Any] | None
    num_batches_tracked: int

    @property
    def batch_statistics(self) -> Moments | None:
        """Of the last batch in training; the same arrays until the next."""


class Watch:
    """The records and flags of one layer."""

    def __init__(self, name: str, layer: Layer, thresholds: Thresholds, capacity: int) -> None:
        self.name = name
        self._layer = layer
        self._limits = thresholds
        self._recorder = Recorder(layer.num_features, capacity)
        self._seen = layer.batch_statistics
        self._flags: dict[tuple[Kind, int], Flag] = {}
        self._last: dict[Kind, NDArray[np.int64]] = {}
        self._begin()

    def _begin(self) -> None:
        """Forget what earlier batches told, as the layer does when its running state is reset."""
        layer = self._layer
        self._tracked = layer.num_batches_tracked
        self._earlier = Earlier(layer.num_features, self._limits)
        self._lasted = {kind: np.zeros(layer.num_features, np.int64) for kind in LASTING}
        self._weights = AverageWeights()
        running = self._running()
        if self._tracked > 0:
            self._weights.advance(self._tracked, self._tracked, layer.momentum)
        elif running is not None and not (np.all(running.mean == 0) and np.all(running.var == 1)):
            self._weights = AverageWeights.of_given(layer.momentum)

    @property
    def flags(self) -> list[Flag]:
        """All flags so far, each with the last step at which the channel had it."""
        return [
            Flag(f.layer, f.channel, f.kind, f.first, int(self._last[f.kind][f.channel]), f.reason)
            for f in self._flags.values()
        ]

    def history(self) -> History:
        """Return what was recorded."""
        return self._recorder.history()

    def check(self, step: int) -> list[Flag]:
        """Judge the running statistics as they are; return the new flags."""
        running = self._running()
        if running is None:
            return []
        return self._raise(step, of_running(running, self._layer.eps))

    def has_new_batch(self) -> bool:
        """Tell whether the layer has normalized a batch since the last record."""
        batch = self._layer.batch_statistics
        return batch is not None and (self._seen is None or batch.mean is not self._seen.mean)

    def record(self, step: int) -> list[Flag]:
        """Take the layer's last batch; return the new flags."""
        self._seen = batch = self._layer.batch_statistics
        assert batch is not None
        running, limits, eps = self._running(), self._limits, self._layer.eps
        found = self._compare(batch, running)
        self._earlier.take(found, eps)
        kinds = of_batch(found, running, self._earlier, limits, eps)
        self._earlier.count_as_usual(found.var, eps)
        self._recorder.take(step, found, running)
        new = self._raise(step, {kind: self._if_lasting(kind, kinds[kind]) for kind in kinds})
        return new + self.check(step)

    def _running(self) -> Running | None:
        mean, var = self._layer.running_mean, self._layer.running_var
        return None if mean is None or var is None else Running(mean, var)

    def _compare(self, batch: Moments, running: Running | None) -> Comparison:
        layer = self._layer
        unknown = np.full(layer.num_features, np.nan)
        return compare(
            batch,
            running or Running(unknown, unknown),
            self._advance(),
            eps=layer.eps,
            correction=layer.running_var_correction,
        )

    def _advance(self) -> Average:
        """Follow the running average to the layer's last batch."""
        layer = self._layer
        if layer.num_batches_tracked < self._tracked:
            self._begin_anew()
        batches = layer.num_batches_tracked - self._tracked
        self._tracked = layer.num_batches_tracked
        if batches == 0:
            return Average(np.nan, np.nan, 1.0, 0.0)
        newest = self._weights.advance(batches, self._tracked, layer.momentum)
        with np.errstate(all="ignore"):
            before = np.float64(self._weights.squares - newest**2) / np.float64((1 - newest) ** 2)
        momentum = newest if layer.momentum is None else layer.momentum
        return Average(newest, float(before), 1 - self._weights.filled, momentum)

    def _begin_anew(self) -> None:
        self._begin()
        self._weights = AverageWeights()
        self._tracked = 0

    def _if_lasting(self, kind: Kind, found: Found) -> Found:
        if kind not in LASTING:
            return found
        lasted = self._lasted[kind]
        lasted += 1
        lasted[~found.mask] = 0
        return Found(lasted >= self._limits.patience, found.reason)

    def _raise(self, step: int, kinds: dict[Kind, Found]) -> list[Flag]:
        new = []
        for kind, found in kinds.items():
            last = self._last.setdefault(kind, np.full(found.mask.shape, -1, np.int64))
            last[found.mask] = step
            for channel in np.flatnonzero(found.mask):
                if (kind, int(channel)) not in self._flags:
                    flag = Flag(
                        self.name, int(channel), kind, step, step, found.reason(int(channel))
                    )
                    self._flags[kind, int(channel)] = flag
                    new.append(flag)
        return new
