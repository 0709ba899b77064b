"""Slopes by central differences."""

import numpy as np


def finite_differences(loss, at, step=1e-5):
    """Return the central differences of `loss` for every element of the array `at`."""
    slopes = np.empty(at.shape)
    for index in np.ndindex(at.shape):
        moved = [at.copy(), at.copy()]
        moved[0][index] -= step
        moved[1][index] += step
        slopes[index] = (loss(moved[1]) - loss(moved[0])) / (2 * step)
    return slopes
