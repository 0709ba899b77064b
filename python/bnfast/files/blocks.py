"""How the array of a file is cut into parts that fit in little memory."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import NamedTuple

__all__ = ["Block", "Layout"]

_BLOCK_BYTES = 8 * 1024 * 1024


class Block(NamedTuple):
    """A part of the array.

    Attributes
    ----------
    shape : tuple of int
        (outer, C, inner).
    starts : range
        Where its runs of elements begin; counted in elements, as all of this.
    run : int
        The elements of each run.
    """

    shape: tuple[int, int, int]
    starts: range
    run: int


class Layout(NamedTuple):
    """An array as it lies in its file: C runs of `inner` elements, `outer` times."""

    outer: int
    channels: int
    inner: int

    @classmethod
    def of(cls, shape: tuple[int, ...], channel_axis: int, fortran_order: bool) -> Layout:
        """Return the layout of an array.

        Raises
        ------
        ValueError
            There is no such axis.
        """
        rank = len(shape)
        if not -rank <= channel_axis < rank:
            raise ValueError(f"there is no channel axis {channel_axis} in shape {shape}")
        axis = channel_axis % rank
        if fortran_order:
            shape, axis = shape[::-1], rank - 1 - axis
        return cls(prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :]))

    def blocks(self, itemsize: int) -> Iterator[Block]:
        """Yield all of the array in blocks of about 8 MB."""
        most = max(1, _BLOCK_BYTES // itemsize)
        whole = self.channels * self.inner
        if whole == 0:
            return
        if whole <= most:
            yield from self._of_whole_outers(most // whole)
        else:
            yield from self._of_parts_of_planes(max(1, most // self.channels))

    def _of_whole_outers(self, step: int) -> Iterator[Block]:
        whole = self.channels * self.inner
        for begin in range(0, self.outer, step):
            outer = min(step, self.outer - begin)
            start = begin * whole
            yield Block((outer, self.channels, self.inner), range(start, start + 1), outer * whole)

    def _of_parts_of_planes(self, step: int) -> Iterator[Block]:
        whole = self.channels * self.inner
        for first in range(0, self.outer * whole, whole):
            for begin in range(0, self.inner, step):
                inner = min(step, self.inner - begin)
                start = first + begin
                yield Block(
                    (1, self.channels, inner), range(start, start + whole, self.inner), inner
                )
