"""Every refusal, with its text: the argument's name, what was expected, what came."""

import re

import numpy as np
import pytest

import bnfast

pytestmark = pytest.mark.once

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
ONES = np.ones(3)
SHORT = np.ones(2)

# Every function of an array, called with what it needs besides.
FUNCTIONS = {
    "batch_norm": lambda x, **k: bnfast.batch_norm(x, training=True, **k),
    "batch_norm_inference": lambda x, **k: bnfast.batch_norm(x, ONES, ONES, **k),
    "batch_norm_forward": bnfast.batch_norm_forward,
    "batch_norm_backward": lambda x, **k: bnfast.batch_norm_backward(X, x, ONES, ONES, **k),
    "batch_norm_backward_reduce": lambda x, **k: bnfast.batch_norm_backward_reduce(
        X, x, ONES, ONES, **k
    ),
    "batch_norm_backward_elemt": lambda x, **k: bnfast.batch_norm_backward_elemt(
        X, x, ONES, ONES, None, ONES, ONES, 8, **k
    ),
    "affine": lambda x, **k: bnfast.affine(x, ONES, ONES, **k),
    "moments": bnfast.moments,
    "standardize": lambda x, **k: bnfast.standardize(x, **{"channel_axis": 1, **k}),
    "Affine": lambda x, channel_axis=1, **k: bnfast.Affine(
        ONES, ONES, ONES, channel_axis=channel_axis
    )(x, **k),
}
WITH_EPS = ["batch_norm", "batch_norm_inference", "batch_norm_forward", "standardize"]
WITH_OUT = [name for name in FUNCTIONS if name not in ("batch_norm_backward_reduce", "moments")]

BAD_ARRAYS = {
    "list": (X.tolist(), TypeError, "x must be an array, got list"),
    "tuple": ((1.0, 2.0), TypeError, "x must be an array, got tuple"),
    "None": (None, TypeError, "x must be an array, got NoneType"),
    "str": ("abc", TypeError, "x must be an array, got str"),
    "number": (1.0, TypeError, "x must be an array, got float"),
    "masked": (np.ma.array(X), TypeError, "x must be a plain array, got a masked array"),
    "bytes": (b"abc", TypeError, r"x must be float16, bfloat16, .* got \|S3"),
    "0-d": (np.float32(1), ValueError, "x must have at least 1 axis, got a 0-d array"),
    "1-d": (np.ones(3), ValueError, r"channel_axis must lie in \[-1, 1\) for a 1-d x, got 1"),
}
BAD_DTYPES = ["i4", "u4", "i8", "?", "c8", "c16", "O", ">f2", ">f4", ">f8", "g", "U3", "M8[s]"]
FLOATS = "float16, bfloat16, float32 or float64"
NUMBERS = "float16, bfloat16, float32, float64, uint8, int8, uint16 or int16"
OF_INTEGERS = ["affine", "moments", "standardize"]


def refused(error, message, call, *arguments, **keywords):
    with pytest.raises(error, match=message) as caught:
        call(*arguments, **keywords)
    assert type(caught.value) is error


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize("x, error, message", BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_what_is_no_array(function, x, error, message):
    refused(error, message, function, x)


@pytest.mark.parametrize("dtype", [*BAD_DTYPES, ">i2"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_dtypes(name, dtype):
    came = re.escape(str(np.dtype(dtype)))
    expected = NUMBERS if name in OF_INTEGERS else FLOATS
    message = f"^x must be {expected} in native byte order, got {came}$"
    refused(TypeError, message, FUNCTIONS[name], np.zeros((2, 3, 4), dtype))


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2"])
@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in OF_INTEGERS])
def test_integers(name, dtype):
    came = np.dtype(dtype)
    message = f"^x must be {FLOATS} in native byte order, got {came}$"
    refused(TypeError, message, FUNCTIONS[name], np.zeros((2, 3, 4), dtype))


@pytest.mark.parametrize("name", ["float8_e5m2", "float8_e4m3fn", "int4", "uint2"])
def test_other_types_of_ml_dtypes(name):
    dtype = getattr(pytest.importorskip("ml_dtypes"), name)
    x = np.zeros((2, 3, 4), dtype)
    refused(TypeError, f"^x must be {NUMBERS} .*, got {name}$", bnfast.moments, x)
    message = f"^dtype must be {FLOATS}, got {name}$"
    refused(TypeError, message, bnfast.affine, X, ONES, ONES, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "uint8"])
