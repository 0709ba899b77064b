"""Every refusal of what comes besides the arrays, with its text: per-channel values, running
statistics, corrections, counts."""

import re

import numpy as np
import pytest

import bnfast

pytestmark = pytest.mark.once

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
ONES = np.ones(3)


def backward(**k):
    return bnfast.batch_norm_backward(X, X, **{"mean": ONES, "invstd": ONES} | k)


def elemt(**k):
    needed = dict.fromkeys(("mean", "invstd", "sum_dy", "sum_dy_xmu"), ONES)
    return bnfast.batch_norm_backward_elemt(X, X, **needed | {"weight": None, "count": 8} | k)


# Every function with per-channel values, and the names of those that may not be None / that may.
FUNCTIONS = {
    "batch_norm": (lambda **k: bnfast.batch_norm(X, training=True, **k), [], ["weight", "bias"]),
    "batch_norm_inference": (
        lambda **k: bnfast.batch_norm(X, **{"running_mean": ONES, "running_var": ONES, **k}),
        [],
        ["running_mean", "running_var", "weight", "bias"],
    ),
    "batch_norm_forward": (
        lambda **k: bnfast.batch_norm_forward(X, **k), [], ["weight", "bias"]
    ),
    "batch_norm_backward": (backward, ["mean", "invstd"], ["weight", "bias"]),
    "batch_norm_backward_reduce": (
        lambda **k: bnfast.batch_norm_backward_reduce(X, X, **{"mean": ONES, "invstd": ONES, **k}),
        ["mean", "invstd"],
        [],
    ),
    "batch_norm_backward_elemt": (elemt, ["mean", "invstd", "sum_dy", "sum_dy_xmu"], ["weight"]),
    "affine": (
        lambda **k: bnfast.affine(X, **{"scale": ONES, "shift": ONES, **k}), ["scale", "shift"], []
    ),
    "inference_params": (
        lambda **k: bnfast.inference_params(
            **{"running_mean": np.zeros(3), "running_var": ONES, **k}
        ),
        ["running_mean", "running_var"],
        ["weight", "bias"],
    ),
    "standardize": (
        lambda **k: bnfast.standardize(X, channel_axis=1, **k), [], ["mean", "std"]
    ),
    "Affine": (
        lambda **k: bnfast.Affine(**{"mean": ONES, "scale": ONES, "shift": ONES, **k}),
        ["mean", "scale", "shift"],
        [],
    ),
}  # fmt: skip
REQUIRED = {
    f"{name}-{argument}": (call, argument)
    for name, (call, required, _) in FUNCTIONS.items()
    for argument in required
}
VALUES = REQUIRED | {
    f"{name}-{argument}": (call, argument)
    for name, (call, _, optional) in FUNCTIONS.items()
    for argument in optional
}
# The first argument of these says what C is: any length will do.
SETS_LENGTH = ("inference_params-running_mean", "Affine-mean")
PAIRS = pytest.mark.parametrize(
    "name, other", [("running_mean", "running_var"), ("running_var", "running_mean")]
)
LENGTHS = {key: value for key, value in VALUES.items() if key not in SETS_LENGTH}


def refused(error, message, call, *arguments, **keywords):
    with pytest.raises(error, match=message) as caught:
        call(*arguments, **keywords)
    assert type(caught.value) is error


