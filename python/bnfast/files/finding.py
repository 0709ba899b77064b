"""Which files are meant."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from bnfast.files.errors import FileError

__all__ = ["ARRAYS", "IMAGES", "find", "is_image"]

ARRAYS = (".npy", ".npz")
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


def is_image(path: Path) -> bool:
    """Return whether the name is an image's."""
    return path.suffix.lower() in IMAGES


def find(paths: Iterable[str | Path]) -> list[Path]:
    """Return the files meant: those named, and those of known kinds in directories named.

    Parameters
    ----------
    paths : iterable of str or Path
        Files and directories. These are searched with all below them, in the order of names.

    Returns
    -------
    list of Path

    Raises
    ------
    FileError
        A path that is not there, a file of another kind, a directory without data.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        found += _files_below(path) if path.is_dir() else [_checked(path)]
    return found


def _files_below(directory: Path) -> list[Path]:
    found: list[Path] = []
    for folder, folders, names in os.walk(directory):
        folders.sort()
        found += [Path(folder, name) for name in sorted(names) if _is_known(Path(name))]
    if not found:
        raise FileError(directory, f"no file in it ends in {_KNOWN}")
    return found


def _checked(path: Path) -> Path:
    if not path.exists():
        raise FileError(path, "no such file or directory")
    if not _is_known(path):
        raise FileError(path, f"expected a name that ends in {_KNOWN}")
    return path


def _is_known(path: Path) -> bool:
    return path.suffix.lower() in ARRAYS + IMAGES


_KNOWN = ", ".join(ARRAYS + IMAGES)