@pytest.mark.parametrize("argument", ["running_mean", "weight", "bias"])
def test_parameters_are_float32_or_float64(argument, dtype):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    values = {"running_mean": ONES, "running_var": ONES} if argument == "running_mean" else {}
    message = f"^{argument} must be float32 or float64 in native byte order, got {dtype}$"
    values[argument] = ONES.astype(dtype)
    refused(TypeError, message, bnfast.batch_norm, X, training=True, **values)


@pytest.mark.parametrize("axis", [-4, 3, 100])
@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_axis_out_of_range(function, axis):
    message = rf"channel_axis must lie in \[-3, 3\) for a 3-d x, got {axis}$"
    refused(ValueError, message, function, X, channel_axis=axis)


@pytest.mark.parametrize("axis", ["1", None, 1.0, [1]], ids=repr)
@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_axis_of_another_type(function, axis):
    came = f"{re.escape(repr(axis))} of type {type(axis).__name__}"
    message = f"^channel_axis must be an integer, got {came}$"
    refused(TypeError, message, function, X, channel_axis=axis)


@pytest.mark.parametrize(
    "threads, error, message",
    [
        (0, ValueError, r"^num_threads must .* got 0$"),
        (-1, ValueError, r"^num_threads must .* got -1$"),
        (10**30, ValueError, r"^num_threads .* got 10{30}$"),
        ("2", TypeError, "^num_threads must be an integer, got '2' of type str$"),
        (1.5, TypeError, r"^num_threads must be an integer, got 1\.5 of type float$"),
    ],
    ids=["0", "-1", "10**30", "'2'", "1.5"],
)
@pytest.mark.parametrize(
    "function",
    [*FUNCTIONS.values(), lambda _, num_threads: bnfast.set_num_threads(num_threads)],
    ids=[*FUNCTIONS, "set_num_threads"],
)
def test_threads(function, threads, error, message):
    refused(error, message, function, X, num_threads=threads)


