"""The machine's own speed at a size: read, copy, and two reads with one write.

The probes are plain loops of the compiled module, independent of the kernels that are timed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from bnfast import _core
from bnfast.bench.contender import Timed
from bnfast.bench.interleave import Effort, interleave
from bnfast.bench.operations import Array, Call
from bnfast.bench.ratio import Floats

STORES = {"ordinary": False, "streaming": True}
# Up to this size, waking the other threads may cost more than they gain.
_SMALL = 1 << 20


@dataclass(frozen=True)
class Probe:
    """A loop over whole tensors: its name, its stores and how many tensors it moves."""

    name: str
    stores: str | None
    tensors: int
    call: Call


def probes(name: str, x: Array, z: Array, out: Array, threads: int) -> list[Probe]:
    """Return the probes of a kind: with each kind of stores, if it stores at all.

    Parameters
    ----------
    name : {"read", "copy", "add"}
        One, two or three tensors.
    x, z, out : ndarray
        C-contiguous, float32, of equal size; `z` is read by ``"add"`` alone.
    threads : int
        How many; small tensors are also tried with one.

    Returns
    -------
    list of Probe
        Their calls overwrite `out`.

    Examples
    --------
    >>> import numpy as np
    >>> from bnfast.bench.limits import probes
    >>> x, out = np.ones(1000, np.float32), np.zeros(1000, np.float32)
    >>> for probe in probes("copy", x, x, out, 1):
    ...     _ = probe.call()
    >>> out.sum().item()
    1000.0
    """
    make = {"read": _reads, "copy": _copies, "add": _adds}[name]
    counts = {1, threads} if x.nbytes <= _SMALL else {threads}
    return [probe for count in sorted(counts) for probe in make(x, z, out, count)]


def _reads(x: Array, z: Array, out: Array, threads: int) -> list[Probe]:
    return [Probe("read", None, 1, partial(_core.probe_read, x, threads))]


def _copies(x: Array, z: Array, out: Array, threads: int) -> list[Probe]:
    return [
        Probe("copy", stores, 2, partial(_core.probe_copy, x, out, streaming, threads))
        for stores, streaming in STORES.items()
    ]


def _adds(x: Array, z: Array, out: Array, threads: int) -> list[Probe]:
    return [
        Probe("add", stores, 3, partial(_core.probe_add, x, z, out, streaming, threads))
        for stores, streaming in STORES.items()
    ]


def fastest(seconds: Floats, measured: Sequence[Probe]) -> tuple[Probe, Floats]:
    """Return the probe whose times, a column of `seconds`, have the smallest median; and these."""
    place = int(np.argmin(np.median(seconds, axis=0)))
    return measured[place], seconds[:, place]


@dataclass(frozen=True)
class Roofline:
    """Measured speeds for tensors of a size, in bytes per second.

    Attributes
    ----------
    nbytes : int
        Size of one tensor.
    threads : int
        How many ran.
    read, copy, add : float
        Of one tensor read; of one read and one written; of two read and one written.
    copy_stores, add_stores : {"ordinary", "streaming"}
        The kind of stores that was faster.
    """

    nbytes: int
    threads: int
    read: float
    copy: float
    add: float
    copy_stores: str
    add_stores: str

    def __str__(self) -> str:
        return (
            f"{self.nbytes / 1e6:.3g} MB, {self.threads} threads: read {self.read / 1e9:.1f} GB/s,"
            f" copy {self.copy / 1e9:.1f} ({self.copy_stores} stores),"
            f" two reads and a write {self.add / 1e9:.1f} ({self.add_stores} stores)"
        )


def roofline(
    nbytes: int = 100_000_000,
    threads: int | None = None,
    *,
    effort: Effort | None = None,
) -> Roofline:
    """Measure what the memory gives.

    Parameters
    ----------
    nbytes : int, default 100 MB
        Size of one tensor; three are allocated. A tensor that fits a cache is measured there.
        Below some 64 kB the cost of a call from Python counts too.
    threads : int, optional
        How many; `bnfast.get_num_threads()` by default.
    effort : Effort, optional
        How long to measure; 1 second by default.

    Returns
    -------
    Roofline
        For each pattern the better of ordinary and streaming stores.

    Raises
    ------
    TypeError
        If one of them is no integer.
    ValueError
        If `nbytes` is less than 4, a single float32, or `threads` is less than 1.

    Examples
    --------
    >>> from bnfast.bench import Effort, roofline
    >>> found = roofline(1_000_000, threads=1, effort=Effort(seconds=0.1))
    >>> found.read > 0 and found.copy > 0 and found.add > 0
    True
    """
    threads = _core.get_num_threads() if threads is None else threads
    for name, value, least in (("nbytes", nbytes, 4), ("threads", threads, 1)):
        if not hasattr(value, "__index__"):
            raise TypeError(f"{name} must be an integer, got {value!r}")
        if value < least:
            raise ValueError(f"{name} must be {least} or more, got {value}")
    x, z, out = (np.full(nbytes // 4, value, np.float32) for value in (1, 2, 0))
    kinds = {name: probes(name, x, z, out, threads) for name in ("read", "copy", "add")}
    every = [probe for kind in kinds.values() for probe in kind]
    times = interleave([Timed(probe.call) for probe in every], effort or Effort(seconds=1.0))
    found: dict[str, Any] = {}
    for name, kind in kinds.items():
        places = [every.index(probe) for probe in kind]
        best, seconds = fastest(times[:, places], kind)
        found[name] = best.tensors * x.nbytes / float(np.median(seconds))
        if best.stores:
            found[f"{name}_stores"] = best.stores
    return Roofline(nbytes=x.nbytes, threads=threads, **found)
