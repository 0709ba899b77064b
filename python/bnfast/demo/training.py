"""Train a layer on a dataset's batches, then infer: every result is checked."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import bnfast
from bnfast.demo import reference
from bnfast.demo.checks import Check
from bnfast.demo.data import Dataset
from bnfast.demo.reference import Statistics, float32_error

STEPS = 40
MOMENTUM = 0.1
EPS = 1e-5


@dataclass(frozen=True)
class Trained:
    """A trained layer, its last batch and that batch normalized.

    `history` holds the running mean after each step, shape (steps, C).
    """

    layer: bnfast.BatchNorm
    batch: NDArray[np.float32]
    y: NDArray[np.float32]
    history: NDArray[np.float64]
    checks: list[Check]


def new_layer(dataset: Dataset, momentum: float | None = MOMENTUM) -> bnfast.BatchNorm:
    """Return an untrained layer for the dataset's channels."""
    channels = len(dataset.channels)
    return bnfast.BatchNorm(channels, EPS, momentum, channel_axis=dataset.channel_axis)


def learned(layer: bnfast.BatchNorm) -> Statistics:
    """Return a copy of the running statistics, in float64."""
    return Statistics(
        np.array(layer.running_mean, np.float64), np.array(layer.running_var, np.float64)
    )


def train(dataset: Dataset, rng: np.random.Generator) -> Trained:
    """Normalize batch after batch, learning the averages; check each y, and the averages."""
    layer, axis = new_layer(dataset), dataset.channel_axis
    expected = Statistics(np.zeros(layer.num_features), np.ones(layer.num_features))
    errors, history = [], []
    for batch in dataset.batches(STEPS, rng):
        y = layer(batch)
        statistics = reference.moments(batch, axis)
        count = batch.size // layer.num_features
        expected = reference.moving_average(expected, statistics, count, MOMENTUM)
        errors.append(float32_error(y, reference.normalize(batch, statistics, EPS, axis)))
        history.append(learned(layer).mean)
    checks = [
        Check("y in training", float(np.max(errors))),
        Check("running mean", float32_error(learned(layer).mean, expected.mean)),
        Check("running var", float32_error(learned(layer).var, expected.var)),
    ]
    return Trained(layer, batch, y, np.stack(history), checks)


def infer(layer: bnfast.BatchNorm, dataset: Dataset) -> tuple[NDArray[np.float32], list[Check]]:
    """Normalize all samples by the learned averages, batch by batch into one array."""
    layer.eval()
    frozen = layer.freeze()
    averages = learned(layer)
    y = np.empty_like(dataset.samples)
    errors, frozen_errors = [], []
    for part in dataset.slices():
        samples = dataset.samples[part]
        expected = reference.normalize(samples, averages, EPS, dataset.channel_axis)
        errors.append(float32_error(layer(samples, out=y[part]), expected))
        frozen_errors.append(float32_error(frozen(samples), expected))
    return y, [
        Check("y in inference", float(np.max(errors))),
        Check("y of the frozen layer", float(np.max(frozen_errors))),
    ]
