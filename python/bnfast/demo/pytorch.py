"""PyTorch among the timed, if it is installed: as it is called, and into a given output."""

import contextlib
import importlib.util
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

import bnfast
from bnfast.demo.contenders import Call
from bnfast.demo.network import Floats
from bnfast.demo.problem import EPS, MOMENTUM, Problem

if TYPE_CHECKING:
    from torch import Tensor

AS_CALLED, GIVEN_OUTPUT = "PyTorch", "PyTorch out="


def installed() -> bool:
    """Whether there is a PyTorch to import."""
    return importlib.util.find_spec("torch") is not None


@contextlib.contextmanager
def same_threads() -> Iterator[None]:
    """Let PyTorch, if installed, use as many threads as bnfast does, without gradients."""
    if not installed():
        yield
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(bnfast.get_num_threads())
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(threads)


def pytorch_calls(problem: Problem) -> dict[str, Call]:
    """Return PyTorch's calls for a problem; they read the same memory, seen as NCHW."""
    if not installed():
        return {}
    if problem.operation == "backward":
        return {AS_CALLED: _backward(problem)}
    return {GIVEN_OUTPUT: _forward_into_out(problem), AS_CALLED: _forward(problem)}


def _forward(problem: Problem) -> Call:
    from torch.nn import functional

    x = _as_nchw(problem, problem.x)
    weight, bias, running_mean, running_var = _channel_tensors(problem)
    training = problem.operation == "training"

    def forward() -> Floats:
        y = functional.batch_norm(
            x, running_mean, running_var, weight, bias, training, MOMENTUM, EPS
        )
        return _as_stored(problem, y)

    return forward


def _forward_into_out(problem: Problem) -> Call:
    import torch

    x, out = _as_nchw(problem, problem.x), _as_nchw(problem, problem.out)
    weight, bias, running_mean, running_var = _channel_tensors(problem)
    saved = {"save_mean": torch.empty_like(bias), "save_invstd": torch.empty_like(bias)}
    arguments = (x, weight, bias, running_mean, running_var)
    training = problem.operation == "training"

    def forward() -> Floats:
        torch.ops.aten.native_batch_norm.out(*arguments, training, MOMENTUM, EPS, out=out, **saved)
        return problem.out

    return forward


def _backward(problem: Problem) -> Call:
    import torch

    dy, x = _as_nchw(problem, problem.dy), _as_nchw(problem, problem.x)
    weight, _, running_mean, running_var = _channel_tensors(problem)
    mean = torch.from_numpy(problem.batch.mean.astype(np.float32))
    invstd = torch.from_numpy(problem.invstd.astype(np.float32))
    arguments = (dy, x, weight, running_mean, running_var, mean, invstd)

    def backward() -> Floats:
        dx, _, _ = torch.ops.aten.native_batch_norm_backward(*arguments, True, EPS, [True] * 3)
        return _as_stored(problem, dx)

    return backward


def _channel_tensors(problem: Problem) -> "tuple[Tensor, Tensor, Tensor, Tensor]":
    import torch

    return (
        torch.from_numpy(problem.weight),
        torch.from_numpy(problem.bias),
        torch.from_numpy(problem.running_mean.copy()),
        torch.from_numpy(problem.running_var.copy()),
    )


def _as_nchw(problem: Problem, array: Floats) -> "Tensor":
    import torch

    tensor = torch.from_numpy(array)
    return tensor if problem.layout == "NCHW" else tensor.permute(0, 3, 1, 2)


def _as_stored(problem: Problem, tensor: "Tensor") -> Floats:
    stored = tensor if problem.layout == "NCHW" else tensor.permute(0, 2, 3, 1)
    return np.asarray(stored.numpy())
