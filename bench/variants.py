"""What half precision and fused steps cost beside the plain float32 call.

python bench/variants.py half | fused [--shape NxCxHxW ...] [--seconds S]

All calls of a line take turns in this process; bnfast's answers are checked first. Prints times as
multiples: of half precision how many times the elements per second of float32, and how many times
as long PyTorch takes in bfloat16; of fused steps how many times as long as the plain call.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

import bnfast
from bnfast.bench.answers import check_answers
from bnfast.bench.limits import probes
from bnfast.bench.operations import (
    LAYOUTS,
    Array,
    Call,
    Problem,
    at_huge_page,
    bnfast_call,
    make_problem,
    right_answer,
)
from bnfast.bench.shapes import unique_shapes
from bnfast.demo import reference
from median_times import seconds_of

BATCH = 32
FUSED_SHAPES = [(BATCH, *s) for s in ((256, 56, 56), (64, 56, 56), (512, 28, 28), (1024, 14, 14))]
# How far half precision may be from float32, relative to the largest result.
TOLERANCE = {"float16": 2e-3, "bfloat16": 2e-2}
# How far a call with an activation may be from its formula.
TOLERANCE_OF_STEPS = 1e-5


def narrowed(array: Array, dtype: Any) -> Array:
    """A copy that begins at a huge page, as the original does."""
    room = at_huge_page(((array.size * np.dtype(dtype).itemsize + 3) // 4,))
    copy = room.view(dtype)[: array.size].reshape(array.shape)
    copy[:] = array
    return copy


def half_calls(operation: str, problem: Problem) -> Iterator[tuple[str, Call]]:
    import ml_dtypes

    plain = bnfast_call(bnfast, operation, problem)
    check_answers(operation, problem, {"bnfast": plain})
    exact = np.array(plain(), copy=True)
    yield "float32", plain
    for dtype in (np.float16, ml_dtypes.bfloat16):
        name = np.dtype(dtype).name
        x, dy, out = (narrowed(a, dtype) for a in (problem.x, problem.dy, problem.out))
        narrow = replace(problem, x=x, dy=dy, out=out)
        call = bnfast_call(bnfast, operation, narrow)
        off = np.max(np.abs(np.asarray(call(), np.float32) - exact)) / np.max(np.abs(exact))
        assert off <= TOLERANCE[name], f"{operation} in {name} is off by {off:.1g}"
        yield name, call
    yield from torch_calls(operation, narrow)


def torch_calls(operation: str, p: Problem) -> Iterator[tuple[str, Call]]:
    """PyTorch in bfloat16, as called and into a given output."""
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(bnfast.get_num_threads())
    weight, bias, mean, var = (torch.from_numpy(a) for a in (p.weight, p.bias, *p.running()))
    x, dy, out = (as_nchw(torch, p, a) for a in (p.x, p.dy, p.out))
    if operation == "backward":
        saved = (torch.from_numpy(a.astype(np.float32)) for a in (p.mean, p.invstd))
        arguments = (dy, x, weight, mean, var, *saved, True, 1e-5, [True, True, True])
        yield "PyTorch", lambda: torch.ops.aten.native_batch_norm_backward(*arguments)
        return
    given = (x, weight, bias, mean, var, operation == "training", 0.1, 1e-5)
    room = (out, torch.empty_like(weight), torch.empty_like(weight))
    yield "PyTorch", lambda: torch.native_batch_norm(*given)
    yield "PyTorch out=", lambda: torch.native_batch_norm(*given, out=room)


def as_nchw(torch: Any, p: Problem, array: Array) -> Any:
    tensor = torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return tensor if p.channel_axis == 1 else tensor.movedim(-1, 1)


def half(shapes: list[tuple[int, ...]], seconds: float) -> None:
    for operation in ("training", "inference", "backward"):
        for layout in LAYOUTS:
            for shape in shapes:
                problem = make_problem(layout, shape)
                times = seconds_of(dict(half_calls(operation, problem)), seconds)
                faster = {n: times["float32"] / times[n] for n in ("float16", "bfloat16")}
                peers = {n: t / times["bfloat16"] for n, t in times.items() if "PyTorch" in n}
                report(f"{operation} {layout}", problem, {**faster, **peers})


def fused(shapes: list[tuple[int, ...]], seconds: float) -> None:
    for layout in LAYOUTS:
        for shape in shapes:
            problem = make_problem(layout, shape)
            for operation, calls in fused_calls(problem).items():
                times = seconds_of(calls, seconds)
                plain = times.pop("plain")
                limit = min((t for n, t in times.items() if "stores" in n), default=None)
                found = {n: t / plain for n, t in times.items() if "stores" not in n}
                if limit:
                    found["share of two reads and a write"] = limit / times["residual and relu"]
                report(f"{operation} {layout}", problem, found)


def fused_calls(p: Problem) -> dict[str, dict[str, Call]]:
    axis = {"channel_axis": p.channel_axis, "out": p.out}
    mean, var = p.running()

    def training(**fused: Any) -> Call:
        return lambda: bnfast.batch_norm(p.x, None, None, p.weight, p.bias, True, **axis, **fused)

    def inference(**fused: Any) -> Call:
        return lambda: bnfast.batch_norm(p.x, mean, var, p.weight, p.bias, **axis, **fused)

    def backward(**fused: Any) -> Call:
        given = (p.dy, p.x, p.mean, p.invstd, p.weight, p.bias)
        return lambda: bnfast.batch_norm_backward(*given, **axis, **fused).dx

    def with_steps(call: Callable[..., Call]) -> dict[str, Call]:
        names = ("relu", "silu")
        return {"plain": call(), **{name: call(activation=name) for name in names}}

    forward = {"training": with_steps(training), "inference": with_steps(inference)}
    gradients = with_steps(backward)
    residual = inference(activation="relu", residual=p.dy)
    for operation, calls in forward.items():
        check_forward(p, operation, calls)
    agree(answer_of(p, residual), np.maximum(answer_of(p, inference()) + p.dy, 0))
    check_backward(p, gradients, forward["training"]["plain"])
    limit = probes("add", p.x, p.dy, p.out, bnfast.get_num_threads())
    return {
        **forward,
        "backward": gradients,
        "inference with a residual": {
            "plain": inference(),
            "residual and relu": residual,
            **{f"{probe.stores} stores": probe.call for probe in limit},
        },
    }


def check_forward(p: Problem, operation: str, calls: dict[str, Call]) -> None:
    check_answers(operation, p, {"bnfast": calls["plain"]})
    plain = answer_of(p, calls["plain"])
    agree(answer_of(p, calls["relu"]), np.maximum(plain, 0))
    agree(answer_of(p, calls["silu"]), plain / (1 + np.exp(-plain)))


def check_backward(p: Problem, gradients: dict[str, Call], forward: Call) -> None:
    """Hold an activation's gradient to the plain one of `dy` times its slope."""
    check_answers("backward", p, {"bnfast": gradients["plain"]})
    y = answer_of(p, forward)
    gate = 1 / (1 + np.exp(-y))
    # Where y is next to 0, either slope of relu is right.
    sure = np.abs(y) > TOLERANCE_OF_STEPS
    for name, slope in {"relu": y > 0, "silu": gate * (1 + y * (1 - gate))}.items():
        (expected,) = right_answer(reference, "backward", replace(p, dy=p.dy * slope))
        agree(answer_of(p, gradients[name])[sure], expected[sure])


def answer_of(p: Problem, call: Call) -> Array:
    """A call's answer; where it lands is spoiled first."""
    p.out.fill(np.nan)
    return np.array(call(), copy=True)


def agree(answer: Array, expected: Array) -> None:
    tolerance = TOLERANCE_OF_STEPS
    np.testing.assert_allclose(answer, expected, rtol=tolerance, atol=tolerance)


def report(what: str, problem: Problem, found: dict[str, float]) -> None:
    size = problem.x.nbytes / 1e6
    figures = "  ".join(f"{name} {value:.2f}" for name, value in found.items())
    print(f"{what} {'x'.join(map(str, problem.x.shape))} ({size:.0f} MB): {figures}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("variant", choices=("half", "fused"))
    parser.add_argument("--shape", action="append", help="NxCxHxW, whatever the layout")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each line")
    options = parser.parse_args()
    given = [tuple(map(int, text.split("x"))) for text in options.shape or []]
    if options.variant == "half":
        half(given or [(BATCH, *s) for s in unique_shapes("resnet50")], options.seconds)
    else:
        fused(given or FUSED_SHAPES, options.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
