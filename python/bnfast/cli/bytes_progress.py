"""How much of the files' bytes has been done, how fast, and what is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from bnfast.cli.progress import Progress

__all__ = ["BytesProgress"]

_CELLS = 24
_SECONDS_BETWEEN = 0.1


class BytesProgress:
    """A bar on a terminal, rewritten as bytes of files are done.

    Parameters
    ----------
    progress : callable
        Shows one line.
    total : int
        The bytes of all files.
    clock : callable
        Seconds.

    Examples
    --------
    >>> from pathlib import Path
    >>> from bnfast.cli.bytes_progress import BytesProgress
    >>> seconds = iter([0.0, 2.0])
    >>> bar = BytesProgress(print, 4_000_000, lambda: next(seconds))
    >>> bar(Path("x.npy"), 1_000_000)
    [######                  ]  25 %  0.5 MB/s  6 s left  x.npy
    """

    def __init__(
        self,
        progress: Progress | Callable[[str], None],
        total: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._progress = progress
        self._total = max(total, 1)
        self._clock = clock
        self._began = self._shown = clock()
        self._done = 0

    def __call__(self, path: Path, count: int) -> None:
        """Say that so many more bytes are done."""
        self._done += count
        now = self._clock()
        if self._done == 0 or now - self._shown < _SECONDS_BETWEEN:
            return
        self._shown = now
        share = min(self._done / self._total, 1.0)
        speed = self._done / (now - self._began)
        left = max(self._total - self._done, 0) / speed
        bar = ("#" * int(share * _CELLS)).ljust(_CELLS)
        self._progress(
            f"[{bar}] {100 * share:3.0f} %  {_rate(speed)}  {left:.0f} s left  {path.name}"
        )


def _rate(speed: float) -> str:
    return f"{speed / 1e9:.1f} GB/s" if speed >= 1e9 else f"{speed / 1e6:.1f} MB/s"
