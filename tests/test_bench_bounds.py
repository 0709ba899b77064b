"""``bench/bounds.py``: loops that bound what training and backward can reach."""

import platform
import shutil
import subprocess

import numpy as np
import pytest

import bnfast
import bounds
from bnfast.bench.operations import make_problem
from bnfast.bench.tolerance import WrongAnswerError

pytestmark = [pytest.mark.once, pytest.mark.aside]

SHAPES = [(3, 32, 7, 7), (2, 8, 14, 14), (2, 4, 32, 32), (1, 2, 72, 72)]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    if shutil.which("g++") is None or platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("the loops need g++ and x86-64")
    macros = subprocess.run(
        ["g++", "-march=native", "-dM", "-E", "-x", "c++", "/dev/null"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    if "__AVX2__" not in macros:
        pytest.skip("the loops need a CPU with AVX2")
    return bounds.compiled(str(tmp_path_factory.mktemp("bounds")))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_orders_go_through_whole_lines(shape):
    _, channels, height, width = shape
    found = list(bounds.orders(channels, height * width))
    for choice in ("streaming", "at_once", "map_reads"):
        assert {getattr(order, choice) for order in found} == {0, 1}
    assert all(order.streaming for order in found if order.map_reads)
    for order in found:
        row = order.channels * height * width
        assert channels % order.channels == row % bounds.LINE == order.turn % bounds.LINE == 0


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_order_gives_the_same_answer(library, shape, backward, threads):
    p = make_problem("NCHW", shape)
    for order in bounds.orders(shape[1], shape[2] * shape[3]):
        p.out.fill(np.nan)  # bare_call checks what it then holds
        bounds.bare_call(library, p, order, backward=backward, threads=threads)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize(
    "shape", [(8, 16, 7, 7), (24, 48, 7, 7), (3, 16, 14, 14), (2, 12, 14, 14)], ids=str
)
@pytest.mark.parametrize("folded", [False, True])
def test_sums_of_each_channel_give_the_same_answer(library, shape, backward, threads, folded):
    p = make_problem("NCHW", shape)
    found = list(bounds.orders_of_short(shape[0], shape[1], shape[2] * shape[3], folded=folded))
    assert {(order.streaming, order.at_once, order.map_reads) for order in found} == {
        (1, 0, 0), (1, 0, 1), (0, 0, 0), (0, 1, 0)
    }  # fmt: skip
    for order in found:
        p.out.fill(np.nan)
        bounds.bare_call(library, p, order, backward=backward, threads=threads)


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("shape", [(2, 64, 5, 5), (1, 128, 9, 9), (3, 64, 40, 40)], ids=str)
def test_sums_of_rows_give_the_same_answer(library, shape, backward, threads, streaming, folded):
    p = make_problem("NHWC", shape)
    p.out.fill(np.nan)
    how = {"streaming": streaming, "folded": folded}
    bounds.bare_rows_call(library, p, **how, backward=backward, threads=threads)


@pytest.mark.parametrize(("images", "channels", "plane"), [(7, 16, 49), (8, 24, 49), (8, 16, 64)])
def test_other_shapes_have_no_loop_that_sums_each_channel(images, channels, plane):
    assert not list(bounds.orders_of_short(images, channels, plane, folded=False))


def test_a_wrong_answer_is_found(library):
    p = make_problem("NCHW", SHAPES[0])
    order = next(bounds.orders(32, 49))
    bounds.bare_call(library, p, order, backward=False, threads=1)
    expected = bounds.answer(p, backward=False, **bounds.CONSTANTS)
    with pytest.raises(AssertionError, match="sums"):
        bounds.check(p, np.zeros(2), expected, backward=False)
    p.out[0, 0, 0, 0] += 1
    with pytest.raises(AssertionError, match="Mismatched elements"):
        bounds.check(p, np.zeros(2), expected, backward=False)


def run(shape, monkeypatch, capsys):
    arguments = ["--shape", shape, "--seconds", "0.01", "--threads", "1"]
    monkeypatch.setattr("sys.argv", ["bounds.py", *arguments])
    try:
        assert bounds.main() == 0
    finally:
        bnfast.set_num_threads(None)
    return capsys.readouterr().out.splitlines()


def test_a_shape_that_no_loop_fits_is_told(library, monkeypatch, capsys):
    lines = run("4x17x5x7", monkeypatch, capsys)
    assert lines[:2] == [
        f"{operation} NCHW 4x17x5x7: no bare loop fits this shape"
        for operation in ("training", "backward")
    ]
    assert [line.split(":")[0] for line in lines[2:]] == [
        f"{operation} NHWC 4x17x5x7" for operation in ("training", "backward")
    ]


def test_a_wrong_answer_of_bnfast_is_not_timed(library, monkeypatch, capsys):
    monkeypatch.setattr(bnfast, "batch_norm", lambda x, *arguments, out, **more: out)
    with pytest.raises(WrongAnswerError, match="bnfast: the error of training is nan"):
        run("2x32x7x7", monkeypatch, capsys)


@pytest.mark.parametrize(("shape", "bounds_of_each"), [("2x32x7x7", 1), ("8x64x7x7", 3)])
def test_it_prints_a_line_for_each_operation(library, shape, bounds_of_each, monkeypatch, capsys):
    lines = run(shape, monkeypatch, capsys)
    assert [line.split(":")[0] for line in lines] == [
        f"{operation} {layout} {shape}"
        for layout in ("NCHW", "NHWC")
        for operation in ("training", "backward")
    ]
    assert [line.count("bnfast/bound") for line in lines] == [bounds_of_each] * 4
