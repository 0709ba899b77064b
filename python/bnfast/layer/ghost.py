"""Ghost batch normalization: each group of a batch is normalized by its own statistics.

References
----------
E. Hoffer, I. Hubara and D. Soudry, "Train longer, generalize better: closing the generalization gap
in large batch training of neural networks", NeurIPS 2017, algorithm 1.
"""

from __future__ import annotations

import math
import operator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnfast import _core
from bnfast.layer.gradients import Arguments, Differentiable
from bnfast.results import BatchNormGradients

__all__ = ["Groups", "checked_size", "groups", "refuse_first_axis"]

Array = NDArray[Any]


def checked_size(size: Any) -> int | None:
    """Return what `BatchNorm` was given as ``virtual_batch_size``, or raise.

    Examples
    --------
    >>> from bnfast.layer.ghost import checked_size
    >>> checked_size(0)
    Traceback (most recent call last):
    ValueError: virtual_batch_size must be at least 1, got 0
    """
    if size is None:
        return None
    if isinstance(size, bool) or not hasattr(size, "__index__"):
        raise TypeError(f"virtual_batch_size must be an integer or None, got {size!r}")
    if operator.index(size) < 1:
        raise ValueError(f"virtual_batch_size must be at least 1, got {size}")
    return operator.index(size)


def groups(shape: tuple[int, ...], size: int, channel_axis: int) -> list[slice]:
    """Return the rows of each group of a batch of this shape.

    Groups are of `size` samples, the last one of what is left; a last one of a single value per
    channel, which has no variance, joins the one before it.

    Examples
    --------
    >>> from bnfast.layer.ghost import groups
    >>> groups((10, 3), size=4, channel_axis=1)
    [slice(0, 4, None), slice(4, 8, None), slice(8, 10, None)]
    >>> groups((9, 3), size=4, channel_axis=1)
    [slice(0, 4, None), slice(4, 9, None)]
    """
    refuse_first_axis(channel_axis, len(shape), "virtual_batch_size splits the batch")
    samples, axis = shape[0], channel_axis % len(shape)
    values = math.prod(shape[1:axis] + shape[axis + 1 :])
    starts = list(range(0, samples, size)) or [0]
    if len(starts) > 1 and (samples - starts[-1]) * values == 1:
        starts.pop()
    return [slice(*ends) for ends in zip(starts, [*starts[1:], samples], strict=True)]


def refuse_first_axis(channel_axis: int, ndim: int, use: str) -> None:
    """Refuse channels where samples are meant to lie."""
    if channel_axis % ndim == 0:
        raise ValueError(
            f"channel_axis must not be the first axis, along which {use}, got {channel_axis} for a "
            f"{ndim}-d x"
        )


class Groups(NamedTuple):
    """How each group of rows was normalized."""

    groups: list[tuple[slice, Differentiable]]

    def gradients(self, arguments: Arguments) -> BatchNormGradients:
        """Return the gradients, those of the parameters summed over the groups."""
        dy, x, residual, dx = _core.checked_gradient(
            arguments.dy, arguments.x, arguments.channel_axis, arguments.residual, arguments.out
        )
        dresidual = None if residual is None else np.empty_like(dx)
        each = []
        for rows, normalized in self.groups:
            part = normalized.gradients(
                arguments._replace(
                    dy=dy[rows],
                    x=x[rows],
                    residual=None if residual is None else residual[rows],
                    out=dx[rows],
                )
            )
            if dresidual is not None:
                dresidual[rows] = part.dresidual
            each.append(part)
        return BatchNormGradients(
            dx,
            _total([part.dweight for part in each]),
            _total([part.dbias for part in each]),
            dresidual,
        )


def _total(gradients: list[Array | None]) -> Array | None:
    given = [gradient for gradient in gradients if gradient is not None]
    return np.sum(given, axis=0) if given else None
