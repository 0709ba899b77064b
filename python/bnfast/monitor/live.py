"""The monitor that a training loop calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

from bnfast.monitor.flags import Flag
from bnfast.monitor.report import LayerReport, Report
from bnfast.monitor.thresholds import Thresholds
from bnfast.monitor.watch import Layer, Watch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Monitor"]


class Monitor:
    """The history of layers' batches against their running statistics, and flags.

    Parameters
    ----------
    layers : mapping of str to BatchNorm, or sequence of BatchNorm
        The layers by name; those of a sequence are named "0", "1" and so on.
    thresholds : Thresholds, optional
        When flags are raised.
    capacity : int
        The most records kept of a layer, at least 2: at 28 bytes per channel each. When full, every
        second is dropped, and every second only is kept from then on. Flags see all of them.

    Raises
    ------
    TypeError
        Something among `layers` is not a layer.
    ValueError
        No layers, or a capacity below 2.

    Examples
    --------
    >>> import numpy as np
    >>> import bnfast
    >>> from bnfast.monitor import Monitor
    >>> bn1, bn2 = bnfast.BatchNorm(3), bnfast.BatchNorm(3)
    >>> monitor = Monitor({"bn1": bn1, "bn2": bn2})
    >>> rng = np.random.default_rng(0)
    >>> for step in range(20):
    ...     x = rng.standard_normal((16, 3, 4, 4), dtype=np.float32)
    ...     x[:, 1] = 5
    ...     y = bn2(np.maximum(bn1(x), 0))
    ...     for flag in monitor.record():
    ...         print(flag)
    bn1[1] dead (step 9): variance 0 is nothing beside eps 1e-05
    bn2[1] dead (step 9): variance 0 is nothing beside eps 1e-05
    """

    def __init__(
        self,
        layers: Mapping[str, Layer] | Iterable[Layer],
        *,
        thresholds: Thresholds | None = None,
        capacity: int = 128,
    ) -> None:
        if capacity < 2:
            raise ValueError(f"capacity must be at least 2, got {capacity}")
        named = _named(layers)
        self.thresholds = Thresholds() if thresholds is None else thresholds
        self._watches = [Watch(name, named[name], self.thresholds, capacity) for name in named]
        self._step = -1
        self.check()

    def record(self, step: int | None = None) -> list[Flag]:
        """Take in the last training batch of every layer that has seen one since the last record.

        Parameters
        ----------
        step : int, optional
            What the record is called in tables and plots: greater than the last. Default: one more
            than the last, from 0.

        Returns
        -------
        list of Flag
            Those that no record before has raised, gravest first within a layer.

        Raises
        ------
        RuntimeError
            No layer has had a batch in training since the last record.
        ValueError
            `step` is not greater than the last.
        """
        if step is None:
            step = self._step + 1
        if step <= self._step:
            raise ValueError(f"step must be greater than the last, {self._step}, got {step}")
        fresh = [watch for watch in self._watches if watch.has_new_batch()]
        if not fresh:
            raise RuntimeError("record needs a call of a layer in training since the last record")
        self._step = step
        return [flag for watch in fresh for flag in watch.record(step)]

    def check(self) -> list[Flag]:
        """Judge the running statistics as they are, as after `load_state_dict`.

        Returns
        -------
        list of Flag
            New ones, of the kinds "nonfinite" and "negative_variance".
        """
        return [flag for watch in self._watches for flag in watch.check(max(self._step, 0))]

    @property
    def flags(self) -> list[Flag]:
        """All flags raised so far: a list of `Flag`."""
        return [flag for watch in self._watches for flag in watch.flags]

    def report(self) -> Report:
        """Return all that was recorded, apart from the layers: to print, plot, or keep as JSON.

        Returns
        -------
        Report
        """
        layers = {watch.name: LayerReport(watch.history(), watch.flags) for watch in self._watches}
        return Report(layers, self.thresholds, self._step)

    def table(self, limit: int = 20) -> str:
        """Return `Report.table` of now.

        Parameters
        ----------
        limit : int
            The most channels shown.

        Returns
        -------
        str
        """
        return self.report().table(limit)

    def to_dict(self) -> dict[str, Any]:
        """Return `Report.to_dict` of now.

        Returns
        -------
        dict
        """
        return self.report().to_dict()

    def plot(self, output: str | PathLike[str] | None = None) -> Figure:
        """Return `Report.plot` of now.

        Parameters
        ----------
        output : path, optional
            Where to write the picture; its ending tells the format.

        Returns
        -------
        matplotlib.figure.Figure
        """
        return self.report().plot(output)


def _named(layers: Mapping[str, Layer] | Iterable[Layer]) -> dict[str, Layer]:
    if not isinstance(layers, Mapping) and not isinstance(layers, Iterable):
        raise TypeError(f"layers must be a mapping or a sequence, got {type(layers).__name__}")
    if isinstance(layers, Mapping):
        named = dict(layers)
    else:
        named = {str(at): layer for at, layer in enumerate(layers)}
    if not named:
        raise ValueError("layers must hold at least one layer, got none")
    for name, layer in named.items():
        if not isinstance(name, str):
            raise TypeError(f"names of layers must be str, got {type(name).__name__}")
        if not hasattr(layer, "batch_statistics"):
            raise TypeError(f"layers[{name!r}] must be a BatchNorm, got {type(layer).__name__}")
    return named
