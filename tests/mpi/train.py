"""Train on every case; save all that came of it: train.py FOLDER."""

import sys
from pathlib import Path

import numpy as np
from mpi4py import MPI

from bnfast.mpi import SyncBatchNorm
from mpi_batches import BIAS, CASES, CHANNELS, PARTS, STEPS, WEIGHT, batch, part_of

comm = MPI.COMM_WORLD


def trained(case, parts):
    bn = SyncBatchNorm(CHANNELS, channel_axis=case.channel_axis, dtype=np.float64, **case.options)
    if bn.affine:
        bn.weight[:], bn.bias[:] = WEIGHT, BIAS
    for step in range(STEPS):
        x, dy, residual = (
            part_of(comm.rank, parts, batch(case, step, what)) for what in ("x", "dy", "residual")
        )
        y = bn(case.given(x), residual=residual if case.residual else None)
        dx = bn.backward(case.given(dy))
        yield f"{step}.y", y
        yield f"{step}.dx", dx
        for name in ("weight_grad", "bias_grad", "residual_grad", "running_mean", "running_var"):
            if getattr(bn, name) is not None:
                yield f"{step}.{name}", getattr(bn, name).copy()


found = {
    f"{case.name}.{at}.{name}": array
    for case in CASES
    for at, parts in enumerate(PARTS[comm.size])
    for name, array in trained(case, parts)
}
np.savez(Path(sys.argv[1]) / f"{comm.rank}.npz", **found)
