"""Statistics and standardization of Dask arrays, block by block.

Everything runs on Dask's own schedulers, threads of this process or workers of a cluster, in memory
for a few blocks. Each task works on one thread, for Dask runs as many tasks as there are cores.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

import bnfast
from bnfast import ChannelStats
from bnfast.channel_stats.readings import NanPolicy

try:
    import dask
    import dask.array as da
except ImportError as error:
    raise ImportError("bnfast.dask needs dask: pip install 'bnfast[dask]'") from error

__all__ = ["channel_stats", "standardize"]

Array = NDArray[Any]


def channel_stats(
    array: Any,
    *,
    channel_axis: int = -1,
    minmax: bool = False,
    nan_policy: NanPolicy = "propagate",
    split_every: int | None = None,
    compute: bool = True,
) -> Any:
    """Take the statistics of an array, each of its blocks in one read.

    The statistics of blocks are merged by Dask's tree reduction, in an order that the chunks and
    `split_every` decide: the result has the same bits on any number of threads, processes and
    machines. (Of integers of 8 and 16 bits, with any chunks too.)

    Parameters
    ----------
    array : dask.array.Array of float16, bfloat16, float32, float64, uint8, int8, uint16 or int16
        Any shape with one channel axis; lengths of other axes may be unknown. If the channel axis
        lies in several chunks, it is put into one first: chunk the other axes so that this fits.
    channel_axis : int
        Default -1.
    minmax, nan_policy
        As of `bnfast.ChannelStats`.
    split_every : int, optional
        Blocks that one task of the tree merges. Default: Dask's, see `dask.array.reduction`.
    compute : bool
        False: return a `dask.delayed.Delayed` of the result, to be computed together with others.

    Returns
    -------
    bnfast.ChannelStats

    Raises
    ------
    TypeError
        Not a Dask array, or one of another dtype.
    ValueError
        No such axis; what `bnfast.ChannelStats` refuses.

    Examples
    --------
    >>> import dask.array as da
    >>> from bnfast.dask import channel_stats
    >>> table = da.arange(3_000_000, chunks=300_000).reshape(-1, 3).astype("float32")
    >>> stats = channel_stats(table)
    >>> stats.count, stats.mean
    (1000000, array([1499998.5, 1499999.5, 1500000.5]))
    """
    axis = _checked_axis(array, channel_axis)
    options = {"channel_axis": channel_axis, "minmax": minmax, "nan_policy": nan_policy}
    _refuse_dtype(array.dtype, array.ndim, options)
    whole = array if array.numblocks[axis] == 1 else array.rechunk({axis: -1})
    reduced = da.reduction(
        whole,
        chunk=partial(_stats_of_block, options=options),
        aggregate=_merged,
        dtype=object,
        split_every=split_every,
        meta=np.empty((), object),
    )
    if compute:
        return reduced.compute().item()
    # Not optimized by itself: what it shares with others would no longer be the same tasks.
    (boxed,) = reduced.to_delayed(optimize_graph=False).ravel()
    return dask.delayed(np.ndarray.item)(boxed)


def _stats_of_block(block: Array, axis: Any, keepdims: bool, *, options: dict[str, Any]) -> Array:
    return _boxed(ChannelStats(**options).update(block, num_threads=1), block.ndim)


def _merged(parts: Array, axis: Any, keepdims: bool) -> Array:
    return _boxed(ChannelStats.merged(parts.ravel()), parts.ndim if keepdims else 0)


def _boxed(stats: ChannelStats, ndim: int) -> Array:
    """Return an array of this one object, for Dask reduces arrays."""
    box = np.empty((1,) * ndim, object)
    box[(0,) * ndim] = stats
    return box


def standardize(
    array: Any,
    stats: ChannelStats,
    *,
    channel_axis: int | None = None,
    eps: float = 0.0,
    dtype: DTypeLike | None = None,
) -> Any:
    """Bring channels to mean 0 and standard deviation 1: ``(array - mean)/sqrt(var + eps)``.

    Parameters
    ----------
    array : dask.array.Array of float16, bfloat16, float32, float64, uint8, int8, uint16 or int16
        Any shape and any chunks, of the channel axis too.
    stats : bnfast.ChannelStats
        Those of `array`, or of what a model was trained on. A channel of variance 0 is not divided.
    channel_axis : int, optional
        Default: that of `stats`.
    eps : float
        Added to the variance.
    dtype : dtype, optional
        float16, bfloat16, float32 or float64; default: the array's, or float32 where it holds
        integers.

    Returns
    -------
    dask.array.Array
        Not computed yet: of the array's shape and chunks.

    Raises
    ------
    TypeError
        Not a Dask array or not statistics; another dtype than those above.
    ValueError
        No such axis; statistics without values, or of another number of channels.

    Examples
    --------
    >>> import dask.array as da
    >>> from bnfast.dask import channel_stats, standardize
    >>> table = da.arange(12, chunks=6).reshape(-1, 3).astype("float32")
    >>> standardize(table, channel_stats(table)).compute().round(3)
    array([[-1.342, -1.342, -1.342],
           [-0.447, -0.447, -0.447],
           [ 0.447,  0.447,  0.447],
           [ 1.342,  1.342,  1.342]], dtype=float32)
    """
    if not isinstance(stats, ChannelStats):
        raise TypeError(f"stats must be a bnfast.ChannelStats, got {type(stats).__name__}")
    axis = _checked_axis(array, stats.channel_axis if channel_axis is None else channel_axis)
    mean, std = _divisors(stats, array.shape[axis], eps)
    of_block = partial(_standardized_block, axis=axis, eps=eps, dtype=dtype)
    sample = np.empty([len(mean) if a == axis else 0 for a in range(array.ndim)], array.dtype)
    meta = of_block(sample, mean, std)
    return da.map_blocks(
        of_block,
        array,
        _along(axis, array, mean),
        _along(axis, array, std),
        dtype=meta.dtype,
        meta=meta,
    )


def _divisors(stats: ChannelStats, channels: int, eps: float) -> tuple[Array, Array]:
    """Return mean and standard deviation: NaN stays in its channel, zero becomes 1."""
    if stats.num_features is None or not np.any(stats.count):
        raise ValueError(f"stats must have values, got {stats}")
    if stats.num_features != channels:
        raise ValueError(f"stats must be of {channels} channels, got {stats.num_features}")
    mean, std = stats.mean, stats.std()
    mean[np.isnan(std)] = np.nan
    std[np.isnan(std) | ((std == 0) & (eps == 0))] = 1
    return mean, std


def _along(axis: int, array: Any, values: Array) -> Any:
    """Return values per channel as a Dask array that lies along the array's channel chunks."""
    shape = [1] * array.ndim
    shape[axis] = -1
    return da.from_array(
        values.reshape(shape),
        chunks=tuple(array.chunks[a] if a == axis else (1,) for a in range(array.ndim)),
    )


def _standardized_block(
    block: Array, mean: Array, std: Array, *, axis: int, eps: float, dtype: DTypeLike | None
) -> Array:
    return bnfast.standardize(
        block,
        mean.ravel(),
        std.ravel(),
        channel_axis=axis,
        eps=eps,
        dtype=dtype,
        num_threads=1,
    )


def _checked_axis(array: Any, channel_axis: int) -> int:
    if not isinstance(array, da.Array):
        raise TypeError(f"array must be a dask.array.Array, got {type(array).__name__}")
    if not -array.ndim <= channel_axis < array.ndim:
        raise ValueError(
            f"channel_axis must lie in [-{array.ndim}, {array.ndim}) for a {array.ndim}-d array, "
            f"got {channel_axis}"
        )
    axis: int = channel_axis % array.ndim
    return axis


def _refuse_dtype(dtype: Any, ndim: int, options: dict[str, Any]) -> None:
    """Refuse now what every block's statistics would refuse later."""
    stats = ChannelStats(**options)
    try:
        stats.update(np.empty((0,) * ndim, dtype))
    except TypeError:
        raise TypeError(
            f"array must be of a dtype that bnfast.ChannelStats takes, got {dtype}"
        ) from None
