"""What all ranks tell each other: complete, in rank order, and within a time."""

from __future__ import annotations

import atexit
import sys
import time
from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple, TypeVar

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

T = TypeVar("T")
Float64s = NDArray[np.float64]

NOTHING: Float64s = np.empty(0)
TIMEOUT = 300.0  # seconds, by default


class Call(Enum):
    """What a rank is at. Ranks that are at different calls are told so."""

    ALLREDUCE = "allreduce"
    FORWARD = "SyncBatchNorm's forward"
    END_OF_FORWARD = "the end of SyncBatchNorm's forward"
    BACKWARD = "SyncBatchNorm's backward"
    END_OF_BACKWARD = "the end of SyncBatchNorm's backward"


CALLS = list(Call)


class _Collective(NamedTuple):
    """A collective under way. MPI can't cancel it: until it ends its buffers must live."""

    comm: Any
    request: Any
    buffers: tuple[Any, ...]


_abandoned: list[_Collective] = []


def checked(comm: Any) -> Any:
    """Return `comm`, by default all ranks of the job.

    Raises
    ------
    TypeError
        Not an intracommunicator of mpi4py.
    """
    if comm is None:
        return MPI.COMM_WORLD
    if not isinstance(comm, MPI.Intracomm):
        raise TypeError(f"comm must be an mpi4py.MPI.Intracomm, got {type(comm).__name__}")
    return comm


def checked_timeout(timeout: float | None) -> float | None:
    """Return `timeout`.

    Raises
    ------
    ValueError
        Not positive.
    """
    if timeout is not None and not timeout > 0:
        raise ValueError(f"timeout must be a positive number of seconds or None, got {timeout}")
    return timeout


def share(
    comm: Any, call: Call, timeout: float | None, work: Callable[[], tuple[T, Float64s]]
) -> tuple[T, list[Float64s]]:
    """Do `work`; return its first result, and the second ones of all ranks in rank order.

    Raises
    ------
    Exception
        That of `work`.
    RuntimeError
        The work of another rank has failed, or ranks are at different calls.
    TimeoutError
        A rank did not come within `timeout` seconds.
    """
    error, result, numbers = None, None, NOTHING
    try:
        result, numbers = work()
    except Exception as raised:
        error = raised
    payload = numbers.tobytes() if error is None else _described(error).encode()
    header = np.array([CALLS.index(call), error is not None, len(payload)], np.int64)
    _refuse_abandoned(comm)
    headers = _gather_headers(comm, header, call, timeout)
    payloads = _gather_payloads(comm, payload, headers[:, 2], call, timeout)
    if error is not None:
        raise error
    _refuse_failures(headers[:, 1], payloads)
    _refuse_differences(headers[:, 0])
    return result, [np.frombuffer(each, np.float64) for each in payloads]  # type: ignore[return-value]


def agree(comm: Any, call: Call, timeout: float | None, work: Callable[[], T]) -> T:
    """Do `work` and return its result, if that of all ranks succeeds. Raises what `share` does."""
    return share(comm, call, timeout, lambda: (work(), NOTHING))[0]


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _gather_headers(
    comm: Any, header: NDArray[np.int64], call: Call, timeout: float | None
) -> NDArray[np.int64]:
    headers = np.empty((comm.size, header.size), np.int64)
    request = comm.Iallgather(header, headers)
    _wait(_Collective(comm, request, (header, headers)), call, timeout)
    return headers


def _gather_payloads(
    comm: Any, payload: bytes, lengths: NDArray[np.int64], call: Call, timeout: float | None
) -> list[bytes]:
    if not lengths.any():
        return [b""] * comm.size
    everything = np.empty(lengths.sum(), np.uint8)
    request = comm.Iallgatherv([payload, MPI.BYTE], [everything, lengths.tolist(), MPI.BYTE])
    _wait(_Collective(comm, request, (payload, everything)), call, timeout)
    return [part.tobytes() for part in np.split(everything, np.cumsum(lengths)[:-1])]


def _wait(collective: _Collective, call: Call, timeout: float | None) -> None:
    begin = time.monotonic()
    while not collective.request.Test():
        waited = time.monotonic() - begin
        if timeout is not None and waited >= timeout:
            _abandon(collective)
            raise TimeoutError(
                f"rank {collective.comm.rank} has waited {timeout:g} s for the other ranks at "
                f"{call.value}: not all {collective.comm.size} came"
            )
        time.sleep(0 if waited < 1e-3 else min(waited / 10, 1e-2))


def _abandon(collective: _Collective) -> None:
    if not _abandoned:
        atexit.register(_abort_if_pending)
    _abandoned.append(collective)


def _abort_if_pending() -> None:
    """End the job. Leaving it orderly would wait, in MPI_Finalize, for the rank that is missing."""
    for collective in _abandoned:
        if not collective.request.Test():
            _let_output_pass()
            collective.comm.Abort(1)


def _let_output_pass() -> None:
    """Give the launcher the time to read what this rank has said: MPICH's drops what it has not."""
    sys.stdout.flush()
    sys.stderr.flush()
    time.sleep(0.25)


def _refuse_abandoned(comm: Any) -> None:
    if any(collective.comm == comm for collective in _abandoned):
        raise RuntimeError(
            "a call on this communicator has timed out: its ranks are no longer at the same call"
        )


def _refuse_failures(failed: NDArray[np.int64], payloads: list[bytes]) -> None:
    texts = [f"rank {rank} failed: {payloads[rank].decode()}" for rank in np.flatnonzero(failed)]
    if texts:
        raise RuntimeError("; ".join(texts))


def _refuse_differences(calls: NDArray[np.int64]) -> None:
    if (calls != calls[0]).any():
        places = ", ".join(f"rank {rank} at {CALLS[at].value}" for rank, at in enumerate(calls))
        raise RuntimeError(f"the ranks are at different calls: {places}")
