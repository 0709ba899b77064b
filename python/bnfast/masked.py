"""Batch norm whose statistics leave some positions out, such as padding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from bnfast import _core
from bnfast.inputs import as_array, as_values
from bnfast.results import BatchNormForward, BatchNormGradients, Moments

if TYPE_CHECKING:
    from collections.abc import Sequence

Array = NDArray[Any]


def forward(
    x: Any,
    weight: Any,
    bias: Any,
    eps: float,
    channel_axis: int,
    activation: Any,
    residual: Any,
    mask: Any,
    out: Array | None,
    num_threads: int | None,
) -> BatchNormForward:
    """Do what `bnfast.batch_norm_forward` says of a mask.

    Statistics are those of the positions where `mask` is True; all positions are normalized.

    Examples
    --------
    >>> import numpy as np, bnfast
    >>> x = np.array([[1.0], [3.0], [99.0]])
    >>> result = bnfast.batch_norm_forward(x, eps=0.0, mask=np.array([True, True, False]))
    >>> result.y.ravel(), result.count
    (array([-1.,  1., 97.]), 2)
    """
    x = as_array(x, "x")
    kept = selected(x, checked(mask, x, channel_axis), channel_axis)
    mean, var, count = _moments(kept, num_threads)
    y = _core.batch_norm(
        x,
        mean,
        var,
        weight,
        bias,
        eps=eps,
        channel_axis=channel_axis,
        activation=activation,
        residual=residual,
        out=out,
        num_threads=num_threads,
    )
    with np.errstate(all="ignore"):  # infinite or NaN, as in the core
        invstd = 1 / np.sqrt(var + eps)
    return BatchNormForward(y, mean, invstd, count)


def backward(
    dy: Any,
    x: Any,
    mean: Any,
    invstd: Any,
    weight: Any,
    bias: Any,
    channel_axis: int,
    training: bool,
    activation: Any,
    negative_slope: float,
    residual: Any,
    mask: Any,
    output_mask: Sequence[bool],
    out: Array | None,
    num_threads: int | None,
) -> BatchNormGradients:
    """Do what `bnfast.batch_norm_backward` says of a mask.

    All positions add to the sums over dy, for all depend on the statistics; what the sums give back
    goes to the positions that the statistics were taken from.
    """
    x, dy = as_array(x, "x"), as_array(dy, "dy")
    kept = checked(mask, x, channel_axis)
    if not training:
        return _core.batch_norm_backward(
            dy,
            x,
            mean,
            invstd,
            weight,
            bias,
            channel_axis=channel_axis,
            training=False,
            activation=activation,
            negative_slope=negative_slope,
            residual=residual,
            output_mask=output_mask,
            out=out,
            num_threads=num_threads,
        )
    fused = activation is not None or residual is not None
    sums = _core.batch_norm_backward(
        dy,
        x,
        mean,
        invstd,
        weight,
        bias,
        channel_axis=channel_axis,
        activation=activation,
        negative_slope=negative_slope,
        residual=np.zeros_like(x) if fused and residual is None else residual,
        output_mask=(False, True, True),
        num_threads=num_threads,
    )
    g, dx = sums.dresidual, None
    dweight, dbias = cast(Array, sums.dweight), cast(Array, sums.dbias)
    if output_mask[0]:
        through = dy if g is None else g
        left_out = _by_constants(
            selected(through, ~kept, channel_axis), mean, invstd, weight, num_threads
        )
        with np.errstate(all="ignore"):  # infinite or NaN, as in the core
            sum_dy_xmu = dweight / as_values(invstd, "invstd")
        dx = _core.batch_norm_backward_elemt(
            through,
            x,
            mean,
            invstd,
            weight,
            dbias,
            sum_dy_xmu,
            max(int(np.count_nonzero(kept)), 1),
            channel_axis=channel_axis,
            out=out,
            num_threads=num_threads,
        )
        np.moveaxis(dx, channel_axis, -1)[~kept] = left_out
    elif out is not None:
        raise ValueError("out must be None when output_mask leaves out dx")
    return BatchNormGradients(
        dx,
        dweight if output_mask[1] else None,
        dbias if output_mask[2] else None,
        None if residual is None else g,
    )


def _moments(rows: Array, num_threads: int | None) -> Moments:
    if len(rows) == 0:
        return Moments(np.zeros(rows.shape[1]), np.zeros(rows.shape[1]), 0)
    return _core.moments(rows, channel_axis=-1, num_threads=num_threads)


def _by_constants(
    rows: Array, mean: Any, invstd: Any, weight: Any, num_threads: int | None
) -> Array | None:
    """Return the gradient that these rows give back through constant statistics."""
    return _core.batch_norm_backward(
        rows,
        rows,  # without an activation the gradient does not depend on x
        mean,
        invstd,
        weight,
        channel_axis=-1,
        training=False,
        output_mask=(True, False, False),
        num_threads=num_threads,
    ).dx


def selected(x: Array, positions: Array, channel_axis: int) -> Array:
    """Return the channels at these positions as rows: a copy."""
    rows: Array = np.moveaxis(x, channel_axis, -1)[positions]
    return rows


def checked(mask: Any, x: Array, channel_axis: int) -> Array:
    """Return the mask as an array; bool, of x's shape without the channel axis, or an error."""
    array = as_values(mask, "mask")
    if array.dtype != np.bool_:
        raise TypeError(f"mask must be an array of bool, got {array.dtype}")
    shape = list(x.shape)
    if not shape:
        raise ValueError("x must have at least 1 axis, got a 0-d array")
    if not -len(shape) <= channel_axis < len(shape):
        raise ValueError(
            f"channel_axis must lie in [-{len(shape)}, {len(shape)}) for a {len(shape)}-d x, "
            f"got {channel_axis}"
        )
    del shape[channel_axis]
    if array.shape != tuple(shape):
        raise ValueError(
            f"mask must have x's shape without the channel axis, {tuple(shape)}, got {array.shape}"
        )
    return array
