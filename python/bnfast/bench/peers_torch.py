"""PyTorch among the timed, if it is installed: as it is called, and into a given output."""

import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from bnfast.bench.operations import EPS, MOMENTUM, Array, Call, Problem

if TYPE_CHECKING:
    from torch import Tensor

AS_CALLED, GIVEN_OUTPUT = "PyTorch", "PyTorch out="


def installed() -> bool:
    """Whether there is a PyTorch to import."""
    return importlib.util.find_spec("torch") is not None


def pytorch_calls(operation: str, problem: Problem) -> dict[str, Call]:
    """Return PyTorch's calls for an operation; they read the same memory, seen as NCHW."""
    if not installed():
        return {}
    calls = {AS_CALLED: _AS_CALLED[operation](problem)}
    # Into a given output of rank 3 with channels last, PyTorch 2.13 writes a wrong answer.
    if operation in _GIVEN_OUTPUT and (problem.channel_axis == 1 or problem.x.ndim != 3):
        calls[GIVEN_OUTPUT] = _GIVEN_OUTPUT[operation](problem)
    return calls


def _forward(p: Problem, training: bool) -> Call:
    from torch.nn import functional

    x, weight, bias, mean, var = _inputs(p)
    return lambda: _answer(
        p, functional.batch_norm(x, mean, var, weight, bias, training, MOMENTUM, EPS)
    )


def _forward_into_out(p: Problem, training: bool) -> Call:
    import torch

    x, weight, bias, mean, var = _inputs(p)
    out = (_as_nchw(p, p.out), torch.empty_like(weight), torch.empty_like(weight))
    arguments = (x, weight, bias, mean, var, training, MOMENTUM, EPS)

    def call() -> Array:
        torch.native_batch_norm(*arguments, out=out)
        return p.out

    return call


def _backward_arguments(p: Problem) -> tuple[Any, ...]:
    import torch

    x, weight, _, mean, var = _inputs(p)
    saved = (torch.from_numpy(values.astype(np.float32)) for values in (p.mean, p.invstd))
    return (_as_nchw(p, p.dy), x, weight, mean, var, *saved, True, EPS, [True] * 3)


def _backward(p: Problem) -> Call:
    import torch

    arguments = _backward_arguments(p)
    return lambda: _answer(p, torch.ops.aten.native_batch_norm_backward(*arguments)[0])


def _backward_into_out(p: Problem) -> Call:
    import torch

    arguments = _backward_arguments(p)
    weight = arguments[2]
    names = ("out0", "out1", "out2")
    outs = (_as_nchw(p, p.out), torch.empty_like(weight), torch.empty_like(weight))
    out = dict(zip(names, outs, strict=True))

    def call() -> Array:
        torch.ops.aten.native_batch_norm_backward.out(*arguments, **out)
        return p.out

    return call


def _moments(p: Problem) -> Call:
    import torch

    x = torch.from_numpy(p.x)

    def call() -> tuple[Any, Any]:
        var, mean = torch.var_mean(x, dim=p.axes, correction=0)
        return mean.numpy(), var.numpy()

    return call


def _layer(p: Problem) -> Call:
    import torch

    x, weight, bias, mean, var = _inputs(p)
    kinds = {2: torch.nn.BatchNorm1d, 3: torch.nn.BatchNorm1d, 4: torch.nn.BatchNorm2d}
    layer = kinds.get(p.x.ndim, torch.nn.BatchNorm3d)(len(p.weight), EPS, MOMENTUM).eval()
    state = {"weight": weight, "bias": bias, "running_mean": mean, "running_var": var}
    layer.load_state_dict(state, strict=False)
    return lambda: _answer(p, layer(x))


def _inputs(p: Problem) -> "tuple[Tensor, Tensor, Tensor, Tensor, Tensor]":
    """Return x, weight, bias and running statistics of this call's own."""
    import torch

    mean, var = p.running()
    return (_as_nchw(p, p.x), *(torch.from_numpy(a) for a in (p.weight, p.bias, mean, var)))


def _as_nchw(p: Problem, array: Array) -> "Tensor":
    import torch

    tensor = torch.from_numpy(array)
    return tensor.movedim(-1, 1) if p.channel_axis == -1 else tensor


def _answer(p: Problem, tensor: "Tensor") -> Array:
    """Return an answer in the layout of the problem."""
    return np.asarray((tensor.movedim(1, -1) if p.channel_axis == -1 else tensor).numpy())


_AS_CALLED: dict[str, Callable[[Problem], Call]] = {
    "training": lambda problem: _forward(problem, True),
    "inference": lambda problem: _forward(problem, False),
    "backward": _backward,
    "moments": _moments,
    "layer": _layer,
}
_GIVEN_OUTPUT: dict[str, Callable[[Problem], Call]] = {
    "training": lambda problem: _forward_into_out(problem, True),
    "inference": lambda problem: _forward_into_out(problem, False),
    "backward": _backward_into_out,
}
