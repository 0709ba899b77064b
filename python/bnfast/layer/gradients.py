"""What a forward leaves for its backward: how `x` was normalized, which can give the gradients."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

from bnfast import _core
from bnfast.results import BatchNormGradients

__all__ = ["Arguments", "BatchStatistics", "Differentiable", "RunningStatistics"]

Array = NDArray[Any]


class Arguments(NamedTuple):
    """The arguments of a layer's backward; x and residual are those of its forward."""

    dy: Any
    x: Any
    residual: Any
    out: Array | None
    weight: Array | None
    bias: Array | None
    affine: bool
    channel_axis: int
    activation: Any

    def gradients(
        self, mean: Array, invstd: Array, *, training: bool, wants_dx: bool = True
    ) -> BatchNormGradients:
        """Return the gradients by these statistics: the batch's own (`training`), or constants."""
        affine = self.affine or not wants_dx
        return _core.batch_norm_backward(
            self.dy,
            self.x,
            mean,
            invstd,
            self.weight,
            self.bias,
            channel_axis=self.channel_axis,
            training=training,
            activation=self.activation,
            residual=self.residual,
            output_mask=(wants_dx, affine, affine),
            out=self.out if wants_dx else None,
        )


class Differentiable(Protocol):
    """How an array was normalized."""

    def gradients(self, arguments: Arguments) -> BatchNormGradients:
        """Return the gradients of that normalization."""


class BatchStatistics(NamedTuple):
    """By the batch's own statistics, of shape (C,)."""

    mean: Array
    invstd: Array

    def gradients(self, arguments: Arguments) -> BatchNormGradients:
        """Return the gradients of batch normalization."""
        return arguments.gradients(self.mean, self.invstd, training=True)


class RunningStatistics(NamedTuple):
    """By statistics of shape (C,) that do not depend on the batch."""

    mean: Array
    invstd: Array

    def gradients(self, arguments: Arguments) -> BatchNormGradients:
        """Return the gradients of an affine map."""
        return arguments.gradients(self.mean, self.invstd, training=False)
