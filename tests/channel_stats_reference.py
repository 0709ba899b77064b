"""Exact statistics of what arrays hold, in integers and fractions."""

from fractions import Fraction

import numpy as np


def exact_moments(values, correction=0):
    """Return mean and variance of one channel as fractions."""
    exact = [Fraction(value) for value in np.asarray(values).ravel().tolist()]
    mean = sum(exact) / len(exact)
    squares = sum((value - mean) ** 2 for value in exact)
    return mean, squares / (len(exact) - correction)


def exact_channels(rows, correction=0):
    """Return the moments of each column."""
    pairs = [exact_moments(column, correction) for column in rows.T]
    return [mean for mean, _ in pairs], [var for _, var in pairs]


def worst(found, exact):
    """Return the greatest relative error."""
    pairs = zip(found.tolist(), exact, strict=True)
    return max(float(abs(Fraction(value) / truth - 1)) for value, truth in pairs)
