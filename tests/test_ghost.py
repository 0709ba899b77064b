"""Ghost batch norm: each group of a batch by its own statistics, one after the other."""

import copy
import pickle

import numpy as np
import pytest

import bnfast
import reference
from layer_problem import CALLS, LAYOUTS, C, Problem, state_of

# Of 7 samples: size, and the ends of the groups.
SIZES = {
    "a rest": (3, [3, 6, 7]),
    "a rest of 3": (4, [4, 7]),
    "the batch": (7, [7]),
    "more than the batch": (100, [7]),
}


def ends_of(size, p):
    """Return the ends of the groups; a single value per channel joins the group before it."""
    ends = SIZES[size][1]
    return [3, 7] if size == "a rest" and p.x.ndim == 2 else ends


def parts_of(ends):
    return [slice(*pair) for pair in zip([0, *ends], ends, strict=False)]


@pytest.fixture(params=LAYOUTS)
def layout(request):
    return request.param


@pytest.fixture(params=SIZES)
def size(request):
    return request.param


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=lambda t: t.__name__)
def test_each_group_is_normalized_by_its_own_statistics(layout, size, dtype):
    p = Problem(layout, dtype)
    bn = p.layer(virtual_batch_size=SIZES[size][0])
    parts = parts_of(ends_of(size, p))
    expected = np.concatenate([p.normal(p.x[part], p.weight, p.bias) for part in parts])
    y = bn(p.x)
    assert y.dtype == dtype
    assert reference.max_error(y, expected) <= 16 * np.finfo(dtype).eps
    for out in (np.empty_like(p.x), p.x):
        assert bn(p.x, out=out) is out
        np.testing.assert_array_equal(out, y)


@pytest.mark.parametrize("correction", [0, 1])
@pytest.mark.parametrize("momentum", [0.25, None])
def test_running_statistics_follow_the_groups_one_by_one(layout, size, momentum, correction):
    p = Problem(layout)
    options = {"momentum": momentum, "running_var_correction": correction}
    bn = p.layer(virtual_batch_size=SIZES[size][0], **options)
    mean, var, tracked = p.running_mean, p.running_var, 0
    for seed in (1, 2):
        x = Problem(layout, seed=seed).x
        for part in parts_of(ends_of(size, p)):
            tracked += 1
            weight = momentum or 1 / tracked
            batch_mean, batch_var = reference.moments(x[part], p.axis, correction)
            mean = (1 - weight) * mean + weight * batch_mean
            var = (1 - weight) * var + weight * batch_var
        bn(x)
    np.testing.assert_allclose(bn.running_mean, mean.astype(float), rtol=1e-8)
    np.testing.assert_allclose(bn.running_var, var.astype(float), rtol=1e-8)
    assert bn.num_batches_tracked == tracked


@pytest.mark.parametrize("call", CALLS)
def test_gradients(layout, size, call):
    p = Problem(layout)
    activation, with_residual = CALLS[call]
    bn = p.layer(virtual_batch_size=SIZES[size][0], activation=activation)
    parts = parts_of(ends_of(size, p))

    def y_of(x, weight, bias):
        return np.concatenate([p.normal(x[part], weight, bias) for part in parts])

    p.check_gradients(bn, bn, y_of, with_residual)


def test_gradients_without_parameters(layout):
    p = Problem(layout)
    bn = p.layer(virtual_batch_size=4, affine=False)

    def y_of(x, weight, bias):
        return np.concatenate([p.normal(x[:4]), p.normal(x[4:])])

    p.check_gradients(bn, bn, y_of, with_residual=True)
    assert bn.weight_grad is None
    assert bn.bias_grad is None


def test_pytorchs_layer_called_by_group(torch):
    """As TabNet does it: torch.cat of a layer's results for each chunk."""
    rng = np.random.default_rng(3)
    x, dy = rng.normal(3, 2, (2, 12, C, 5)).astype(np.float32)
    theirs = torch.nn.BatchNorm1d(C, momentum=0.2)
    inputs = torch.tensor(x, requires_grad=True)
    expected = torch.cat([theirs(chunk) for chunk in inputs.chunk(3)])
    expected.backward(torch.tensor(dy))
    bn = bnfast.BatchNorm(C, momentum=0.2, virtual_batch_size=4)
    for given in (x, torch.tensor(x)):  # torch's by DLPack
        bn.reset_running_stats()
        y = bn(given)
        np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(bn.backward(dy), inputs.grad.numpy(), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(bn.weight_grad, theirs.weight.grad.numpy(), rtol=1e-4)
        np.testing.assert_allclose(bn.bias_grad, theirs.bias.grad.numpy(), rtol=1e-4)
        for name, value in theirs.state_dict().items():
            np.testing.assert_allclose(bn.state_dict()[name], value.numpy(), rtol=1e-5)


def test_other_calls_are_not_split(layout):
    p = Problem(layout)
    inferred = p.inferred(p.x, p.running_mean, p.running_var, p.weight, p.bias)
    own = p.normal(p.x, p.weight, p.bias)
    bn = p.layer(virtual_batch_size=3)
    assert reference.max_error(bn(p.x, training=False), inferred) <= 1e-14
    bn = p.layer(virtual_batch_size=3, track_running_stats=False)
    assert reference.max_error(bn(p.x, training=False), own) <= 1e-14
    assert reference.max_error(bn(p.x), own) > 0.1


@pytest.mark.parametrize("samples, size, ends", [(5, 2, [2, 5]), (5, 4, [5]), (6, 4, [4, 6])])
def test_a_value_left_over_joins_the_group_before(samples, size, ends):
    p = Problem("NC")
    expected = np.concatenate([p.normal(p.x[part]) for part in parts_of(ends)])
    bn = p.layer(virtual_batch_size=size, affine=False)
    assert reference.max_error(bn(p.x[:samples]), expected) <= 1e-14
    assert bn.num_batches_tracked == len(ends)


def test_half_precision():
    x = np.random.default_rng(0).normal(2, 3, (8, C, 4)).astype(np.float16)
    expected = np.concatenate([reference.forward(x[:4]), reference.forward(x[4:])])
    y = bnfast.BatchNorm(C, virtual_batch_size=4)(x)
    assert y.dtype == np.float16
    assert reference.max_error(y, expected) <= 2**-9


@pytest.mark.once
def test_an_empty_batch():
    bn = bnfast.BatchNorm(C, virtual_batch_size=4)
    x = np.empty((0, C, 5), np.float32)
    assert bn(x).shape == x.shape
    assert bn.backward(x).shape == x.shape
    np.testing.assert_array_equal(bn.weight_grad, np.zeros(C))
    np.testing.assert_array_equal(bn.running_var, np.ones(C))


@pytest.mark.once
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda bn: pickle.loads(pickle.dumps(bn))])
def test_copies(copied):
    p = Problem("NCHW")
    bn = p.layer(virtual_batch_size=3)
    twin = copied(bn)
    assert repr(twin) == repr(bn)
    assert repr(bn).endswith(", virtual_batch_size=3)")
    np.testing.assert_array_equal(twin(p.x), bn(p.x))
    np.testing.assert_equal(state_of(twin), state_of(bn))


