"""Those that bnfast is compared with, as far as they are installed."""

from collections.abc import Callable
from typing import NamedTuple

from bnfast.bench.operations import Call, Problem
from bnfast.bench.peers_numpy import NUMPY, numpy_calls
from bnfast.bench.peers_onnx import ONNX_RUNTIME, onnxruntime_calls
from bnfast.bench.peers_torch import AS_CALLED, pytorch_calls


class Peers(NamedTuple):
    """Calls of peers by name, and why others are left out, by name."""

    calls: dict[str, Call]
    left_out: dict[str, str]


def peer_calls(operation: str, problem: Problem, threads: int) -> Peers:
    """Return the calls of NumPy, PyTorch and ONNX Runtime for an operation.

    Parameters
    ----------
    operation : str
        A key of `bnfast.bench.operations.TRAFFIC`.
    problem : Problem
        Its data, which all share.
    threads : int
        For ONNX Runtime, whose session keeps the number; PyTorch's is set by `using_threads`.

    Returns
    -------
    Peers
        Each call returns its answer. Without those that lack the operation or are not installed;
        those that cannot be imported or prepared are left out.

    Examples
    --------
    >>> from bnfast.bench.operations import make_problem
    >>> from bnfast.bench.peers import peer_calls
    >>> "NumPy" in peer_calls("training", make_problem("NCHW", (2, 3, 4, 4)), 1).calls
    True
    """
    makers: dict[str, Callable[[], dict[str, Call]]] = {
        NUMPY: lambda: numpy_calls(operation, problem),
        AS_CALLED: lambda: pytorch_calls(operation, problem),
        ONNX_RUNTIME: lambda: onnxruntime_calls(operation, problem, threads),
    }
    peers = Peers({}, {})
    for name, make in makers.items():
        try:
            peers.calls.update(make())
        except Exception as error:  # whatever a peer raises, bnfast can be measured
            peers.left_out[name] = reason(error)
    return peers


def reason(error: Exception) -> str:
    """Return why a peer is left out, in a line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
