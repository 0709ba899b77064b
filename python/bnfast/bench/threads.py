"""Let all that are timed use the same number of threads."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bnfast import _core
from bnfast.bench.peers_torch import installed


@contextmanager
def using_threads(threads: int) -> Iterator[None]:
    """Let bnfast, and PyTorch if it can be imported, use `threads` threads, without gradients.

    Parameters
    ----------
    threads : int
        How many.

    Yields
    ------
    None
        The numbers of before are restored at the end.

    Examples
    --------
    >>> import bnfast
    >>> from bnfast.bench.threads import using_threads
    >>> with using_threads(3):
    ...     bnfast.get_num_threads()
    3
    """
    before = _core.default_threads()
    _core.set_num_threads(threads)
    try:
        with _pytorch_using(threads):
            yield
    finally:
        chosen = before["source"] == "set_num_threads"
        _core.set_num_threads(before["threads"] if chosen else None)


@contextmanager
def _pytorch_using(threads: int) -> Iterator[None]:
    torch = _pytorch()
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(before)


def _pytorch() -> Any:
    """Return PyTorch, or None; one that is broken raises what it likes."""
    if not installed():
        return None
    try:
        import torch
    except Exception:
        return None
    return torch
