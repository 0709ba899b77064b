"""Large results without `out=`: arrays like any other, whose memory lives as long as it is used."""

import gc
import multiprocessing
import os
import pickle
import sys
import threading
import weakref

import numpy as np
import pytest

import bnfast
from large_results import MIB, ROWS, C, X, Y, address, held, large, run

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("output_cache")]


LAYOUTS = {
    "C": lambda x: x,
    "Fortran": np.asfortranarray,
    "channels last": lambda x: x.reshape(64, 64, 64, 16).transpose(0, 3, 1, 2),
    "float64": lambda x: x.astype(np.float64),
}
FUNCTIONS = {
    "affine": lambda x, c: bnfast.affine(x, c, c),
    "inference": lambda x, c: bnfast.batch_norm(x, c, c),
    "training": lambda x, c: bnfast.batch_norm(x, training=True),
    "forward": lambda x, c: bnfast.batch_norm_forward(x).y,
    "backward": lambda x, c: bnfast.batch_norm_backward(x, x, c, c, c).dx,
    "elemt": lambda x, c: bnfast.batch_norm_backward_elemt(x, x, c, c, c, c, c, 9),
    "standardize": lambda x, c: bnfast.standardize(x, channel_axis=1),
    "Affine": lambda x, c: bnfast.Affine(c, c, c)(x),
    "BatchNorm": lambda x, c: bnfast.BatchNorm(len(c))(x),
}


@pytest.mark.parametrize("lay", LAYOUTS.values(), ids=LAYOUTS)
def test_a_result_is_an_array_like_any_other(lay):
    x = lay(X)
    y = bnfast.affine(x, 2 * C, C)
    assert type(y) is np.ndarray
    assert (y.shape, y.dtype, y.strides) == (x.shape, x.dtype, x.strides)
    for flag in ("C_CONTIGUOUS", "F_CONTIGUOUS"):
        assert y.flags[flag] == x.flags[flag]
    assert y.flags.writeable
    assert y.flags.aligned
    assert address(y) % (2 * MIB) == 0
    y[...] = 7
    assert (y == 7).all()


def test_a_result_may_be_locked_and_unlocked():
    y = large()
    part = y[1:]
    assert part.base is y
    for array in (y, part):
        array.flags.writeable = False
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 7
        array.flags.writeable = True
        array[0] = 7
    assert (y[:2] == 7).all()


def test_the_base_holds_no_more_than_the_result():
    first = large(ROWS + 2048)
    del first
    y = large()
    assert memoryview(y.base).nbytes == y.nbytes
    assert not memoryview(y.base).readonly


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize("lay", LAYOUTS.values(), ids=LAYOUTS)
def test_recycled_memory_is_written_whole(function, lay):
    x = lay(X)
    bnfast.set_output_cache(0)
    wanted = function(x, C)
    bnfast.set_output_cache(256 * MIB)
    spoiled = function(x, C)
    where = address(spoiled)
    spoiled.fill(np.nan)
    del spoiled
    y = function(x, C)
    assert address(y) == where
    assert np.array_equal(y, wanted)


def test_small_results_are_numpys():
    y = large(ROWS - 1)
    assert y.base is None
    assert y.flags.owndata


def test_views_keep_the_memory():
    y = large()
    part = y.reshape(-1, 4, 16)[1::2, :2]
    wanted = part.copy()
    del y
    gc.collect()
    assert held() == 0
    other = large()
    other.fill(np.nan)
    assert np.array_equal(part, wanted)
    del part
    assert held() == X.nbytes


def test_other_holders_keep_the_memory():
    y = large()
    view, foreign = memoryview(y), np.from_dlpack(y)
    alive = weakref.ref(y)
    del y
    assert alive() is not None
    assert held() == 0
    del view
    assert np.array_equal(foreign, Y)
    del foreign
    assert held() == X.nbytes


def test_copies_have_memory_of_their_own():
    y = large()
    copies = y.copy(), pickle.loads(pickle.dumps(y))
    del y
    again = large()
    again.fill(0)
    for copy in copies:
        assert np.array_equal(copy, Y)


def test_threads_allocate_and_free_at_once():
    wrong = []

    def work(seed):
        rng = np.random.default_rng(seed)
        mine = []
        for _ in range(30):
            y = bnfast.affine(X, seed * C, C, num_threads=1)
            mine.append(y[:: rng.integers(1, 9)])
            if rng.random() < 0.1:
                bnfast.empty_cache()
            if len(mine) > 2:
                row = mine.pop(0)[0]
                wrong.extend([row] * (not np.array_equal(row, X[0] * seed + 1)))

    workers = [threading.Thread(target=work, args=(seed,)) for seed in (2, 3, 4, 5)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []
    assert held() <= 256 * MIB


def in_child(y):
    begins_empty = held() == 0
    intact = np.array_equal(y, Y)
    del y
    again = large()
    recycles = np.array_equal(again, Y)
    sys.exit(0 if begins_empty and intact and recycles else 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_begins_with_an_empty_cache():
    stop = threading.Event()

    def churn():  # so that a fork is likely to come amid an allocation
        while not stop.is_set():
            bnfast.affine(X, C, C, num_threads=1)

    churner = threading.Thread(target=churn)
    kept, lives = large(), large()
    del kept
    churner.start()
    try:
        for _ in range(5):
            child = multiprocessing.get_context("fork").Process(target=in_child, args=(lives,))
            child.start()
            child.join(timeout=60)
            hangs = child.is_alive()
            child.kill()
            child.join()
            assert not hangs
            assert child.exitcode == 0
    finally:
        stop.set()
        churner.join()
    assert np.array_equal(lives, Y)


def test_results_may_be_freed_last_of_all():
    program = """
import sys, threading, numpy, bnfast
x = numpy.ones((2**18, 16), numpy.float32)
c = numpy.ones(16)
class Holder:
    def __del__(self):
        assert (self.y == 2).all()
        del self.y
        bnfast.affine(x, c, c)
sys.kept, module_level, cycle = Holder(), Holder(), Holder()
for holder in (sys.kept, module_level, cycle):
    holder.y = bnfast.affine(x, c, c)
cycle.itself = cycle
leaked = [bnfast.affine(x, c, c)]
leaked.append(leaked)
threading.Thread(target=lambda: bnfast.affine(x, c, c)).start()
"""
    ended = run(program)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_results_without_elements_take_no_block():
    assert bnfast.standardize(np.empty((0, 4096, 1024))).base is None
