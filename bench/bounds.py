"""How near training and backward come to bare loops that move the same bytes.

python bench/bounds.py [--shape NxCxHxW ...] [--threads N] [--seconds S]

NCHW: loops of bare_loops.cpp, which sum and map in the same order, with nothing kept per channel;
and of 7x7 and 14x14 planes others, which keep each channel's sums, and such that map by each
channel's own coefficients, too, which is batch norm. Of several groups, turns and kinds of stores
the fastest of each sort. NHWC: the memory probes one after the other, as often as the tensors must
be read and written; and where the channels are whole strips, loops of bare_rows.cpp of the same
two sorts. All take turns in this process; the answers of bnfast
and of the loops are checked first. Prints the speed of the memory's own copy (of two reads and a
write), the shares of it that bnfast and the bounds reach, and bnfast's speed over that of each
bound. Needs g++ and a CPU with AVX2.
"""

import argparse
import ctypes
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import lcm
from pathlib import Path

import numpy as np

import bnfast
from bnfast.bench.answers import check_answers
from bnfast.bench.limits import probes
from bnfast.bench.operations import LAYOUTS, Array, Call, Problem, bnfast_call, make_problem
from bnfast.bench.shapes import unique_shapes
from median_times import seconds_of

SOURCES = [Path(__file__).with_name(name) for name in ("bare_loops.cpp", "bare_rows.cpp")]
FLAGS = ["-O3", "-march=native", "-fopenmp", "-shared", "-fPIC"]
LINE = 16  # floats
AHEAD = 1024  # floats
MOST_GROUPED = 16
RUNS = {49: 8, 196: 1}  # elements of planes whose channels are summed each: images of a run
STRIP = 64  # columns of rows that are summed side by side, at most
FINALISTS = 2
PROBES = {"training": ("copy", 2), "backward": ("add", 3)}


class BareLoop(ctypes.Structure):
    """The structure of that name in bare_loops.cpp."""

    _fields_ = (
        *((name, ctypes.c_long) for name in ("images", "image", "row", "turn", "ahead", "plane")),
        *(
            (name, ctypes.c_int)
            for name in ("streaming", "at_once", "map_reads", "folded", "threads")
        ),
        *((name, ctypes.c_float) for name in ("shift", "mean", "scale")),
    )


class BareRows(ctypes.Structure):
    """The structure of that name in bare_rows.cpp."""

    _fields_ = (
        *((name, ctypes.c_long) for name in ("rows", "columns")),
        *((name, ctypes.c_int) for name in ("streaming", "folded", "threads")),
        *((name, ctypes.c_float) for name in ("shift", "mean", "scale")),
    )


CONSTANTS = {"shift": 0.5, "mean": 0.25, "scale": 0.75}
EPS = 1e-5  # of bare_fold.hpp


@dataclass(frozen=True)
class Order:
    """In which order a bare loop goes through a tensor."""

    channels: int
    turn: int
    streaming: bool
    at_once: bool = False
    each_channel: bool = False
    map_reads: bool = False
    folded: bool = False

    def __str__(self) -> str:
        how = "at once" if self.at_once else f"{self.turn} floats in turn"
        each = of_each(self.folded) if self.each_channel else ""
        stores = "streamed" if self.streaming else "stored"
        reads = ", the map reads ahead" if self.map_reads else ""
        return f"{self.channels} channels, {each}{how}, {stores}{reads}"


def orders(channels: int, plane: int) -> Iterator[Order]:
    """Orders in which a row of a group is whole lines, with nothing kept per channel."""
    whole = lcm(plane, LINE) // plane
    for group in sorted({whole, 4 * whole if plane < AHEAD else whole}):
        if group > MOST_GROUPED or channels % group:
            continue
        row = group * plane
        for turn in sorted({128, 256, row} if row <= 4 * AHEAD else {128, 256, AHEAD}):
            yield Order(group, turn, streaming=True)
            yield Order(group, turn, streaming=True, map_reads=True)
            yield Order(group, turn, streaming=False)
        for streaming in (True, False):
            yield Order(group, row, streaming, at_once=True)


