"""What goes wrong with files."""

from __future__ import annotations

from pathlib import Path

__all__ = ["FileError"]


class FileError(Exception):
    """A file that cannot be read, or that does not fit the others; its text names the file."""

    def __init__(self, path: Path, reason: object) -> None:
        super().__init__(f"{path}: {reason}")
