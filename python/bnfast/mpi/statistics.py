"""Statistics of what all ranks hold."""

from __future__ import annotations

from typing import Any

from bnfast import ChannelStats
from bnfast.mpi.exchange import TIMEOUT, Call, Float64s, checked, checked_timeout, share

__all__ = ["allreduce"]


def allreduce(
    stats: ChannelStats, comm: Any = None, *, timeout: float | None = TIMEOUT
) -> ChannelStats:
    """Merge the statistics of all ranks, in rank order.

    Every rank of `comm` calls it, also one that has no data: ``ChannelStats()`` fits all others.

    Parameters
    ----------
    stats : ChannelStats
        This rank's; not changed.
    comm : mpi4py.MPI.Intracomm, optional
        Default: ``MPI.COMM_WORLD``.
    timeout : float or None
        Seconds to wait for the other ranks. None: for ever.

    Returns
    -------
    ChannelStats
        A new one, with the same bits on every rank and in every run.

    Raises
    ------
    TypeError
        An argument of the wrong type.
    ValueError
        A `timeout` that is not positive; or statistics that `ChannelStats.merged` refuses, of other
        channels for example: on every rank.
    RuntimeError
        Another rank has failed or is at another call, or a call on `comm` has timed out before.
    TimeoutError
        A rank did not come. The job can't go on: see `SyncBatchNorm`.

    Examples
    --------
    Run it as ``mpiexec -n 4 python -m mpi4py program.py``; this example is a job of one rank.

    >>> import numpy as np
    >>> import bnfast
    >>> from bnfast.mpi import allreduce
    >>> own = bnfast.ChannelStats().update(np.array([[1.0, 10.0], [3.0, 30.0]]))
    >>> allreduce(own).mean
    array([ 2., 20.])
    """
    comm, timeout = checked(comm), checked_timeout(timeout)
    _, packed = share(comm, Call.ALLREDUCE, timeout, lambda: (None, _packed(stats)))
    return ChannelStats.merged(ChannelStats.unpack(part) for part in packed)


def _packed(stats: Any) -> Float64s:
    if not isinstance(stats, ChannelStats):
        raise TypeError(f"stats must be a bnfast.ChannelStats, got {type(stats).__name__}")
    return stats.pack()