def of_each(folded: bool) -> str:
    return "each summed and mapped, " if folded else "each summed, "


def orders_of_short(images: int, channels: int, plane: int, *, folded: bool) -> Iterator[Order]:
    """The same with each channel's sums, of the planes that have such a loop."""
    if plane not in RUNS or images % RUNS[plane]:
        return
    for group in sorted({lcm(plane, LINE) // plane, MOST_GROUPED}):
        if channels % group == 0:
            row = group * plane
            of_each = {"each_channel": True, "folded": folded}
            for map_reads in (False, True):
                yield Order(group, row, streaming=True, map_reads=map_reads, **of_each)
            for at_once in (False, True):
                yield Order(group, row, streaming=False, at_once=at_once, **of_each)


def compiled(folder: str) -> ctypes.CDLL:
    """Compile the loops for this CPU."""
    library = Path(folder) / "bare_loops.so"
    subprocess.run(["g++", *FLAGS, *map(str, SOURCES), "-o", str(library)], check=True)
    return ctypes.CDLL(str(library))


def address(array: Array) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def bare_call(
    library: ctypes.CDLL, p: Problem, order: Order, *, backward: bool, threads: int
) -> Call:
    """A bare loop in one order, whose answer has been checked."""
    images, channels, *spatial = p.x.shape
    plane = int(np.prod(spatial))
    row = order.channels * plane
    loop = BareLoop(
        images, channels * plane, row, order.turn, min(row, AHEAD),
        plane if order.each_channel else 0, order.streaming, order.at_once, order.map_reads,
        order.folded, threads, *CONSTANTS.values(),
    )  # fmt: skip
    return checked_call(library.bare_loop, loop, p, backward=backward)


def bare_rows_call(
    library: ctypes.CDLL, p: Problem, *, streaming: bool, folded: bool, backward: bool, threads: int
) -> Call:
    """The loop of rows, whose answer has been checked."""
    columns = p.x.shape[-1]
    rows = BareRows(p.x.size // columns, columns, streaming, folded, threads, *CONSTANTS.values())
    return checked_call(library.bare_rows, rows, p, backward=backward)


def checked_call(
    function: Callable[..., object], loop: ctypes.Structure, p: Problem, *, backward: bool
) -> Call:
    totals = np.zeros(2)
    dy = address(p.dy) if backward else None
    arguments = (ctypes.byref(loop), address(p.x), dy, address(p.out), address(totals))

    def call() -> None:
        function(*arguments)

    call()
    expected = folded_answer if loop.folded else answer
    check(p, totals, expected(p, backward=backward, **CONSTANTS), backward=backward)
    return call


def answer(p: Problem, *, backward: bool, shift: float, mean: float, scale: float) -> Array:
    d = p.x - np.float32(shift)
    return (d + (p.dy - np.float32(mean)) if backward else d) * np.float32(scale)


def folded_answer(p: Problem, *, backward: bool, shift: float, mean: float, scale: float) -> Array:
    """Batch norm with weights of 1; backward as if x had the mean `shift` and 1/std `scale`."""
    x, dy = p.x.astype(float), p.dy.astype(float)
    if not backward:
        return (x - x.mean(p.axes, keepdims=True)) / np.sqrt(x.var(p.axes, keepdims=True) + EPS)
    d = x - shift
    share = (dy * d).mean(p.axes, keepdims=True)
    return scale * (dy - dy.mean(p.axes, keepdims=True) - scale**2 * share * d)


def check(p: Problem, totals: Array, expected: Array, *, backward: bool) -> None:
    d = p.x - np.float32(CONSTANTS["shift"])
    g = p.dy if backward else d
    np.testing.assert_allclose(p.out, expected, rtol=1e-5, atol=1e-5)
    size = np.array([np.abs(g).sum(dtype=float), np.abs(g * d).sum(dtype=float)])
    exact = np.array([g.sum(dtype=float), (g * d).sum(dtype=float)])
    assert np.all(np.abs(totals - exact) <= 1e-3 * size), f"sums {totals}, should be {exact}"


def bounds_of_planes(
    library: ctypes.CDLL, p: Problem, *, backward: bool, threads: int
) -> list[dict[str, Call]]:
    """Of each sort the bare loops that were fastest when each was tried for a moment."""

    def finalists(candidates: Iterator[Order]) -> dict[str, Call]:
        return fastest(
            {
                str(order): bare_call(library, p, order, backward=backward, threads=threads)
                for order in candidates
            }
        )

    images, channels, *spatial = p.x.shape
    plane = int(np.prod(spatial))
    sorts = (
        orders(channels, plane),
        *(orders_of_short(images, channels, plane, folded=folded) for folded in (False, True)),
    )
    return [found for sort in sorts if (found := finalists(sort))]


def fastest(calls: dict[str, Call]) -> dict[str, Call]:
    """Those that were fastest when each was tried for a moment."""
    times = seconds_of(calls, 0.5) if calls else {}
    return {name: calls[name] for name in sorted(times, key=times.__getitem__)[:FINALISTS]}


def bounds_of_rows(
    library: ctypes.CDLL, p: Problem, *, backward: bool, threads: int
) -> list[dict[str, Call]]:
    """All is read, then read again and written."""
    read = [array for array in (p.x, p.dy) if backward or array is p.x]
    reads = [probes("read", array, array, array, threads)[-1].call for array in read]
    maps = probes("add" if backward else "copy", p.x, p.dy, p.out, threads)

    def passes(last: Call) -> Call:
        return lambda: [call() for call in (*reads, last)]

    probed = {f"a pass of reading, then one {m.stores}": passes(m.call) for m in maps}
    if p.x.shape[-1] % STRIP:
        return [probed]
    of = {"backward": backward, "threads": threads}
    sorts = [
        {
            of_each(folded) + ("streamed" if streaming else "stored"): bare_rows_call(
                library, p, streaming=streaming, folded=folded, **of
            )
            for streaming in (True, False)
        }
        for folded in (False, True)
    ]
    return [probed, *sorts]


def report(
    library: ctypes.CDLL, layout: str, shape: tuple[int, ...], options: argparse.Namespace
) -> None:
    p = make_problem(layout, shape)
    for operation, (probe, tensors) in PROBES.items():
        name = f"{operation} {layout} {'x'.join(map(str, shape))}"
        own_call = bnfast_call(bnfast, operation, p)
        check_answers(operation, p, {"bnfast": own_call})
        backward = operation == "backward"
        of = {"backward": backward, "threads": options.threads}
        bounds_of = bounds_of_planes if layout == "NCHW" else bounds_of_rows
        bounds = bounds_of(library, p, **of)
        if not bounds:
            print(f"{name}: no bare loop fits this shape", flush=True)
            continue
        limits = {m.stores: m.call for m in probes(probe, p.x, p.dy, p.out, options.threads)}
        loops = dict(loop for sort in bounds for loop in sort.items())
        times = seconds_of({"bnfast": own_call, **loops, **limits}, options.seconds)
        limit = min(times[name] for name in limits)
        speed = tensors * p.x.nbytes / limit / 1e9
        best = [min(sort, key=times.__getitem__) for sort in bounds]
        shares = [
            f"bound {limit / times[bound]:.2f} ({bound}),"
            f" bnfast/bound {times[bound] / times['bnfast']:.2f}"
            for bound in best
        ]
        own = f"{name}: {speed:.1f} GB/s, bnfast {limit / times['bnfast']:.2f}"
        print(own, *shares, sep=", ", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", action="append", help="NxCxHxW, whatever the layout")
    parser.add_argument("--layout", choices=LAYOUTS, action="append")
    parser.add_argument("--threads", type=int, default=bnfast.get_num_threads())
    parser.add_argument("--seconds", type=float, default=1.0, help="for each line")
    options = parser.parse_args()
    bnfast.set_num_threads(options.threads)
    given = [tuple(map(int, text.split("x"))) for text in options.shape or []]
    with tempfile.TemporaryDirectory() as folder:
        library = compiled(folder)
        for layout in options.layout or LAYOUTS:
            for shape in given or [(32, *s) for s in unique_shapes("resnet50")]:
                report(library, layout, shape, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
