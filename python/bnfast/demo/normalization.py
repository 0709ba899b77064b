"""A dataset through `bnfast.BatchNorm`: training, inference and the identities around them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import bnfast
from bnfast.demo.checks import Check, checks_table
from bnfast.demo.data import Dataset
from bnfast.demo.identities import (
    check_cumulative_average,
    check_gradients,
    check_moments,
    check_restoration,
)
from bnfast.demo.reference import Statistics
from bnfast.demo.tables import table
from bnfast.demo.training import Trained, infer, learned, train


@dataclass(frozen=True)
class Normalized:
    """What became of a dataset: `y` are all samples after inference."""

    dataset: Dataset
    trained: Trained
    y: NDArray[np.float32]
    stages: dict[str, Statistics]
    checks: Sequence[Check]

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self.dataset.name

    def text(self) -> str:
        """Return the statistics before and after, and the checks."""
        data = self.dataset
        lines = (
            f"{data.name}: {len(self.trained.history)} training batches of "
            f"{self.trained.batch.shape}, then inference on all {data.samples.shape}",
            f"mean (std) of {len(data.shown)} of {len(data.channels)} channels",
            self._statistics_table(),
            "",
            checks_table(self.checks),
        )
        return "\n".join(lines)

    def figures(self) -> dict[str, Any]:
        """Return the statistics of each stage for JSON."""
        data = self.dataset
        stages = {
            name: {"mean": found.mean, "std": np.sqrt(found.var)}
            for name, found in self.stages.items()
        }
        return {
            "shape": data.samples.shape,
            "channel_axis": data.channel_axis,
            "batch_shape": self.trained.batch.shape,
            "training_batches": len(self.trained.history),
            "channels": data.channels,
            "stages": stages,
        }

    def _statistics_table(self) -> str:
        rows = [
            [self.dataset.channels[channel]]
            + [_mean_and_std(found, channel) for found in self.stages.values()]
            for channel in self.dataset.shown
        ]
        return table(("channel", *self.stages), rows)


def _mean_and_std(statistics: Statistics, channel: int) -> str:
    mean = round(float(statistics.mean[channel]), 3) + 0.0  # no minus before a zero
    return f"{mean:.3f} ({np.sqrt(statistics.var[channel]):.3f})"


def normalize_dataset(dataset: Dataset) -> Normalized:
    """Train a layer on the dataset, infer by the learned averages, check the identities."""
    rng = np.random.default_rng(2)
    trained = train(dataset, rng)
    y, inference_checks = infer(trained.layer, dataset)
    checks = [
        *trained.checks,
        *inference_checks,
        check_cumulative_average(dataset, rng),
        *check_moments(dataset, trained.batch),
        check_restoration(dataset, trained.batch),
        *check_gradients(dataset, trained.batch, rng),
    ]
    return Normalized(
        dataset,
        trained,
        y,
        _stages(dataset, trained, y),
        [replace(check, name=f"{dataset.name}: {check.name}") for check in checks],
    )


def _stages(dataset: Dataset, trained: Trained, y: NDArray[np.float32]) -> dict[str, Statistics]:
    def statistics(x: NDArray[np.float32]) -> Statistics:
        found = bnfast.moments(x, channel_axis=dataset.channel_axis)
        return Statistics(found.mean, found.var)

    return {
        "all data": statistics(dataset.samples),
        "last batch": statistics(trained.batch),
        "batch after training": statistics(trained.y),
        "learned averages": learned(trained.layer),
        "data after inference": statistics(y),
    }
