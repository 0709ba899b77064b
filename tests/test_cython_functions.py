"""Each function of bnfast.cython_bnfast, by plain pointers and by memoryviews, and its refusals."""

import numpy as np
import pytest

import reference
from extensions import ROOT  # noqa: F401  (skips where nothing can be built)
from stored_types import bfloat16

pytestmark = pytest.mark.once

OK, INVALID_ARGUMENT = range(2)
RELU, LEAKY_RELU = 1, 3
# In the order of bnf_dtype; ml_dtypes may be missing.
DTYPES = [np.float32, np.float64, np.float16, bfloat16, np.uint8, np.int8, np.uint16, np.int16]
PRESENT = [dtype for dtype in DTYPES if dtype is not None]
LAYOUTS = {
    "planes": lambda x: x,
    "channels last": lambda x: np.moveaxis(np.moveaxis(x, 1, -1).copy(), -1, 1),
    "every second": lambda x: np.repeat(x, 2, 0)[::2],
    "backwards": lambda x: x[:, :, ::-1].copy()[:, :, ::-1],
}
ERRORS = {np.float32: 4e-6, np.float64: 1e-12, np.float16: 4e-3, bfloat16: 3e-2}

each_layout = pytest.mark.parametrize("laid", LAYOUTS.values(), ids=LAYOUTS)
each_float = pytest.mark.parametrize("dtype", [d for d in ERRORS if d is not None])

rng = np.random.default_rng(11)
X = rng.normal(3, 2, (6, 5, 7))
DY, RESIDUAL = rng.normal(0, 1, (2, *X.shape))
WEIGHT, BIAS = rng.uniform(0.5, 2, 5), rng.normal(0, 1, 5)
MEAN, VAR = X.mean((0, 2)), X.var((0, 2))
STD, INVSTD = np.sqrt(VAR), 1 / np.sqrt(VAR + 1e-5)


@pytest.fixture
def shape(every_function):
    return every_function.Shape(X.shape, 1)


@pytest.fixture
def array(every_function):
    return lambda values: every_function.Array(values, DTYPES.index(values.dtype))


def stored(values, dtype, laid=LAYOUTS["planes"]):
    """Return `values` so laid, in a dtype that can hold them."""
    small = np.dtype(dtype).kind in "iu"
    return laid((np.abs(values) * 9 if small else values).astype(dtype))


def empty(dtype, laid):
    return laid(np.full(X.shape, -7, dtype))


def assert_close(found, exact, error):
    worst = np.abs(np.asarray(found, np.float64) - exact) / (1 + np.abs(exact))
    assert np.max(worst) < error


def along(values):
    return reference.along_channels(values, 3, 1)


@each_layout
@pytest.mark.parametrize("dtype", PRESENT)
def test_moments(every_function, shape, array, dtype, laid):
    x = stored(X, dtype, laid)
    mean, var = np.empty(5), np.empty(5)
    assert every_function.plain_moments(shape, array(x), mean, var) == OK
    exact = reference.moments(x.astype(np.float64))
    assert_close(mean, exact[0], 1e-12)
    assert_close(var, exact[1], 1e-12)


def test_merge_and_update_running(every_function):
    (mean_a, m2_a), (mean_b, m2_b) = (
        (part.mean((0, 2)), part.var((0, 2)) * part[:, 0].size) for part in (X[:2], X[2:])
    )
    mean, m2 = np.empty(5), np.empty(5)
    arguments = (14, mean_a, m2_a, 28, mean_b, m2_b, mean, m2)
    assert every_function.plain_merge(*arguments) == (OK, 42)
    exact_mean, exact_var = reference.moments(X)
    assert_close(mean, exact_mean, 1e-12)
    assert_close(m2 / 42, exact_var, 1e-12)

    running_mean, running_var = np.zeros(5), np.ones(5)
    arguments = (42, MEAN, VAR, 0.25, 1, running_mean, running_var)
    assert every_function.plain_update_running(*arguments) == OK
    assert_close(running_mean, MEAN * 0.25, 1e-12)
    assert_close(running_var, 0.75 + 0.25 * VAR * 42 / 41, 1e-12)


