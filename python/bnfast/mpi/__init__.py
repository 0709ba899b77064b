"""Statistics and batch norm over the ranks of an MPI job, by mpi4py.

Every call gathers what the ranks hold and merges it in rank order on each of them, so that all
ranks, and all runs, have the same bits. A call returns on all ranks or raises on all ranks: where
one of them fails, it raises its own error, and the others a RuntimeError that names it. A rank that
does not come within `timeout` seconds is a TimeoutError on those that wait.
"""

try:
    import mpi4py  # noqa: F401  (only to say what is missing)
except ImportError as error:
    raise ImportError("bnfast.mpi needs mpi4py: pip install 'bnfast[mpi]'") from error

from bnfast.mpi.layer import SyncBatchNorm
from bnfast.mpi.statistics import allreduce

__all__ = ["SyncBatchNorm", "allreduce"]
