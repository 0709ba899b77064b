"""What must hold for any data: averages, moments, restoration and gradients."""

import numpy as np
from numpy.typing import NDArray

import bnfast
from bnfast.demo import reference
from bnfast.demo.checks import FLOAT64_UNIT, Check
from bnfast.demo.data import Dataset
from bnfast.demo.reference import float32_error, max_error
from bnfast.demo.training import EPS, learned, new_layer

MOMENTS_LIMIT = 1e-13 / FLOAT64_UNIT


def check_cumulative_average(dataset: Dataset, rng: np.random.Generator) -> Check:
    """One epoch with momentum None: the running mean is the mean of the dataset."""
    layer = new_layer(dataset, momentum=None)
    for batch in dataset.epoch(rng):
        layer(batch)
    expected = reference.moments(dataset.samples, dataset.channel_axis).mean
    return Check("cumulative average = data mean", float32_error(learned(layer).mean, expected))


def check_moments(dataset: Dataset, batch: NDArray[np.float32]) -> list[Check]:
    """Mean and variance to 1e-13 of the long double result."""
    found = bnfast.moments(batch, channel_axis=dataset.channel_axis)
    expected = reference.moments(batch, dataset.channel_axis, dtype=np.longdouble)
    unit = f"x {FLOAT64_UNIT}"
    return [
        Check(
            name,
            max_error(result, exact, unit=FLOAT64_UNIT),
            limit=MOMENTS_LIMIT,
            unit=unit,
        )
        for name, result, exact in (
            ("moments: mean", found.mean, expected.mean),
            ("moments: var", found.var, expected.var),
        )
    ]


def check_restoration(dataset: Dataset, batch: NDArray[np.float32]) -> Check:
    """With gamma = sqrt(var + eps) and beta = mean the layer gives its input back."""
    batch_mean, batch_var, _ = bnfast.moments(batch, channel_axis=dataset.channel_axis)
    layer = new_layer(dataset)
    layer.weight = np.sqrt(batch_var + EPS).astype(np.float32)
    layer.bias = batch_mean.astype(np.float32)
    largest = float(np.max(np.abs(batch)))
    return Check("input restored", float32_error(layer(batch), batch, scale=largest))


def check_gradients(
    dataset: Dataset, batch: NDArray[np.float32], rng: np.random.Generator
) -> list[Check]:
    """The gradients of a random dy; sums over n values may err by sqrt(n) units."""
    dy = rng.standard_normal(batch.shape, dtype=np.float32)
    layer = new_layer(dataset)
    layer(batch)
    dx = layer.backward(dy)
    expected = reference.backward(dy, batch, EPS, dataset.channel_axis)
    sums = float(np.sqrt(batch.size // layer.num_features))
    largest = float(np.max(np.abs(expected.dx)))
    return [
        Check("dx", float32_error(dx, expected.dx, scale=largest)),
        Check("dweight", float32_error(layer.weight_grad, expected.dweight, scale=sums)),
        Check("dbias", float32_error(layer.bias_grad, expected.dbias, scale=sums)),
    ]