@pytest.mark.parametrize("eps", [-1e-5, float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", WITH_EPS)
def test_eps(name, eps):
    message = f"eps must be finite and not negative, got {eps}$"
    refused(ValueError, message, FUNCTIONS[name], X, eps=eps)


def test_eps_of_inference_params():
    message = "eps must be finite and not negative, got -1$"
    refused(ValueError, message, bnfast.inference_params, ONES, ONES, eps=-1)


@pytest.mark.parametrize("eps", ["1e-5", None], ids=repr)
@pytest.mark.parametrize("name", WITH_EPS)
def test_eps_of_another_type(name, eps):
    message = f"^eps must be a number, got {eps!r} of type {type(eps).__name__}$"
    refused(TypeError, message, FUNCTIONS[name], X, eps=eps)


FUSING = [
    "batch_norm",
    "batch_norm_inference",
    "batch_norm_forward",
    "batch_norm_backward",
    "affine",
]


@pytest.mark.parametrize("name", FUSING)
def test_activation(name):
    known = "None, 'relu', 'relu6', 'leaky_relu', 'hardswish' or 'silu'"
    call = FUNCTIONS[name]
    refused(ValueError, f"^activation must be {known}, got 'tanh'$", call, X, activation="tanh")
    refused(TypeError, "^activation must be None or a str, got int$", call, X, activation=1)


@pytest.mark.parametrize("name", [*FUSING, "Affine"])
def test_residual(name):
    call, of = FUNCTIONS[name], "the result" if name == "affine" else "x"
    refused(TypeError, "^residual must be an array, got list$", call, X, residual=X.tolist())
    refused(
        TypeError,
        f"^residual must have the dtype of {of}, float32, got float64$",
        call,
        X,
        residual=X.astype(np.float64),
    )
    refused(
        ValueError,
        rf"^residual must have the shape of {of}, \(.*\), got \(1, .*\)$",
        call,
        X,
        residual=X[:1],
    )
    if name != "batch_norm_backward":
        buffer = np.zeros((X.shape[0] + 1, *X.shape[1:]), X.dtype)
        overlapping = {"residual": buffer[:-1], "out": buffer[1:]}
        refused(ValueError, "^out must be an input itself or share no", call, X, **overlapping)


@pytest.mark.parametrize("name", ["batch_norm_forward", "batch_norm_backward"])
def test_mask(name):
    call, shape = FUNCTIONS[name], np.delete(X.shape, 1)
    refused(TypeError, "^mask must be an array of bool, got f", call, X, mask=np.ones(shape))
    wanted = rf"^mask must have x's shape without the channel axis, \({shape[0]}, .*\), got \(2,\)$"
    refused(ValueError, wanted, call, X, mask=np.ones(2, bool))


@pytest.mark.parametrize("name", WITH_OUT)
@pytest.mark.parametrize("out", [[1.0], "out", object()], ids=lambda out: type(out).__name__)
def test_out_that_is_no_array(name, out):
    came = type(out).__name__
    refused(TypeError, f"out must be a numpy.ndarray, got {came}", FUNCTIONS[name], X, out=out)


@pytest.mark.parametrize(
    "name", ["batch_norm_backward", "batch_norm_backward_reduce", "batch_norm_backward_elemt"]
)
def test_dy_must_be_like_x(name):
    function = FUNCTIONS[name]
    message = r"dy must have the shape of x, \(2, 3, 5\), got \(2, 3, 4\)$"
    refused(ValueError, message, function, np.ones((2, 3, 5), np.float32))
    message = "dy must have the dtype of x, float64, got float32$"
    refused(TypeError, message, function, X.astype(np.float64))
    message = "dy must have the dtype of x, float16, got float32$"
    refused(TypeError, message, function, X.astype(np.float16))
    rest = (None, ONES, ONES, 8) if name.endswith("elemt") else ()
    call = getattr(bnfast, name)
    refused(TypeError, "dy must be an array, got list", call, X.tolist(), X, ONES, ONES, *rest)
    refused(TypeError, "dy must be a plain array", call, np.ma.array(X), X, ONES, ONES, *rest)
    refused(
        TypeError, "dy must be float16, .* got int64", call, X.astype(int), X, ONES, ONES, *rest
    )


@pytest.mark.parametrize("call", [bnfast.affine, bnfast.standardize], ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", ["int8", "uint16", ">f4", ">f2", "complex64", object], ids=str)
def test_result_dtype(call, dtype):
    message = f"dtype must be {FLOATS}, got {re.escape(str(np.dtype(dtype)))}$"
    refused(TypeError, message, call, X, ONES, ONES, channel_axis=1, dtype=dtype)


def test_unknown_and_missing_arguments_are_type_errors():
    for function in FUNCTIONS.values():
        with pytest.raises(TypeError):
            function(X, unheard_of=1)
    with pytest.raises(TypeError):
        bnfast.affine(X, ONES)
    with pytest.raises(TypeError):
        bnfast.moments(X, 1)  # keyword only


def test_tensors_that_cannot_be_arrays():
    torch = pytest.importorskip("torch")
    tensor = torch.ones(2, 3, 4)
    for x in (tensor.to(torch.bfloat16), tensor.to_sparse(), tensor.clone().requires_grad_()):
        refused(TypeError, "^x could not be read by DLPack: ", bnfast.moments, x)
