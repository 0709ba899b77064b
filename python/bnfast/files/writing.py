"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["check_target", "new_file"]


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that takes its name when all has been written, and vanishes after an error."""
    check_target(path)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    with unfinished.open("xb") as file:
        try:
            yield file
            file.flush()
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink()
            raise


def check_target(path: Path) -> None:
    """Raise OSError if `new_file` cannot write there: asked before the work that is to be saved.

    Examples
    --------
    >>> from pathlib import Path
    >>> from bnfast.files.writing import check_target
    >>> check_target(Path("nowhere/x.json"))
    Traceback (most recent call last):
    FileNotFoundError: [Errno 2] No such file or directory: 'nowhere'
    """
    folder = path.parent
    if path.is_dir():
        raise _error(errno.EISDIR, path)
    if path.exists() and not path.is_file():
        raise OSError(f"expected a regular file to replace, got {str(path)!r}")
    if not folder.is_dir():
        raise _error(errno.ENOTDIR if folder.exists() else errno.ENOENT, folder)
    for place in (folder, path):
        if place.exists() and not os.access(place, os.W_OK):
            raise _error(errno.EACCES, place)


def _error(number: int, path: Path) -> OSError:
    """Return what the system would raise."""
    return OSError(number, os.strerror(number), str(path))