@each_layout
@pytest.mark.parametrize("to", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_affine_and_normalize(every_function, shape, array, dtype, to, laid):
    x, y = stored(X, dtype, laid), empty(to, laid)
    exact = (x - along(MEAN)) / along(STD)
    assert every_function.plain_normalize(shape, array(x), MEAN, STD, array(y)) == OK
    assert_close(y, exact, ERRORS[to])
    scale, shift = 1 / STD, -MEAN / STD
    assert every_function.plain_affine(shape, array(x), scale, shift, None, array(y)) == OK
    assert_close(y, exact, ERRORS[to])


@each_layout
@each_float
def test_inference(every_function, shape, array, dtype, laid):
    x, y, residual = stored(X, dtype, laid), empty(dtype, laid), stored(RESIDUAL, dtype)
    epilogue = every_function.Epilogue(LEAKY_RELU, 0.2, array(residual))
    arguments = (MEAN, VAR, WEIGHT, BIAS, 1e-5, epilogue, array(y))
    assert every_function.plain_inference(shape, array(x), *arguments) == OK
    exact = reference.inference(x, MEAN, VAR, WEIGHT, BIAS) + residual.astype(np.float64)
    assert_close(y, np.where(exact > 0, exact, exact / 5), ERRORS[dtype])


@each_layout
@each_float
def test_forward_and_backward(every_function, shape, array, dtype, laid):
    x, dy, y, dx = stored(X, dtype, laid), stored(DY, dtype), empty(dtype, laid), empty(dtype, laid)
    mean, var, invstd, dweight, dbias = np.empty((5, 5))
    arguments = (WEIGHT, BIAS, 1e-5, None, array(y), mean, var, invstd)
    assert every_function.plain_forward(shape, array(x), *arguments) == OK
    exact = reference.moments(x)
    assert_close(y, reference.forward(x, WEIGHT, BIAS), ERRORS[dtype])
    assert_close(mean, exact[0], 1e-6)
    assert_close(var, exact[1], 1e-6)
    assert_close(invstd, 1 / np.sqrt(exact[1] + 1e-5), 1e-6)

    for training in (True, False):
        arguments = (mean, invstd, WEIGHT, None, None, training, array(dx), None, dweight, dbias)
        assert every_function.plain_backward(shape, array(dy), array(x), *arguments) == OK
        exact = reference.backward(dy, x, mean, 1 / invstd**2, WEIGHT, eps=0, training=training)
        for found, wanted in zip((dx, dweight, dbias), exact, strict=True):
            assert_close(found, wanted, 4 * ERRORS[dtype])


def test_backward_of_a_residual(every_function, shape, array):
    dx, dresidual = empty(np.float64, LAYOUTS["planes"]), empty(np.float64, LAYOUTS["planes"])
    epilogue = every_function.Epilogue(RELU, 0, array(RESIDUAL))
    arguments = (MEAN, INVSTD, WEIGHT, BIAS, epilogue, False, array(dx), array(dresidual))
    assert every_function.plain_backward(shape, array(DY), array(X), *arguments, None, None) == OK
    after = reference.inference(X, MEAN, VAR, WEIGHT, BIAS) + RESIDUAL
    exact = np.where(after > 0, DY, 0)
    assert_close(dresidual, exact, 1e-12)
    assert_close(dx, exact * along(WEIGHT) * along(INVSTD), 1e-12)


def view_calls(every_function, x, dy, y, channels=5, axis=1):
    """Return each function on memoryviews, ready to be called, and what it should write."""
    c, (mean, var, invstd) = every_function, np.full((3, channels), -7.0)
    affine = (along(WEIGHT), along(BIAS))
    normalized = reference.inference(x, MEAN, VAR, WEIGHT, BIAS)
    dx, dweight, dbias = reference.backward(dy, x, MEAN, VAR, WEIGHT)
    return {
        "moments": (
            lambda: c.view_moments(x, mean, var, axis),
            [(mean, reference.moments(x)[0]), (var, reference.moments(x)[1])],
        ),
        "normalize": (
            lambda: c.view_normalize(x, MEAN, STD, y, axis),
            [(y, (x - along(MEAN)) / along(STD))],
        ),
        "affine": (
            lambda: c.view_affine(x, WEIGHT, BIAS, RELU, y, axis),
            [(y, np.maximum(x * affine[0] + affine[1], 0))],
        ),
        "inference": (
            lambda: c.view_inference(x, MEAN, VAR, WEIGHT, BIAS, 1e-5, RELU, y, axis),
            [(y, np.maximum(normalized, 0))],
        ),
        "forward": (
            lambda: c.view_forward(x, None, BIAS, 1e-5, 0, y, mean, var, invstd, axis),
            [
                (y, reference.forward(x, 1, BIAS)),
                (mean, reference.moments(x)[0]),
                (var, reference.moments(x)[1]),
                (invstd, 1 / np.sqrt(reference.moments(x)[1] + 1e-5)),
            ],
        ),
        "backward": (
            lambda: c.view_backward(dy, x, MEAN, INVSTD, WEIGHT, None, 0, y, mean, var, axis),
            [(y, dx), (mean, dweight), (var, dbias)],
        ),
    }


VIEWS = ["moments", "normalize", "affine", "inference", "forward", "backward"]
each_view = pytest.mark.parametrize("name", VIEWS)


@each_view
@each_layout
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memoryviews(every_function, name, dtype, laid):
    x, dy, y = stored(X, dtype, laid), stored(DY, dtype), empty(dtype, laid)
    for read in (x, dy):
        read.flags.writeable = False
    call, results = view_calls(every_function, x, dy, y)[name]
    assert call() == OK
    for found, exact in results:
        assert_close(found, exact, 4 * ERRORS[dtype])


@pytest.mark.parametrize("to", [np.float32, np.float64])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16])
def test_memoryviews_of_integers(every_function, dtype, to):
    x, y = stored(X, dtype), empty(to, LAYOUTS["planes"])
    mean, var = np.empty(5), np.empty(5)
    assert every_function.view_moments(x, mean, var) == OK
    assert_close(var, reference.moments(x)[1], 1e-12)
    assert every_function.view_normalize(x, MEAN, STD, y) == OK
    assert_close(y, (x - along(MEAN)) / along(STD), ERRORS[to])
    assert every_function.view_affine(x, WEIGHT, BIAS, 0, y) == OK
    assert_close(y, x * along(WEIGHT) + along(BIAS), ERRORS[to])


@pytest.mark.parametrize("wrong", ["shape", "length", "axis"])
@each_view
def test_memoryviews_that_do_not_fit_are_refused(every_function, name, wrong):
    y, channels, axis = np.full(X.shape, -7.0), 5, 1
    if wrong == "shape":
        y = np.full((6, 5, 8), -7.0)
    elif wrong == "axis":
        axis = 3
    if wrong == "length" or name == "moments":
        channels = 4
    call, results = view_calls(every_function, X, DY, y, channels, axis)[name]
    if wrong == "length" and name in ("normalize", "affine", "inference"):
        axis, call = 2, view_calls(every_function, X, DY, y, 5, 2)[name][0]  # of length 7
    assert call() == INVALID_ARGUMENT
    for found, _ in results:
        assert np.all(found == -7)


def test_what_is_needed_must_not_be_none(every_function):
    mean = np.full(5, -7.0)
    assert every_function.view_moments(X, mean, None) == INVALID_ARGUMENT
    assert np.all(mean == -7)


def test_an_empty_array_has_no_moments(every_function):
    mean, var = np.empty(5), np.empty(5)
    assert every_function.view_moments(np.empty((0, 5, 7)), mean, var) == OK
    assert np.all(np.isnan([mean, var]))
