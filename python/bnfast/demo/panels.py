"""The panels of the demo's picture; each draws into one axes."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bnfast.demo.features import FEATURES
from bnfast.demo.learning import EPOCHS, RATES, Learning
from bnfast.demo.network import Placement
from bnfast.demo.normalization import Normalized
from bnfast.demo.pytorch import AS_CALLED, GIVEN_OUTPUT
from bnfast.demo.times import BNFAST, NUMPY, Times

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN = 2.0
EPOCH_PANEL_RATE = 0.1
_BLUE, _ORANGE, _SAND, _GREY = "#1f6f8b", "#e08e2b", "#f2c078", "#8a8a8a"
_CHANNEL_COLORS = ("#c8453b", "#3c9a5f", "#3a6fb7")
_ARMS: dict[Placement, tuple[str, str]] = {
    "before": ("BN before ReLU", _BLUE),
    "after": ("BN after ReLU", _ORANGE),
    "none": ("without BN", _GREY),
}
_CONTENDERS = {BNFAST: _BLUE, GIVEN_OUTPUT: _ORANGE, AS_CALLED: _SAND, NUMPY: _GREY}


def photograph(axes: "Axes", values: NDArray[np.float32], low: float, high: float) -> None:
    """Show (H, W, 3) values: `low` without light, `high` with full light."""
    axes.imshow(np.clip((values - low) / (high - low), 0, 1))
    axes.set_axis_off()


def channel_histograms(axes: "Axes", samples: NDArray[np.float32], label: str) -> None:
    """Draw a histogram of every channel of NHWC samples, and its mean."""
    sparse = samples[:, ::4, ::4]
    low, high = np.percentile(sparse, (0.1, 99.9))
    edges = np.linspace(low, high, 65)
    densities = []
    for channel, color in enumerate(_CHANNEL_COLORS):
        values = sparse[..., channel].ravel()
        densities.append(np.histogram(values, edges, density=True)[0])
        axes.stairs(densities[-1], edges, color=color)
        axes.axvline(values.mean(), color=color, linestyle=":")
    axes.set_ylim(0, 2 * np.percentile(densities, 95))
    axes.set_xlabel(label)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def digits(axes: "Axes", pixels: NDArray[np.float32], low: float, high: float, cmap: str) -> None:
    """Show ten digits, shape (10, 64), in two rows of five."""
    tiles = pixels.reshape(2, 5, 8, 8)
    framed = np.pad(tiles, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=np.nan)
    mosaic = framed.transpose(0, 2, 1, 3).reshape(18, 45)
    image = axes.imshow(mosaic[:-1, :-1], vmin=low, vmax=high, cmap=cmap)
    axes.figure.colorbar(image, ax=axes, shrink=0.7)
    axes.set_axis_off()


def features(axes: "Axes", values: NDArray[np.float32], suffix: str) -> None:
    """Scatter the two features, bedrooms spread a little so that points are seen."""
    columns = values.T
    spread = np.random.default_rng(0).normal(0, 0.06 * columns[0].std(), len(values))
    axes.scatter(columns[0] + spread, columns[1], s=2, alpha=0.2, color=_BLUE, linewidths=0)
    axes.set_xlabel(FEATURES[0] + suffix)
    axes.set_ylabel(FEATURES[1] + suffix)


def running_means(axes: "Axes", normalized: Normalized) -> None:
    """Draw how the running means reach the means of all data."""
    history, data_mean = normalized.trained.history, normalized.stages["all data"].mean
    for channel, color in enumerate(_CHANNEL_COLORS):
        label = normalized.dataset.channels[channel]
        axes.plot([0.0, *history[:, channel]], color=color, label=label)
        axes.axhline(data_mean[channel], color=color, linestyle=":")
    axes.set_xlabel("training batches")
    axes.set_ylabel("running mean (dotted: of all data)")
    axes.legend(loc="lower right")


def accuracy_by_rate(axes: "Axes", learning: Learning) -> None:
    """Draw the accuracy in the end against the learning rate."""
    for arm, (label, color) in _ARMS.items():
        axes.semilogx(RATES, learning.accuracy[arm][:, -1], "o-", color=color, label=label)
    axes.set_xticks(RATES, [f"{rate:g}" for rate in RATES])
    axes.minorticks_off()
    axes.set_xlabel("learning rate")
    axes.set_ylabel(f"accuracy on unseen digits, {EPOCHS} epochs")
    axes.legend(loc="lower left")


def accuracy_by_epoch(axes: "Axes", learning: Learning) -> None:
    """Draw the accuracy after each epoch at one learning rate."""
    epochs = np.arange(1, EPOCHS + 1)
    for arm, (label, color) in _ARMS.items():
        accuracy = learning.accuracy[arm][RATES.index(EPOCH_PANEL_RATE)]
        axes.plot(epochs, accuracy, "o-", color=color, label=label)
    axes.set_xlabel("epoch")
    axes.set_ylabel("accuracy on unseen digits")
    axes.legend(loc="lower right")


def rates(axes: "Axes", times: Times) -> None:
    """Draw GB/s of every contender as bars, and of the copy as a line across them."""
    names = [name for name in _CONTENDERS if any(name in row.seconds for row in times.rows)]
    width = 0.8 / len(names)
    for at, row in enumerate(times.rows):
        copy = row.copy_rate / 1e9
        axes.plot([at - 0.45, at + 0.45], [copy, copy], color="black", linewidth=1)
    for bar, name in enumerate(names):
        places = [at for at, row in enumerate(times.rows) if name in row.seconds]
        heights = [times.rows[at].rate(name) / 1e9 for at in places]
        left = np.array(places) + (bar - (len(names) - 1) / 2) * width
        axes.bar(left, heights, width, color=_CONTENDERS[name], label=name)
    labels = [f"{row.operation} {row.layout}\n{row.shape_text}" for row in times.rows]
    axes.set_xticks(range(len(labels)), labels, fontsize=8)
    axes.set_ylabel("GB/s")
    axes.margins(x=0.01, y=0.15)
    axes.legend(loc="upper right", ncols=len(names))
