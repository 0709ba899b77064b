"""A .npy file normalized into another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bnfast import _core
from bnfast.channel_stats import ChannelStats
from bnfast.files import npy
from bnfast.files.errors import FileError
from bnfast.files.writing import new_file

__all__ = ["normalize"]


def normalize(
    source: Path,
    target: Path,
    stats: ChannelStats,
    *,
    channel_axis: int = -1,
    dtype: DTypeLike | None = None,
    eps: float = 0.0,
    progress: Callable[[Path, int], None] = lambda path, count: None,
) -> None:
    """Write ``(x - mean)/sqrt(var + eps)`` of a .npy file's values to another, block by block.

    Parameters
    ----------
    source, target : Path
        `target` appears, or is replaced, when all is done; after an error it is what it was.
    stats : ChannelStats
        Its mean and variance are meant. A constant channel becomes ``x - mean``.
    channel_axis : int
        Of the array.
    dtype : dtype, optional
        float16, float32 or float64 of the result. Default: that of floats, float32 of integers.
    eps : float
        Added to the variance.
    progress : callable
        Called with the file and a count of its bytes whenever these have been normalized.

    Raises
    ------
    FileError
        `source` cannot be read or has other channels, is `target` itself, or `target` cannot be
        written.
    """
    mean, std = stats.mean, stats.std()
    if eps == 0:
        std[std == 0] = 1
    try:
        if target.exists() and target.samefile(source):
            raise ValueError("is to be read and written at once: name another file to write")
        with source.open("rb", buffering=0) as file:
            header = npy.read_header(file)
            _check_channels(header.layout(channel_axis).channels, stats)
            result = _result_dtype(header.dtype, dtype)
            with new_file(target) as written:
                offset = npy.write_header(written, header.shape, header.fortran_order, result)
                for block, x in npy.read_blocks(file, header, channel_axis):
                    y = _core.standardize(x, mean, std, channel_axis=1, eps=eps, dtype=result)
                    npy.write_block(written, offset, block, y)
                    progress(source, x.nbytes)
    except (OSError, ValueError, TypeError) as error:
        raise FileError(source, error) from error


def _check_channels(found: int, stats: ChannelStats) -> None:
    if found != stats.num_features:
        raise ValueError(f"{found} channels, but the statistics are of {stats.num_features}")


def _result_dtype(source: np.dtype[Any], wanted: DTypeLike | None) -> np.dtype[Any]:
    none: NDArray[Any] = np.empty((0, 1), source.newbyteorder("="))
    return _core.standardize(none, dtype=wanted).dtype