@pytest.mark.once
@pytest.mark.parametrize(
    "size, error, message",
    [
        (0, ValueError, "virtual_batch_size must be at least 1, got 0"),
        (-3, ValueError, "virtual_batch_size must be at least 1, got -3"),
        (2.0, TypeError, "virtual_batch_size must be an integer or None, got 2.0"),
        (True, TypeError, "virtual_batch_size must be an integer or None, got True"),
    ],
)
def test_sizes_that_are_none(size, error, message):
    with pytest.raises(error, match=message):
        bnfast.BatchNorm(C, virtual_batch_size=size)


def refused(bn, x, error, message, **options):
    """Check a refusal, and that nothing was written."""
    before, out = state_of(bn), options.get("out")
    was = None if out is None else out.copy()
    with pytest.raises(error, match=message):
        bn(x, **options)
    np.testing.assert_equal(state_of(bn), before)
    if out is not None:
        np.testing.assert_array_equal(out, was)


@pytest.mark.once
@pytest.mark.parametrize("axis", [0, -2])
def test_channels_along_the_batch(axis):
    bn = bnfast.BatchNorm(C, channel_axis=axis, virtual_batch_size=2)
    message = (
        "channel_axis must not be the first axis, along which virtual_batch_size splits the batch, "
        f"got {axis} for a 2-d x"
    )
    x = np.ones((C, 6))
    refused(bn, x, ValueError, message, out=np.zeros_like(x))


@pytest.mark.once
def test_a_refusal_comes_before_the_first_group_is_written():
    p = Problem("NCHW")
    bn = p.layer(virtual_batch_size=4)
    out = np.zeros_like(p.x)
    one = "Expected more than 1 value per channel when training, got input size"
    singles = p.layer(virtual_batch_size=1)
    refused(singles, p.x[:, :, 0, 0], ValueError, one, out=out[:, :, 0, 0])
    refused(bn, p.x, TypeError, "residual must have the dtype of x", residual=np.float32(p.x))
    refused(bn, p.x, ValueError, "residual must have the shape", residual=p.x[:4], out=out)
    refused(bn, p.x, ValueError, "out must have shape", out=np.zeros((8, *p.x.shape[1:])))
    buffer = np.concatenate([p.x, p.x])
    refused(bn, buffer[4:11], ValueError, "partial overlap", out=buffer[:7])
    bn.weight = np.ones(C + 1)
    refused(bn, p.x, ValueError, "weight must have shape", out=out)


@pytest.mark.once
def test_a_correction_too_large_for_the_last_group():
    p = Problem("NC")
    bn = p.layer(virtual_batch_size=5, running_var_correction=3)
    message = r"running_var_correction must lie in \[0, 2\)"
    refused(bn, p.x, ValueError, message, out=np.zeros_like(p.x))


@pytest.mark.once
def test_wrong_gradients_are_refused_before_anything_is_written():
    p = Problem("NCHW")
    bn = p.layer(virtual_batch_size=4)
    bn(p.x)
    before, out = state_of(bn), np.zeros_like(p.x)
    buffer = np.concatenate([p.dy, p.dy])
    with pytest.raises(ValueError, match=r"dy must have the shape of x, .* got \(14, 3, 2, 3\)"):
        bn.backward(buffer, out=out)
    with pytest.raises(ValueError, match="partial overlap"):
        bn.backward(buffer[4:11], out=buffer[:7])
    with pytest.raises(TypeError, match="dy must have the dtype of x, float64, got float32"):
        bn.backward(p.dy.astype(np.float32), out=out)
    np.testing.assert_array_equal(buffer, np.concatenate([p.dy, p.dy]))
    np.testing.assert_array_equal(out, 0)
    np.testing.assert_equal(state_of(bn), before)
    bn(p.x, out=p.x)
    with pytest.raises(RuntimeError, match="the input, which the forward call has overwritten"):
        bn.backward(p.dy)
