"""A report as a picture, drawn without a display."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bnfast.monitor.flags import Flag
from bnfast.monitor.history import History
from bnfast.monitor.table import Place, by_place, worst_places

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw"]

_MOST_LAYERS = 8
_DECADES = 8
_LINEAR = 8
_BLUE, _GREY = "#1f6f8b", "#8a8a8a"
_HIGHLIGHTS = ("#d1495b", "#e08e2b", "#6a4c93", "#3c9a5f")
_STYLE = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 8,
}
_TITLES = (
    "standard deviation",
    "batch less running mean, standard errors",
    "KL divergence of batch from running, nats",
    "|mean|/std of the batch",
)


@dataclass(frozen=True)
class _Highlight:
    channel: int
    label: str
    color: str
    first: int


def draw(histories: Mapping[str, History], flags: Sequence[Flag]) -> Figure:
    """Return the figure: a row for each layer, the worst layers if there are many."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError as error:
        raise ImportError("plots need matplotlib: pip install 'bnfast[plots]'") from error
    recorded = {name: history for name, history in histories.items() if len(history.step)}
    if not recorded:
        raise ValueError("plot needs at least one record, got none")
    names = _shown(recorded, flags)
    flagged = by_place(flags)
    with mpl.rc_context(_STYLE):
        layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08, hspace=0.02)
        figure = Figure(figsize=(16, 0.9 + 2.5 * len(names)), layout=layout)
        figure.suptitle(_title(len(names), len(recorded)), x=0.005, ha="left", fontsize=9)
        rows = figure.subplots(len(names), len(_TITLES), squeeze=False)
        for row, name in zip(rows, names, strict=True):
            _draw_layer(row, name, recorded[name], _of_layer(name, flagged))
        for axes, title in zip(rows[0], _TITLES, strict=True):
            axes.set_title(title)
        for axes in rows[-1]:
            axes.set_xlabel("step")
    return figure


def _shown(histories: Mapping[str, History], flags: Sequence[Flag]) -> list[str]:
    """Return the worst layers, in the order of the network."""
    worst = dict.fromkeys(place.layer for place in worst_places(histories, flags))
    chosen = set(list(worst)[:_MOST_LAYERS])
    return [name for name in histories if name in chosen]


def _title(shown: int, layers: int) -> str:
    channels = "line: median of channels without flags; band: 5 to 95 % of them; dashed: running"
    return f"{channels}; colours: the worst flagged channels, dotted where first flagged" + (
        f"; the worst {shown} of {layers} layers" if shown < layers else ""
    )


def _of_layer(layer: str, flagged: Mapping[Place, Sequence[Flag]]) -> dict[int, Sequence[Flag]]:
    return {place.channel: found for place, found in flagged.items() if place.layer == layer}


def _draw_layer(
    row: Sequence[Axes], name: str, history: History, flagged: Mapping[int, Sequence[Flag]]
) -> None:
    channels = history.std.shape[1]
    sound = [channel for channel in range(channels) if channel not in flagged]
    highlights = _highlights(flagged)
    std, drift, kl, ratio = row
    running = _quantiles(history.running_std[:, sound])[1]
    std.plot(history.step, running, color=_BLUE, linestyle="--", linewidth=1)
    _draw_panel(std, history, history.std, sound, highlights, _log)
    _draw_panel(drift, history, history.drift_mean, sound, highlights, _symmetric)
    drift.axhline(0, color=_GREY, linewidth=0.6)
    _draw_panel(kl, history, history.kl, sound, highlights, _log)
    _draw_panel(ratio, history, history.ratio, sound, highlights, _log)
    std.set_ylabel(f"{name}\n{channels} channels", fontweight="bold")
    if highlights:
        more = f" ({len(highlights)} of {len(flagged)} flagged)"
        title = "channel" + (more if len(highlights) < len(flagged) else "")
        ratio.legend(loc="upper left", bbox_to_anchor=(1.01, 1), title=title)


def _highlights(flagged: Mapping[int, Sequence[Flag]]) -> list[_Highlight]:
    """Return the gravest channels of a layer, each with its flags, gravest first."""
    return [
        _Highlight(
            channel,
            f"{channel}: " + ", ".join(flag.kind for flag in flags),
            color,
            min(flag.first for flag in flags),
        )
        for (channel, flags), color in zip(flagged.items(), _HIGHLIGHTS, strict=False)
    ]


def _draw_panel(
    axes: Axes,
    history: History,
    values: NDArray[np.float32],
    sound: Sequence[int],
    highlights: Sequence[_Highlight],
    scale: Callable[[Axes, NDArray[np.float32]], None],
) -> None:
    low, middle, high = _quantiles(values[:, sound])
    axes.fill_between(history.step, low, high, color=_BLUE, alpha=0.2, linewidth=0)
    axes.plot(history.step, middle, color=_BLUE, linewidth=1.4)
    for shown in highlights:
        line = values[:, shown.channel]
        axes.plot(history.step, line, color=shown.color, linewidth=1.1, label=shown.label)
        axes.axvline(shown.first, color=shown.color, linewidth=0.8, linestyle=":")
    scale(axes, np.concatenate([low, high, *(values[:, shown.channel] for shown in highlights)]))
    axes.margins(x=0.01)


def _quantiles(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the 5, 50 and 95 % quantiles of the finite channels, shape (3, T); NaN of none."""
    found = np.full((3, len(values)), np.nan, np.float32)
    for at, row in enumerate(values):
        finite = row[np.isfinite(row)]
        if len(finite):
            found[:, at] = np.quantile(finite, (0.05, 0.5, 0.95))
    return found


def _log(axes: Axes, values: NDArray[np.float32]) -> None:
    """Take a logarithmic axis, unless all values are near each other.

    What lies many decades below the greatest value is left out.
    """
    positive = values[np.isfinite(values) & (values > 0)]
    if not len(positive) or (positive.max() < _LINEAR * positive.min() and np.all(values != 0)):
        return
    high = float(positive.max())
    low = max(float(positive.min()), high / 10**_DECADES)
    axes.set_yscale("log", nonpositive="clip")
    axes.set_ylim(low / 1.5, high * 1.5)


def _symmetric(axes: Axes, values: NDArray[np.float32]) -> None:
    """Take an axis that is linear to 5 and, where values are greater, logarithmic beyond."""
    finite = np.abs(values[np.isfinite(values)])
    most = max(5.0, float(finite.max(initial=0)) * 1.2)
    if most > 30:
        axes.set_yscale("symlog", linthresh=5)
        decades = 10.0 ** np.arange(1, np.floor(np.log10(most)) + 1)
        ticks = [*-decades[::-1], 0, *decades]
        axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
    axes.set_ylim(-most, most)
