"""Calls that fail on some rank; save what each rank was told: refuse.py FOLDER."""

import json
import sys
from pathlib import Path

import numpy as np
from mpi4py import MPI

import bnfast
from bnfast.mpi import SyncBatchNorm, allreduce
from dlpack import DLPackOnly

comm = MPI.COMM_WORLD
first, last = comm.rank == 0, comm.rank == comm.size - 1
said = {}
bn = SyncBatchNorm(3, activation="relu")
x = np.arange(24.0).reshape(4, 3, 2) + comm.rank


def told(name, call):
    """Note the error of a call, and whether it left the layer as it was."""
    before = [array.tobytes() for array in bn.state_dict().values()]
    try:
        call()
    except Exception as error:
        said[name] = f"{type(error).__name__}: {error}"
    else:
        said[name] = None
    after = [array.tobytes() for array in bn.state_dict().values()]
    assert after == before, name


def stats(channels):
    return bnfast.ChannelStats().update(np.ones((2, channels)))


bad = np.zeros((4, 2, 2)) if last else x
told("channels of x", lambda: bn(bad))
told("dtype of x", lambda: bn(x.astype(np.int64) if first else x))
told("shape of out", lambda: bn(x, out=np.empty((1, 3, 2)) if last else None))
told("shape of residual", lambda: bn(x, residual=x[:1] if first else x))
told("two ranks", lambda: bn(x[0, 0] if first or last else x))
told("one value", lambda: bn(x[:1, :, :1] if last else x[:0]))
out = np.zeros((1, 3, 2))
for name, correction in {
    "correction": 2 * comm.size,
    "larger correction": 5 * comm.size,
    "negative correction": -1,
    "fractional correction": 1.5,
}.items():
    bn.running_var_correction = correction
    told(name, lambda: bn(x[:1], out=out))
assert not out.any()
bn.running_var_correction = 8 * comm.size if last else 1
told("correction of one rank", lambda: bn(x))
bn.running_var_correction = 1
told("num_features", lambda: SyncBatchNorm(2 + comm.rank)(np.ones((4, 2 + comm.rank))))
told("no stats", lambda: allreduce(x if first else stats(3)))
told("channels of stats", lambda: allreduce(stats(3 if first else 4)))
told("different calls", lambda: allreduce(stats(3)) if first else bn(x))
bn.renorm = True if last else None
told("renorm", lambda: bn(x))
bn.renorm = None
told("own forward", lambda: bn.backward(x))

bn(x, out=x if last else None)
told("lost x", lambda: bn.backward(x))
bn(DLPackOnly(x), out=x if last else None)
told("lost x by DLPack", lambda: bn.backward(x))
x = np.arange(24.0).reshape(4, 3, 2) + comm.rank
residual = np.ones_like(x)
bn(x, residual=residual, out=residual if first else None)
told("lost residual", lambda: bn.backward(x))
bn(x)
told("dtype of dy", lambda: bn.backward(x.astype(np.float32) if last else x))
told("out of backward", lambda: bn.backward(x, out=x[:1] if first else None))
assert bn.weight_grad is None
told("at last", lambda: bn.backward(x))
assert bn.num_batches_tracked == 4
assert bn.batch_statistics.count == 8 * comm.size

# What a rank does alone, it does without the others, and its backward as well.
if first:
    alone = bnfast.BatchNorm(3, activation="relu")
    alone.load_state_dict(bn.state_dict())
    for layer in (bn, alone):
        layer.adapt(x, prior=2)
    assert np.array_equal(bn.backward(x), alone.backward(x))

# What is printed makes such a layer, on all ranks of the job.
assert repr(SyncBatchNorm(3)).startswith("SyncBatchNorm(3, eps=1e-05, ")
for options in ({"timeout": None}, {"timeout": 5.0, "dtype": np.float64, "activation": "relu"}):
    layer = SyncBatchNorm(3, **options)
    twin = eval(repr(layer))
    assert all(getattr(twin, name) == getattr(layer, name) for name in options)
assert "comm=" not in repr(layer)
assert "comm=<" in repr(SyncBatchNorm(3, comm=MPI.COMM_SELF))

(Path(sys.argv[1]) / f"{comm.rank}.json").write_text(json.dumps(said))
