"""Two features of unlike scale, standardized."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import bnfast
from bnfast.demo import reference
from bnfast.demo.checks import Check, checks_table
from bnfast.demo.reference import float32_error
from bnfast.demo.tables import table

FEATURES = ("bedrooms", "price")


@dataclass(frozen=True)
class Standardized:
    """Features before and after, shape (N, 2)."""

    before: NDArray[np.float32]
    after: NDArray[np.float32]
    checks: Sequence[Check]

    name = "features"

    def text(self) -> str:
        """Return the scales before and after, and the checks."""
        rows = [
            [feature] + [f"{value:.4g}" for value in (*before.values(), *after.values())]
            for feature, before, after in self._scales()
        ]
        header = ["feature"] + [
            f"{figure} {stage}" for stage in ("before", "after") for figure in _FIGURES
        ]
        title = f"two features of unlike scale (simulated), standardized: {self.before.shape}"
        return "\n".join((title, table(header, rows), "", checks_table(self.checks)))

    def figures(self) -> dict[str, Any]:
        """Return the scales before and after for JSON."""
        return {
            feature: {"before": before, "after": after} for feature, before, after in self._scales()
        }

    def _scales(self) -> list[tuple[str, dict[str, float], dict[str, float]]]:
        return [
            (feature, _scale(self.before[:, column]), _scale(self.after[:, column]))
            for column, feature in enumerate(FEATURES)
        ]


_FIGURES: dict[str, Callable[[Any], Any]] = {
    "min": np.min,
    "max": np.max,
    "mean": np.mean,
    "std": np.std,
}


def _scale(values: NDArray[np.float32]) -> dict[str, float]:
    exact = values.astype(np.float64)
    return {name: float(figure(exact)) for name, figure in _FIGURES.items()}


def standardize_features(features: NDArray[np.float32]) -> Standardized:
    """Standardize the columns of a table; check values, and that no scale is left."""
    after = bnfast.standardize(features)
    exact = reference.moments(features, -1, dtype=np.longdouble)
    mean, var = reference.moments(after, -1, dtype=np.longdouble)
    checks = [
        Check("features: y", float32_error(after, reference.normalize(features, exact, 0.0, -1))),
        Check("features: mean 0", float32_error(mean, np.zeros_like(mean))),
        Check("features: var 1", float32_error(var, np.ones_like(var))),
    ]
    return Standardized(features, after, checks)
