"""What a monitor has recorded, apart from the layers: to print, to plot, to keep as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bnfast.monitor.flags import Flag
from bnfast.monitor.history import FIELDS, History
from bnfast.monitor.table import report_table
from bnfast.monitor.thresholds import Thresholds

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LayerReport", "Report"]

_FORMAT = "bnfast.monitor 1"


@dataclass(frozen=True)
class LayerReport:
    """One layer's history and flags."""

    history: History
    flags: list[Flag]


@dataclass(frozen=True)
class Report:
    """The state of a monitor at one step.

    Parameters
    ----------
    layers : mapping of str to LayerReport
    thresholds : Thresholds
        Those that the flags were raised by.
    step : int
        The last step recorded, -1 before the first.

    Examples
    --------
    >>> import json
    >>> import numpy as np
    >>> import bnfast
    >>> from bnfast.monitor import Monitor, Report
    >>> bn = bnfast.BatchNorm(2)
    >>> monitor = Monitor({"bn": bn})
    >>> y = bn(np.array([[1, 2], [3, 6]], np.float32))
    >>> monitor.record()
    []
    >>> report = Report.from_dict(json.loads(json.dumps(monitor.to_dict())))
    >>> report.layers["bn"].history.mean
    array([[2., 4.]], dtype=float32)
    """

    layers: Mapping[str, LayerReport]
    thresholds: Thresholds
    step: int

    @property
    def flags(self) -> list[Flag]:
        """The flags of all layers: a list of `Flag`."""
        return [flag for layer in self.layers.values() for flag in layer.flags]

    def table(self, limit: int = 20) -> str:
        """Return the newest record of the worst channels, and why they are flagged, as text.

        Gravest flags come first, then the greatest divergence.

        Parameters
        ----------
        limit : int
            The most channels shown.

        Returns
        -------
        str
        """
        histories = {name: layer.history for name, layer in self.layers.items()}
        return report_table(histories, self.flags, limit)

    def plot(self, output: str | PathLike[str] | None = None) -> Figure:
        """Draw standard deviations, drift, divergence and mean/std over time; a row a layer.

        Needs no display. Of many layers the eight worst are drawn, as the title says.

        Parameters
        ----------
        output : path, optional
            Where to write the picture; its ending tells the format.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ImportError
            matplotlib is missing: ``pip install 'bnfast[plots]'``.
        ValueError
            Nothing has been recorded.
        """
        from bnfast.monitor.plot import draw

        histories = {name: layer.history for name, layer in self.layers.items()}
        figure = draw(histories, self.flags)
        if output is not None:
            figure.savefig(output, dpi=110)
        return figure

    def to_dict(self) -> dict[str, Any]:
        """Return everything in types of strict JSON; `from_dict` restores each bit.

        Returns
        -------
        dict
            Numbers that JSON lacks are the strings "NaN", "Infinity" and "-Infinity".
        """
        return {
            "format": _FORMAT,
            "step": self.step,
            "thresholds": asdict(self.thresholds),
            "layers": {
                name: {
                    "step": layer.history.step.tolist(),
                    **{field: _listed(getattr(layer.history, field)) for field in FIELDS},
                    "flags": [asdict(flag) for flag in layer.flags],
                }
                for name, layer in self.layers.items()
            },
        }

    @classmethod
    def from_dict(cls, figures: Mapping[str, Any]) -> Report:
        """Restore what `to_dict` returned.

        Parameters
        ----------
        figures : mapping
            As `to_dict` returns it, through JSON or not.

        Returns
        -------
        Report

        Raises
        ------
        ValueError
            `figures` is not of this format.
        """
        if figures.get("format") != _FORMAT:
            raise ValueError(f"format must be {_FORMAT!r}, got {figures.get('format')!r}")
        layers = {name: _restored(found) for name, found in figures["layers"].items()}
        return cls(layers, Thresholds(**figures["thresholds"]), figures["step"])


def _restored(found: Mapping[str, Any]) -> LayerReport:
    step = np.array(found["step"], np.int64)
    arrays = [_array(found[field], len(step)) for field in FIELDS]
    return LayerReport(History(step, *arrays), [Flag(**flag) for flag in found["flags"]])


def _listed(values: NDArray[np.float32]) -> list[list[float | str]]:
    return [[_number(value) for value in row] for row in values.tolist()]


def _number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _array(rows: list[list[float | str]], records: int) -> NDArray[np.float32]:
    return np.array([[float(value) for value in row] for row in rows], np.float32).reshape(
        records, -1 if records else 0
    )
