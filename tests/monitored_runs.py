"""Training runs and streams of batches for the tests of bnfast.monitor."""

import numpy as np

import bnfast
from bnfast.demo.network import Network, Normalization
from bnfast.monitor import Monitor

STEPS = 200
CHANNELS = 12


def stream(seed=0, steps=STEPS, shape=(16, CHANNELS, 5, 5), dtype=np.float32):
    """Yield batches whose channels have means and deviations of their own, which do not change."""
    rng = np.random.default_rng(seed)
    mean, std = rng.normal(0, 3, shape[1]), np.exp(rng.normal(0, 1, shape[1]))
    spread = (shape[1],) + (1,) * (len(shape) - 2)
    for _ in range(steps):
        x = rng.standard_normal(shape) * std.reshape(spread) + mean.reshape(spread)
        yield x.astype(dtype)


def run(bn, batches, **options):
    """Train a layer on batches under a monitor; return it."""
    monitor = Monitor({"bn": bn}, **options)
    for x in batches:
        bn(x)
        monitor.record()
    return monitor


def watched_perceptron(rate, momentum, seed):
    """Train 64-100-100-10 with batch norm before its activations on clusters; return its share of
    right answers, and its monitor."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((10, 64))
    network = Network("before", rng)
    layers = [layer._layer for layer in network._layers if isinstance(layer, Normalization)]
    for layer in layers:
        layer.momentum = momentum
    monitor = Monitor(layers)
    for _ in range(STEPS):
        labels = rng.integers(0, 10, 60)
        x = (centres[labels] + 1.5 * rng.standard_normal((60, 64))).astype(np.float32)
        network.step(x, labels, rate)
        monitor.record()
    return network.accuracy(x, labels), monitor


class Convolution:
    """3x3, NHWC, as a product with the image's windows; He initialized."""

    def __init__(self, inputs, outputs, rng):
        scale = np.sqrt(2 / (9 * inputs))
        self.weight = (scale * rng.standard_normal((9 * inputs, outputs))).astype(np.float32)

    def forward(self, x):
        windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
        self._shape, self._columns = x.shape, windows.reshape(*windows.shape[:3], -1)
        return self._columns @ self.weight

    def backward(self, dy, rate):
        by_window = (dy @ self.weight.T).reshape(*dy.shape[:3], -1, 3, 3)
        dx = np.zeros(self._shape, np.float32)
        height, width = dy.shape[1:3]
        for row in range(3):
            for column in range(3):
                dx[:, row : row + height, column : column + width] += by_window[..., row, column]
        flat = self._columns.reshape(-1, len(self.weight))
        self.weight -= np.float32(rate) * (flat.T @ dy.reshape(-1, dy.shape[-1]))
        return dx


def blurred_images(rng, count, edge=10):
    """Return smooth images, (N, H, W, 1), whose pixels resemble each other, and the label of each:
    which of two diagonals is the brighter."""
    labels = rng.integers(0, 2, count)
    ramp = np.linspace(-1, 1, edge)
    shapes = np.stack([np.add.outer(ramp, ramp), np.add.outer(ramp, -ramp)])
    amplitude = rng.choice((-1, 1), count) * rng.uniform(0.5, 1.5, count)
    images = shapes[labels] * amplitude[:, None, None] + rng.normal(0, 1, (count, 1, 1))
    return (images + rng.normal(0, 0.2, images.shape))[..., None].astype(np.float32), labels


def watched_convolutions(rate, seed, images=24):
    """Train two convolutions with batch norm and ReLU, and a mean over the image, by logistic loss;
    return its share of right answers in the last 20 steps, and its monitor."""
    rng = np.random.default_rng(seed)
    convolutions = [Convolution(1, 8, rng), Convolution(8, 8, rng)]
    norms = [bnfast.BatchNorm(8, channel_axis=-1, activation="relu") for _ in convolutions]
    head = np.zeros(8, np.float32)
    monitor = Monitor({"conv1.bn": norms[0], "conv2.bn": norms[1]})
    right = []
    for _ in range(STEPS):
        x, labels = blurred_images(rng, images)
        for convolution, norm in zip(convolutions, norms, strict=True):
            x = norm(convolution.forward(x))
        pooled = x.mean(axis=(1, 2))
        logits = pooled @ head
        right.append(np.mean((logits > 0) == labels))
        error = ((1 / (1 + np.exp(-logits)) - labels) / images).astype(np.float32)
        dx = np.broadcast_to((np.outer(error, head) / x[0, ..., 0].size)[:, None, None], x.shape)
        head -= np.float32(rate) * (error @ pooled)
        for convolution, norm in zip(convolutions[::-1], norms[::-1], strict=True):
            dx = convolution.backward(norm.backward(np.ascontiguousarray(dx)), rate)
            norm.weight -= np.float32(rate) * norm.weight_grad
            norm.bias -= np.float32(rate) * norm.bias_grad
        monitor.record()
    return np.mean(right[-20:]), monitor
