"""Values per channel are read where they lie, whatever else is written there."""

import numpy as np
import pytest

import bnfast

SHAPE = (2, 1000, 5, 7)  # enough for two threads
CHANNELS = SHAPE[1]


def _data(seed=0):
    rng = np.random.default_rng(seed)
    x, dy = rng.standard_normal((2, *SHAPE), dtype=np.float32)
    values = rng.uniform(0.5, 2, (4, CHANNELS)).astype(np.float32)
    return x, dy, values


def _backwards(values):
    return np.repeat(values[::-1], 2)[::-2]


def _unaligned(values):
    raw = np.zeros(values.nbytes + 1, dtype=np.uint8)
    view = raw[1:].view(values.dtype)
    view[:] = values
    return view


def _column(values):
    table = np.zeros((values.size, 3), dtype=values.dtype)
    table[:, 1] = values
    return table[:, 1]


FORMS = {
    "float64": lambda values: values.astype(np.float64),
    "backwards": _backwards,
    "unaligned": _unaligned,
    "column": _column,
    "list": lambda values: values.tolist(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("axis", [1, -1])
def test_every_form_of_parameters_gives_the_same_bits(form, axis):
    x, dy, (mean, invstd, weight, bias) = _data()
    x, dy = np.moveaxis(x, 1, axis), np.moveaxis(dy, 1, axis)
    given = FORMS[form]

    def results(*values):
        m, i, w, b = values
        gradients = bnfast.batch_norm_backward(dy, x, m, i, w, channel_axis=axis)
        return (
            bnfast.batch_norm(x, m, i, w, b, channel_axis=axis),
            bnfast.batch_norm(x, None, None, w, b, True, channel_axis=axis),
            gradients.dx,
            gradients.dweight,
            bnfast.batch_norm_backward_elemt(dy, x, m, i, w, m, b, 70, channel_axis=axis),
        )

    expected = results(mean, invstd, weight, bias)
    found = results(given(mean), given(invstd), given(weight), given(bias))
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)


def _buffer_with(values):
    """Return a buffer of x's size, and views of it that hold the values."""
    buffer = np.zeros(SHAPE, dtype=np.float32)
    rows = buffer.reshape(-1)[: values.size].reshape(values.shape)
    rows[:] = values
    return buffer, rows


CALLS = {
    "inference": lambda x, dy, m, i, w, b, **to: bnfast.batch_norm(x, m, i, w, b, **to),
    "training": lambda x, dy, m, i, w, b, **to: bnfast.batch_norm(x, None, None, w, b, True, **to),
    "forward": lambda x, dy, m, i, w, b, **to: bnfast.batch_norm_forward(x, w, b, **to).y,
    "backward": lambda x, dy, m, i, w, b, **to: bnfast.batch_norm_backward(dy, x, m, i, w, **to).dx,
    "backward, constants": lambda x, dy, m, i, w, b, **to: (
        bnfast.batch_norm_backward(dy, x, m, i, w, training=False, **to).dx
    ),
    "second half": lambda x, dy, m, i, w, b, **to: bnfast.batch_norm_backward_elemt(
        dy, x, m, i, w, m, b, 70, **to
    ),
}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("call", CALLS)
def test_parameters_may_lie_where_the_result_goes(call, threads):
    x, dy, values = _data()
    expected = CALLS[call](x, dy, *values, num_threads=threads)
    buffer, rows = _buffer_with(values)
    found = CALLS[call](x, dy, *rows, out=buffer, num_threads=threads)
    np.testing.assert_array_equal(found, expected)


def test_a_weight_that_is_a_running_mean_is_read_before_it_changes():
    x, _, (mean, var, _, bias) = _data()
    expected = bnfast.batch_norm(x, mean.copy(), var.copy(), mean.copy(), bias, True)
    np.testing.assert_array_equal(
        bnfast.batch_norm(x, mean, var.copy(), mean, bias, True), expected
    )


def test_gradients_of_no_values_are_zero():
    x = np.zeros((0, 3, 4), dtype=np.float32)
    ones = np.ones(3)
    gradients = bnfast.batch_norm_backward(x, x, ones, ones)
    np.testing.assert_array_equal([gradients.dweight, gradients.dbias], np.zeros((2, 3)))
    np.testing.assert_array_equal(
        bnfast.batch_norm_backward_reduce(x, x, ones, ones), np.zeros((2, 3))
    )
    forward = bnfast.batch_norm_forward(x)
    np.testing.assert_array_equal([forward.mean, forward.invstd], np.zeros((2, 3)))
