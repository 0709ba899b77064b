"""`ChannelStats` of the data in files."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnfast._core import get_num_threads
from bnfast.channel_stats import ChannelStats
from bnfast.files import npy
from bnfast.files.ahead import several_ahead
from bnfast.files.errors import FileError
from bnfast.files.finding import is_image
from bnfast.files.images import read_image, require_pillow

__all__ = ["channel_stats"]


class Part(NamedTuple):
    """What a file holds, or some of it."""

    array: NDArray[Any]
    channel_axis: int
    size: int  # bytes of the file that it stands for
    label: str = ""  # what an error says besides the file's name


_BROKEN = (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)


def channel_stats(
    paths: Sequence[Path],
    *,
    channel_axis: int = -1,
    member: str | None = None,
    nan_policy: Any = "propagate",
    progress: Callable[[Path, int], None] = lambda path, count: None,
) -> ChannelStats:
    """Return the statistics of all data in files, with `min` and `max`.

    Parameters
    ----------
    paths : sequence of Path
        As `find` returns them: .npy, read in blocks; .npz, whose members are held one at a time;
        images.
    channel_axis : int
        Of the arrays. Images have their channels last.
    member : str, optional
        The one to read of each .npz. Default: all.
    nan_policy : {"propagate", "omit", "raise"}
        As in `ChannelStats`.
    progress : callable
        Called with the file and a count of its bytes whenever these have been read.

    Returns
    -------
    ChannelStats

    Raises
    ------
    FileError
        A file that cannot be read, or that has another number of channels than those before.
    ImportError
        There are images, and no Pillow.

    Examples
    --------
    >>> import numpy as np, pathlib, tempfile
    >>> from bnfast.files import channel_stats
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "x.npy")
    ...     np.save(path, np.array([[1, 10], [3, 30]], np.uint8))
    ...     channel_stats([path]).mean
    array([ 2., 20.])
    """
    if any(map(is_image, paths)):
        require_pillow()
    stats = ChannelStats(channel_axis=channel_axis, minmax=True, nan_policy=nan_policy)
    first = None
    for path, parts in _files(paths, channel_axis, member):
        for part in _checked(path, parts):
            first = first or path
            own = ChannelStats(channel_axis=part.channel_axis, minmax=True, nan_policy=nan_policy)
            try:
                stats.merge(_of_same_channels(own.update(part.array), stats, first))
            except _BROKEN as error:
                raise FileError(path, f"{part.label}{error}") from error
            progress(path, part.size)
    return stats


def _of_same_channels(own: ChannelStats, before: ChannelStats, first: Path) -> ChannelStats:
    if before.num_features in (None, own.num_features):
        return own
    raise ValueError(f"{own.num_features} channels, but {first} has {before.num_features}")


def _checked(path: Path, parts: Iterator[Part]) -> Iterator[Part]:
    try:
        yield from parts
    except _BROKEN as error:
        raise FileError(path, error) from error


def _files(
    paths: Sequence[Path], channel_axis: int, member: str | None
) -> Iterator[tuple[Path, Iterator[Part]]]:
    for are_images, group in groupby(paths, is_image):
        if are_images:
            yield from several_ahead(_image, group, get_num_threads())
            continue
        for path in group:
            if path.suffix.lower() == ".npy":
                yield path, _blocks(path, channel_axis)
            else:
                yield path, _members(path, channel_axis, member)


def _image(path: Path) -> tuple[Path, Iterator[Part]]:
    frames = read_image(path)
    size = path.stat().st_size // len(frames)
    return path, iter([Part(frame, -1, size) for frame in frames])


def _blocks(path: Path, channel_axis: int) -> Iterator[Part]:
    with path.open("rb", buffering=0) as file:
        header = npy.read_header(file)
        # No values, but a dtype and a number of channels, even where the file holds nothing else.
        channels = header.layout(channel_axis).channels
        yield Part(np.empty((0, channels), header.dtype.newbyteorder("=")), 1, 0)
        for _, array in npy.read_blocks(file, header, channel_axis):
            yield Part(array, 1, array.nbytes)


def _members(path: Path, channel_axis: int, member: str | None) -> Iterator[Part]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        if member is not None and member not in archive:
            raise ValueError(f"no member {member!r}, it has {', '.join(archive)}")
        names = archive.files if member is None else [member]
        for name in names:
            label = f"member {name!r}: "
            try:
                array = archive[name]
            except _BROKEN as error:
                raise FileError(path, f"{label}{error}") from error
            yield Part(array, channel_axis, path.stat().st_size // len(names), label)
