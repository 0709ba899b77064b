"""Those that bnfast is compared with, as far as they are installed."""

from bnfast.bench.operations import Call, Problem
from bnfast.bench.peers_numpy import numpy_calls
from bnfast.bench.peers_onnx import onnxruntime_calls
from bnfast.bench.peers_torch import pytorch_calls


def peer_calls(operation: str, problem: Problem, threads: int) -> dict[str, Call]:
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
    dict of str to callable
        Each returns its answer. Without those that lack the operation or are not installed.

    Examples
    --------
    >>> from bnfast.bench.operations import make_problem
    >>> from bnfast.bench.peers import peer_calls
    >>> "NumPy" in peer_calls("training", make_problem("NCHW", (2, 3, 4, 4)), 1)
    True
    """
    return {
        **numpy_calls(operation, problem),
        **pytorch_calls(operation, problem),
        **onnxruntime_calls(operation, problem, threads),
    }