@pytest.mark.parametrize("call, name", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("length", [0, 2, 4])
def test_length(call, name, length):
    message = rf"^{name} must have shape \(3,\), got \({length},\)$"
    refused(ValueError, message, call, **{name: np.ones(length)})
    refused(ValueError, message, call, **{name: [1.0] * length})


@pytest.mark.parametrize("call, name", VALUES.values(), ids=VALUES)
def test_rank(call, name):
    message = rf"^{name} must have shape \(.*,\), got \(3, 1\)"
    refused(ValueError, message, call, **{name: ONES[:, None]})
    with pytest.raises((TypeError, ValueError), match=rf"^{name} must "):
        call(**{name: np.array(1.0)})


@pytest.mark.parametrize("call, name", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("dtype", ["f2", "i8", "?", "c16", "O", ">f8"])
def test_dtype(call, name, dtype):
    came = re.escape(str(np.dtype(dtype)))
    message = f"^{name} must be float32 or float64 in native byte order, got {came}$"
    refused(TypeError, message, call, **{name: np.ones(3, dtype)})


@pytest.mark.parametrize("call, name", VALUES.values(), ids=VALUES)
def test_type(call, name):
    refused(TypeError, f"^{name} must be an array, got float$", call, **{name: 1.0})
    refused(TypeError, f"^{name} must be an array, got str$", call, **{name: "abc"})
    message = f"^{name} must be .*array, got a masked array$"
    refused(TypeError, message, call, **{name: np.ma.array(ONES)})


@pytest.mark.parametrize("call, name", VALUES.values(), ids=VALUES)
def test_sequences_of_what_is_no_number(call, name):
    for members in (["a", 1, 1], [None, 1, 1], [1j, 1, 1], [[1], 1, 1]):
        with pytest.raises((TypeError, ValueError), match=f"^{name} must "):
            call(**{name: members})


@pytest.mark.parametrize("call, name", REQUIRED.values(), ids=REQUIRED)
def test_none(call, name):
    refused(TypeError, f"^{name} must be an array, got None", call, **{name: None})


@pytest.mark.parametrize("training", [False, True])
@PAIRS
def test_one_running_statistic_without_the_other(training, name, other):
    message = f"running_mean and running_var must be given together, got only {name}$"
    keywords = {name: ONES.copy(), other: None, "training": training}
    refused(ValueError, message, bnfast.batch_norm, X, **keywords)


@PAIRS
def test_running_statistics_that_cannot_be_updated(name, other):
    def call(value):
        bnfast.batch_norm(X, training=True, **{name: value, other: np.ones(3)})

    refused(TypeError, f"^{name} is updated .* must be a numpy.ndarray, got list$", call, [0.0] * 3)
    frozen = np.ones(3)
    frozen.flags.writeable = False
    refused(ValueError, f"^{name} is updated in place and must be writeable", call, frozen)
    refused(ValueError, rf"^{name} must have shape \(3,\), got \(4,\)$", call, np.ones(4))
    refused(TypeError, f"^{name} must be float32 or float64 .* got int64$", call, np.ones(3, int))


def test_running_statistics_that_share_memory():
    buffer = np.ones(30, np.float32)
    x = buffer[:24].reshape(2, 3, 4)
    apart = np.ones(3, np.float32)

    def call(mean, var, out=None):
        bnfast.batch_norm(x, mean, var, training=True, out=out)

    message = "must share no memory with"
    refused(ValueError, f"running_mean {message} x$", call, buffer[20:23], apart)
    refused(ValueError, f"running_var {message} x$", call, apart, buffer[20:23])
    refused(ValueError, f"running_mean {message} running_var$", call, buffer[24:27], buffer[26:29])
    other = np.ones(30, np.float32)
    out = other[:24].reshape(2, 3, 4)
    refused(ValueError, f"out {message} running_mean$", call, other[20:23], apart, out)
    refused(ValueError, f"out {message} running_var$", call, apart, other[20:23], out)


@pytest.mark.parametrize("shape", [(1, 3), (1, 3, 1, 1), (1, 1), (1, 3, 1)], ids=str)
def test_one_value_per_channel(shape):
    came = re.escape(str(shape))
    message = f"^Expected more than 1 value per channel when training, got input size .*{came}"
    refused(ValueError, message, bnfast.batch_norm, np.ones(shape, np.float32), training=True)


@pytest.mark.parametrize("correction", [-1, 8, 9])
def test_correction(correction):
    message = rf"correction must lie in \[0, 8\), the values per channel, got {correction}$"
    refused(ValueError, f"^{message}", bnfast.moments, X, correction=correction)
    running = {"running_mean": np.zeros(3), "running_var": np.ones(3), "training": True}
    running["running_var_correction"] = correction
    refused(ValueError, f"^running_var_{message}", bnfast.batch_norm, X, **running)


@pytest.mark.parametrize("correction", ["1", 1.5, None], ids=repr)
def test_correction_of_another_type(correction):
    came = f"{correction!r} of type {type(correction).__name__}"
    message = f"correction must be an integer, got {came}$"
    refused(TypeError, f"^{message}", bnfast.moments, X, correction=correction)
    keywords = {"training": True, "running_var_correction": correction}
    refused(TypeError, f"^running_var_{message}", bnfast.batch_norm, X, **keywords)


@pytest.mark.parametrize("members", [(), (True,), (True,) * 4], ids=len)
def test_output_mask_of_another_length(members):
    message = f"^output_mask must have 3 members, got {len(members)}$"
    refused(ValueError, message, backward, output_mask=members)


@pytest.mark.parametrize("mask", ["abc", None, 5], ids=repr)
def test_output_mask_of_another_type(mask):
    refused(TypeError, "^output_mask must ", backward, output_mask=mask)


def test_out_without_dx():
    out = np.zeros_like(X)
    message = "^out must be None when output_mask leaves out dx$"
    refused(ValueError, message, backward, output_mask=(False, True, True), out=out)


@pytest.mark.parametrize("std", [0.0, -1.0, float("nan")])
def test_std(std):
    message = f"^std must be positive, got {std} for channel 1$"
    call = bnfast.standardize
    refused(ValueError, message, call, X, ONES, [1, std, 1], channel_axis=1)
    if std != 0:  # with eps, a std of 0 is of use
        refused(ValueError, message, call, X, ONES, [1, std, 1], channel_axis=1, eps=1e-3)


@pytest.mark.parametrize("count", [0, -1.0, float("nan")])
def test_count(count):
    refused(ValueError, f"^count must be positive, got {count}$", elemt, count=count)


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda v: elemt(count=v), "count"),
        (lambda v: bnfast.batch_norm(X, training=True, momentum=v), "momentum"),
        (lambda v: bnfast.batch_norm(X, training=v), "training"),
        (lambda v: bnfast.affine(X, ONES, ONES, negative_slope=v), "negative_slope"),
        (lambda v: bnfast.Affine(ONES, ONES, ONES, channel_axis=v), "channel_axis"),
        (lambda v: bnfast.use_isa([v]), "name"),
    ],
    ids=["count", "momentum", "training", "negative_slope", "Affine-channel_axis", "use_isa-name"],
)
def test_arguments_of_another_type(call, name):
    refused(TypeError, f"^{name} must be .*, got .*(str|list)$", call, "3")


@pytest.mark.parametrize("shape", [(0, 3), (2, 3, 0)], ids=str)
def test_moments_of_nothing(shape):
    refused(ValueError, "values? per channel", bnfast.moments, np.ones(shape))


def test_another_number_of_channels():
    frozen = bnfast.Affine(ONES, ONES, ONES)
    message = r"^x must have 3 channels on axis 1, got shape \(2, 4\)$"
    refused(ValueError, message, frozen, np.ones((2, 4)))
