"""Arrays in .npy files, read and written block by block through ordinary file access.

A memory map's pages would count as this process's memory for as long as the system leaves them.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from bnfast.files.ahead import one_ahead
from bnfast.files.blocks import Block, Layout

__all__ = ["Header", "read_blocks", "read_header", "write_block", "write_header"]

_READERS = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
}


class Header(NamedTuple):
    """What the head of a .npy file says."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]
    offset: int

    def layout(self, channel_axis: int) -> Layout:
        """Return how the array lies."""
        return Layout.of(self.shape, channel_axis, self.fortran_order)


def read_header(file: BinaryIO) -> Header:
    """Read the head of a .npy file.

    Raises
    ------
    ValueError
        Not a .npy file, one of Python objects or of fields, or one that ends early.
    """
    version = npy_format.read_magic(file)
    if version not in _READERS:
        raise ValueError(f"format {version} of .npy, for arrays with fields, is not read")
    shape, fortran_order, dtype = _READERS[version](file)
    if dtype.hasobject or dtype.names is not None:
        raise ValueError(f"arrays of dtype {dtype} are not read")
    header = Header(shape, fortran_order, dtype, file.tell())
    expected = header.offset + prod(shape) * dtype.itemsize
    found = file.seek(0, 2)
    if found < expected:
        raise ValueError(f"ends early: {found} bytes, expected {expected}")
    return header


def read_blocks(
    file: BinaryIO, header: Header, channel_axis: int
) -> Iterator[tuple[Block, NDArray[Any]]]:
    """Yield all blocks with their values, the next one being read meanwhile.

    Each array is overwritten after the next has been asked for.
    """
    buffers: list[NDArray[np.uint8]] = [np.empty(0, np.uint8) for _ in range(2)]

    def read(numbered: tuple[int, Block]) -> tuple[Block, NDArray[Any]]:
        number, block = numbered
        size = prod(block.shape) * header.dtype.itemsize
        if buffers[number % 2].size < size:
            buffers[number % 2] = np.empty(size, np.uint8)
        values = buffers[number % 2][:size]
        _read_into(values, file, header, block)
        array = values.view(header.dtype).reshape(block.shape)
        native = array.dtype.newbyteorder("=")
        return block, array if native == array.dtype else array.astype(native)

    blocks = header.layout(channel_axis).blocks(header.dtype.itemsize)
    yield from one_ahead(read, enumerate(blocks))


def _read_into(values: NDArray[np.uint8], file: BinaryIO, header: Header, block: Block) -> None:
    left = values.data
    for start in block.starts:
        run, left = _split(left, block.run * header.dtype.itemsize)
        file.seek(header.offset + start * header.dtype.itemsize)
        while run:
            count = file.readinto(run)  # type: ignore[attr-defined]  # of every file of bytes
            if not count:
                raise ValueError("ends early: it has become shorter")
            run = run[count:]


def _split(view: memoryview, size: int) -> tuple[memoryview, memoryview]:
    return view[:size], view[size:]


def write_header(
    file: BinaryIO, shape: tuple[int, ...], fortran_order: bool, dtype: np.dtype[Any]
) -> int:
    """Write the head of a .npy file; return where its values begin."""
    described = {
        "shape": shape,
        "fortran_order": fortran_order,
        "descr": npy_format.dtype_to_descr(dtype),
    }
    npy_format.write_array_header_1_0(file, described)
    return file.tell()


def write_block(file: BinaryIO, offset: int, block: Block, values: NDArray[Any]) -> None:
    """Write the values of a block to their places."""
    left = values.reshape(-1).view(np.uint8).data
    for start in block.starts:
        run, left = _split(left, block.run * values.dtype.itemsize)
        file.seek(offset + start * values.dtype.itemsize)
        file.write(run)
