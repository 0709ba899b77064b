"""Progress on a terminal, and nowhere else."""

import os
import sys


class Progress:
    """One line on standard error, rewritten at each step if that is a terminal, else nothing.

    Examples
    --------
    >>> from bnfast.cli.progress import Progress
    >>> with Progress() as progress:
    ...     progress("reading")
    """

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def __call__(self, step: str) -> None:
        """Say what is being done."""
        self._rewrite(f"... {step}")

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Take the line away, before something else is printed."""
        self._rewrite("")

    def _rewrite(self, text: str) -> None:
        if self._shown:
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
