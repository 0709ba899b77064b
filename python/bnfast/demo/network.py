"""A small network in NumPy with `bnfast.BatchNorm` before or after its activations."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

import bnfast

Placement = Literal["none", "before", "after"]
Floats = NDArray[np.float32]
Labels = NDArray[np.intp]


class Dense:
    """A linear layer, He initialized, which updates itself as it goes backward."""

    def __init__(self, inputs: int, outputs: int, rng: np.random.Generator) -> None:
        scale = np.sqrt(2 / inputs, dtype=np.float32)
        self.weight = rng.standard_normal((inputs, outputs), dtype=np.float32) * scale
        self.bias = np.zeros(outputs, np.float32)

    def forward(self, x: Floats, training: bool) -> Floats:
        """Return ``x @ weight + bias``."""
        self._x = x
        y: Floats = x @ self.weight
        return y + self.bias

    def backward(self, dy: Floats, rate: float) -> Floats:
        """Return dx; step down the gradient."""
        dx: Floats = dy @ self.weight.T
        _step(self.weight, self._x.T @ dy, rate)
        _step(self.bias, dy.sum(axis=0), rate)
        return dx


class Relu:
    """The activation."""

    def forward(self, x: Floats, training: bool) -> Floats:
        """Return ``max(x, 0)``."""
        self._positive = x > 0
        return np.where(self._positive, x, np.float32(0))

    def backward(self, dy: Floats, rate: float) -> Floats:
        """Return dx."""
        return np.where(self._positive, dy, np.float32(0))


class Normalization:
    """`bnfast.BatchNorm` as a layer of the network."""

    def __init__(self, features: int) -> None:
        self._layer = bnfast.BatchNorm(features)

    def forward(self, x: Floats, training: bool) -> Floats:
        """Return x normalized, by the learned averages outside training."""
        return self._layer(x, training=training)

    def backward(self, dy: Floats, rate: float) -> Floats:
        """Return dx; step down the gradient."""
        dx = self._layer.backward(dy)
        _step(self._layer.weight, self._layer.weight_grad, rate)
        _step(self._layer.bias, self._layer.bias_grad, rate)
        return dx


class Network:
    """64 -> 100 -> 100 -> 10 with ReLU, trained by plain SGD on the cross entropy."""

    def __init__(self, placement: Placement, rng: np.random.Generator, hidden: int = 100) -> None:
        self._layers: list[Dense | Relu | Normalization] = []
        for inputs in (64, hidden):
            activation: dict[Placement, list[Relu | Normalization]] = {
                "none": [Relu()],
                "before": [Normalization(hidden), Relu()],
                "after": [Relu(), Normalization(hidden)],
            }
            self._layers += [Dense(inputs, hidden, rng), *activation[placement]]
        self._layers.append(Dense(hidden, 10, rng))

    def forward(self, x: Floats, training: bool = False) -> Floats:
        """Return the logits, shape (N, 10)."""
        for layer in self._layers:
            x = layer.forward(x, training)
        return x

    def step(self, x: Floats, labels: Labels, rate: float) -> None:
        """Take one step of gradient descent on a batch."""
        gradient = _cross_entropy_gradient(self.forward(x, training=True), labels)
        for layer in reversed(self._layers):
            gradient = layer.backward(gradient, rate)

    def accuracy(self, x: Floats, labels: Labels) -> float:
        """Return the share of right answers."""
        return float(np.mean(self.forward(x).argmax(axis=1) == labels))


def _step(parameter: Floats | None, gradient: Floats | None, rate: float) -> None:
    assert parameter is not None
    assert gradient is not None
    parameter -= np.float32(rate) * gradient


def _cross_entropy_gradient(logits: Floats, labels: Labels) -> Floats:
    """Return the gradient of the mean cross entropy with respect to the logits."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: Floats = exponentials / exponentials.sum(axis=1, keepdims=True)
    probabilities[np.arange(len(labels)), labels] -= 1
    probabilities /= len(labels)
    return probabilities
