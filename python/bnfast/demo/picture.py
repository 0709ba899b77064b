"""The demo as one picture, drawn without a display."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bnfast.demo import panels
from bnfast.demo.data import assemble
from bnfast.demo.features import Standardized
from bnfast.demo.learning import Learning
from bnfast.demo.normalization import Normalized
from bnfast.demo.times import Times

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STYLE = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 8,
}


@dataclass(frozen=True)
class Pictured:
    """What the picture shows; `times` is None if they were not measured."""

    photographs: NDArray[np.uint8]
    tiles: Normalized
    digits: Normalized
    labels: NDArray[np.intp]
    features: Standardized
    learning: Learning
    times: Times | None


@dataclass(frozen=True)
class _Panel:
    title: str
    draw: "Callable[[Axes], None]"


def draw(output: Path, shown: Pictured) -> None:
    """Write the picture as PNG."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    rows = [_photograph_row(shown), _table_row(shown), _learning_row(shown)]
    if shown.times:
        rows.append(_times_row(shown.times))
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(15, 3.2 * len(rows)), layout=layout)
        for strip, row in zip(figure.subfigures(len(rows), squeeze=False)[:, 0], rows, strict=True):
            for axes, panel in zip(strip.subplots(1, len(row), squeeze=False)[0], row, strict=True):
                axes.set_title(panel.title)
                panel.draw(axes)
        figure.savefig(output, dpi=110, format="png")


def _photograph_row(shown: Pictured) -> list[_Panel]:
    shape = shown.photographs[0].shape
    count = len(shown.tiles.y) // len(shown.photographs)
    before, after = shown.tiles.dataset.samples, shown.tiles.y
    limit = panels.SHOWN
    return [
        _Panel(
            "photograph",
            lambda axes: panels.photograph(axes, assemble(before[:count], shape), 0, 255),
        ),
        _Panel(
            f"normalized by learned averages, {-limit:g} to {limit:g}",
            lambda axes: panels.photograph(axes, assemble(after[:count], shape), -limit, limit),
        ),
        _Panel(
            "channels of all tiles, before",
            lambda axes: panels.channel_histograms(axes, before, "pixel value"),
        ),
        _Panel(
            "after: mean 0, standard deviation 1",
            lambda axes: panels.channel_histograms(axes, after, "standard deviations"),
        ),
    ]


def _table_row(shown: Pictured) -> list[_Panel]:
    firsts = np.unique(shown.labels, return_index=True)[1]
    before, after = shown.digits.dataset.samples[firsts], shown.digits.y[firsts]
    return [
        _Panel("digits", lambda axes: panels.digits(axes, before, 0, 16, "Greys")),
        _Panel(
            "each of 64 pixels normalized",
            lambda axes: panels.digits(axes, after, -panels.SHOWN, panels.SHOWN, "RdBu_r"),
        ),
        _Panel(
            "features of unlike scale (simulated)",
            lambda axes: panels.features(axes, shown.features.before, ""),
        ),
        _Panel(
            "standardized",
            lambda axes: panels.features(axes, shown.features.after, ", standardized"),
        ),
    ]


def _learning_row(shown: Pictured) -> list[_Panel]:
    learning = shown.learning
    return [
        _Panel(
            "running means of the photographs' channels",
            lambda axes: panels.running_means(axes, shown.tiles),
        ),
        _Panel(
            "a network on digits: higher learning rates",
            lambda axes: panels.accuracy_by_rate(axes, learning),
        ),
        _Panel(
            f"faster learning, at rate {panels.EPOCH_PANEL_RATE:g}",
            lambda axes: panels.accuracy_by_epoch(axes, learning),
        ),
    ]


def _times_row(times: Times) -> list[_Panel]:
    title = "speed: the least bytes that must move, per second; lines: np.copyto by as many threads"
    return [_Panel(title, lambda axes: panels.rates(axes, times))]
