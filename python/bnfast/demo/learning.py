"""Does batch normalization learn faster, and at higher rates? The same network three times."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from bnfast.demo.checks import Check, checks_table
from bnfast.demo.network import Floats, Labels, Network, Placement
from bnfast.demo.tables import table

PLACEMENTS: tuple[Placement, ...] = get_args(Placement)
RATES = (0.03, 0.1, 0.3, 1.0, 3.0)
SEEDS = (0, 1, 2)
EPOCHS = 10
BATCH = 60
TEST = 357


@dataclass(frozen=True)
class Learning:
    """Accuracy on digits not trained on, after each epoch, mean over the seeds.

    `accuracy[placement]` has the shape (rates, epochs).
    """

    accuracy: dict[Placement, NDArray[np.float64]]
    checks: Sequence[Check]

    name = "learning"

    def text(self) -> str:
        """Return the accuracies after one and after all epochs, and the checks."""
        rows = [
            [f"{rate:g}"]
            + [f"{self.accuracy[arm][at, epoch]:.3f}" for epoch in (0, -1) for arm in PLACEMENTS]
            for at, rate in enumerate(RATES)
        ]
        header = ["learning rate"] + [
            f"{arm}, {epochs} ep." for epochs in (1, EPOCHS) for arm in PLACEMENTS
        ]
        title = (
            f"learning digits: 64-100-100-10, ReLU, SGD, {len(SEEDS)} seeds; accuracy on "
            f"{TEST} unseen digits without BN, with BN before and after the activation"
        )
        return "\n".join((title, table(header, rows), "", checks_table(self.checks)))

    def figures(self) -> dict[str, Any]:
        """Return all accuracies for JSON."""
        return {
            "rates": RATES,
            "epochs": EPOCHS,
            "seeds": SEEDS,
            "accuracy": dict(self.accuracy),
        }


def compare_learning(images: Floats, labels: Labels, progress: Callable[[str], None]) -> Learning:
    """Train the network at every rate, with every placement, from the same seeds."""
    pixels = images.reshape(len(images), -1) / np.float32(images.max())
    runs = {arm: np.zeros((len(RATES), EPOCHS)) for arm in PLACEMENTS}
    for arm, (at, rate), seed in itertools.product(PLACEMENTS, enumerate(RATES), SEEDS):
        progress(f"learning: batch norm {arm}, rate {rate:g}, seed {seed}")
        runs[arm][at] += learn(pixels, labels, arm, rate, seed)
    accuracy = {arm: total / len(SEEDS) for arm, total in runs.items()}
    return Learning(accuracy, _checks(accuracy))


def learn(
    pixels: Floats, labels: Labels, placement: Placement, rate: float, seed: int
) -> NDArray[np.float64]:
    """Return the accuracy on unseen digits after each epoch; a diverging run overflows quietly."""
    rng = np.random.default_rng(seed)
    unseen, seen = np.split(rng.permutation(len(labels)), [TEST])
    network = Network(placement, rng)
    accuracy = np.empty(EPOCHS)
    with np.errstate(all="ignore"):
        for epoch in range(EPOCHS):
            order = rng.permutation(seen)
            for start in range(0, len(order), BATCH):
                batch = order[start : start + BATCH]
                network.step(pixels[batch], labels[batch], rate)
            accuracy[epoch] = network.accuracy(pixels[unseen], labels[unseen])
    return accuracy


def _checks(accuracy: dict[Placement, NDArray[np.float64]]) -> list[Check]:
    """Faster: fewer wrong after one epoch. Higher rates: at most half as many wrong at the end."""
    wrong = {arm: 1 - values for arm, values in accuracy.items()}
    middle, highest = RATES.index(0.1), len(RATES) - 1
    return [
        Check(
            f"learning: wrong with BN after 1 epoch, rate {RATES[middle]:g}",
            float(wrong["before"][middle, 0]),
            limit=float(wrong["none"][middle, 0]),
            unit="share",
        ),
        Check(
            f"learning: wrong with BN after {EPOCHS} epochs, rate {RATES[highest]:g}",
            float(wrong["before"][highest, -1]),
            limit=float(wrong["none"][highest, -1]) / 2,
            unit="share",
        ),
    ]
