"""A batch for a layer, and the check of a layer's gradients by differences of the reference."""

import copy

import numpy as np

import bnfast
import reference
from finite_differences import finite_differences

C = 3
EPS = 1e-3
LAYOUTS = {
    "NC": ((7, C), 1),
    "NCHW": ((7, C, 2, 3), 1),
    "NHWC": ((7, 2, 3, C), -1),
    "NHWC seen as NCHW": ((7, 2, 3, C), -1),
}
# Options of a call: the activation, and whether there is a residual.
CALLS = {
    "plain": (None, False),
    "silu": ("silu", False),
    "residual": (None, True),
    "relu and residual": ("relu", True),
}


class Problem:
    """A batch, a residual, and the gradient of some loss for y."""

    def __init__(self, layout, dtype=np.float64, seed=5):
        shape, self.axis = LAYOUTS[layout]
        rng = np.random.default_rng(seed)
        self.x = rng.normal(2, 3, shape).astype(dtype)
        self.dy, self.residual = rng.standard_normal((2, *shape)).astype(dtype)
        self.weight, self.bias = np.array([1.5, -0.7, 0.4]), np.array([0.3, 0.0, -1.0])
        self.running_mean, self.running_var = np.array([1.0, 2.0, -1.0]), np.array([4.0, 9.0, 2.0])
        if "seen as" in layout:
            self.x, self.dy, self.residual = (
                np.moveaxis(a, self.axis, 1) for a in (self.x, self.dy, self.residual)
            )
            self.axis = 1

    def layer(self, **options):
        """Return a float64 layer with these parameters and running statistics."""
        bn = bnfast.BatchNorm(C, EPS, channel_axis=self.axis, dtype=np.float64, **options)
        if bn.affine:
            bn.weight[:], bn.bias[:] = self.weight, self.bias
        if bn.track_running_stats:
            bn.running_mean[:], bn.running_var[:] = self.running_mean, self.running_var
        return bn

    def along(self, values):
        """Return (C,) values shaped to broadcast against x."""
        return reference.along_channels(values, self.x.ndim, self.axis)

    def normal(self, x, weight=1, bias=0):
        """Return `x` normalized by its own statistics, in long double."""
        return reference.forward(x, weight, bias, eps=EPS, channel_axis=self.axis)

    def inferred(self, x, mean, var, weight=1, bias=0):
        """Return `x` normalized by these statistics, in long double."""
        return reference.inference(x, mean, var, weight, bias, eps=EPS, channel_axis=self.axis)

    def check_gradients(self, bn, call, y_of, with_residual):
        """Check what bn.backward gives after `call`; y_of(x, weight, bias) is before act."""
        residual = self.residual if with_residual else np.zeros_like(self.x)
        act, _ = reference.ACTIVATIONS[bn.activation]

        def loss(x=self.x, weight=self.weight, bias=self.bias, residual=residual):
            return np.sum(self.dy * act(y_of(x, weight, bias) + residual))

        call(self.x, residual=self.residual if with_residual else None)
        dx = bn.backward(self.dy)
        pairs = [(dx, finite_differences(lambda x: loss(x=x), self.x))]
        if bn.affine:
            pairs += [
                (bn.weight_grad, finite_differences(lambda w: loss(weight=w), self.weight)),
                (bn.bias_grad, finite_differences(lambda b: loss(bias=b), self.bias)),
            ]
        if with_residual:
            slopes = finite_differences(lambda r: loss(residual=r), residual)
            pairs.append((bn.residual_grad, slopes))
        else:
            assert bn.residual_grad is None
        for result, expected in pairs:
            np.testing.assert_allclose(result, expected, rtol=1e-7, atol=1e-8)
        fresh, dy = np.empty_like(self.x), self.dy.copy()
        assert bn.backward(self.dy, out=fresh) is fresh
        assert bn.backward(dy, out=dy) is dy
        np.testing.assert_array_equal(fresh, dx)
        np.testing.assert_array_equal(dy, dx)


def state_of(bn):
    """Return a copy of everything that a call may change."""
    return copy.deepcopy([bn.state_dict(), bn.weight_grad, bn.bias_grad, bn.residual_grad])
