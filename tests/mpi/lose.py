"""Lose rank 1 in the midst of training: lose.py HOW TIMEOUT."""

import os
import signal
import sys
import time

import numpy as np
from mpi4py import MPI

from bnfast.mpi import SyncBatchNorm

how, timeout = sys.argv[1], float(sys.argv[2])
rank = MPI.COMM_WORLD.rank
bn = SyncBatchNorm(3, timeout=timeout if timeout > 0 else None)
x = np.ones((2, 3)) * rank
bn(x)
bn.backward(x)
if rank == 1:
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "raises":
        raise LookupError("the data of rank 1 are gone")
    elif how == "leaves":
        sys.exit(0)
    elif how == "hangs":
        time.sleep(3600)
try:
    bn(x)
except TimeoutError:
    try:
        bn(x)
    except RuntimeError as error:
        print(f"rank {rank}, the second time: {error}", flush=True)
    raise
