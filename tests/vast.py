"""Arrays of more than 2**31 elements in little memory: their pages are one small piece of memory,
seen again and again, and at the end a piece of their own."""

import ctypes
import mmap
import os

import numpy as np

PIECE = 2**24  # bytes; even, so that each begins at the same element of a row of 4
PIECES = 2**32 // PIECE  # of 2**31 elements of two bytes
MAP_FIXED = 0x10

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]


class Vast:
    """2**32 bytes that repeat `PIECE` bytes, and `PIECE` bytes more."""

    def __init__(self):
        self.size = (PIECES + 1) * PIECE
        self.start = mapped(None, self.size, 0, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1)
        for name, first, last in (("repeated", 0, PIECES), ("tail", PIECES, PIECES + 1)):
            memory = os.memfd_create(name)
            os.ftruncate(memory, PIECE)
            for piece in range(first, last):
                place = self.start + piece * PIECE
                readable = mmap.PROT_READ | mmap.PROT_WRITE
                mapped(place, PIECE, readable, mmap.MAP_SHARED | MAP_FIXED, memory)
            os.close(memory)

    def array(self, dtype):
        """Return all of it. No array may be used after the object is gone."""
        memory = (ctypes.c_uint8 * self.size).from_address(self.start)
        return np.frombuffer(memory, dtype)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        libc.munmap(ctypes.c_void_p(self.start), ctypes.c_size_t(self.size))


def mapped(place, size, protection, flags, file):
    start = libc.mmap(place, size, protection, flags, file, 0)
    if start == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), "mmap failed")
    return start
