"""What `BatchNorm` refuses, and that nothing has changed then."""

import copy

import numpy as np
import pytest

import bnfast

pytestmark = pytest.mark.once

C = 4


@pytest.fixture
def bn():
    """A layer after a step of training, with gradients."""
    layer = bnfast.BatchNorm(C)
    layer(np.random.default_rng(0).standard_normal((6, C, 5)).astype(np.float32))
    layer.backward(np.ones((6, C, 5), np.float32))
    return layer


def state_of(bn):
    return copy.deepcopy([bn.state_dict(), bn.num_batches_tracked, bn.weight_grad, bn.bias_grad])


def test_activation():
    with pytest.raises(ValueError, match=r"activation must be None, 'relu', .*, got 'tanh'"):
        bnfast.BatchNorm(C, activation="tanh")


@pytest.mark.parametrize("training", [True, False])
def test_residual_of_another_shape(bn, training):
    x = np.ones((2, C), np.float32)
    before = state_of(bn)
    with pytest.raises(ValueError, match="residual must have the shape of x"):
        bn(x, training=training, residual=x[:1])
    np.testing.assert_equal(state_of(bn), before)


def test_backward_after_the_residual_was_overwritten():
    x, residual = np.eye(3, C, dtype=np.float32), np.ones((3, C), np.float32)
    fused = bnfast.BatchNorm(C, activation="relu")
    fused(x, residual=residual, out=residual)
    with pytest.raises(RuntimeError, match="backward needs the residual"):
        fused.backward(x)
    plain = bnfast.BatchNorm(C)  # whose gradients do not depend on it
    plain(x, residual=residual, out=residual)
    assert np.array_equal(plain.backward(x), plain.backward(x))


def test_constructor():
    with pytest.raises(TypeError, match="dtype must be float32 or float64, got float16"):
        bnfast.BatchNorm(C, dtype=np.float16)
    with pytest.raises(ValueError, match="num_features must not be negative, got -1"):
        bnfast.BatchNorm(-1)


ERRORS = {
    "no array": (TypeError, "x must be an array, got list", [[1.0] * C] * 2),
    "dtype": (
        TypeError,
        "x must be float16, bfloat16, float32 or float64",
        np.ones((2, C), np.int32),
    ),
    "channels": (ValueError, "x must have 4 channels on axis 1, got shape", np.ones((2, 5))),
    "rank": (ValueError, "channel_axis must lie in", np.ones(4)),
}


@pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])
@pytest.mark.parametrize("error, message, x", ERRORS.values(), ids=ERRORS)
def test_wrong_input(bn, training, error, message, x):
    before = state_of(bn)
    with pytest.raises(error, match=message):
        bn(x, training=training)
    np.testing.assert_equal(state_of(bn), before)
    bn.backward(np.ones((6, C, 5), np.float32))


@pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])
def test_wrong_out(bn, training):
    x, before = np.ones((6, C), np.float32), state_of(bn)
    read_only = np.zeros((6, C), np.float32)
    read_only.setflags(write=False)
    buffer = np.zeros((7, C), np.float32)
    for wrong in (np.empty((6, 5), np.float32), np.empty((6, C)), read_only):
        with pytest.raises((TypeError, ValueError), match="out must"):
            bn(x, training=training, out=wrong)
    with pytest.raises(ValueError, match="partial overlap"):
        bn(buffer[:6], training=training, out=buffer[1:])
    np.testing.assert_equal(state_of(bn), before)
    np.testing.assert_array_equal(buffer, 0)


@pytest.mark.parametrize("name", ["weight", "bias", "running_mean", "running_var"])
@pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])
def test_wrong_parameters(bn, name, training):
    setattr(bn, name, np.ones(C + 1, np.float32))
    before = state_of(bn)
    with pytest.raises(ValueError, match=r"must have shape \(|x must have \d channels"):
        bn(np.ones((6, C), np.float32), training=training)
    np.testing.assert_equal(state_of(bn), before)


def test_wrong_dy(bn):
    before = state_of(bn)
    with pytest.raises(ValueError, match=r"dy must have the shape of x, \(6, 4, 5\), got \(6, 4\)"):
        bn.backward(np.ones((6, C), np.float32))
    with pytest.raises(TypeError, match="dy must have the dtype of x, float32, got float64"):
        bn.backward(np.ones((6, C, 5)))
    np.testing.assert_equal(state_of(bn), before)


@pytest.mark.parametrize("shape", [(1, C), (1, C, 1), (1, C, 1, 1), (1, C, 1, 1, 1)], ids=str)
@pytest.mark.parametrize("tracking", [True, False], ids=["tracking", "not tracking"])
def test_one_value_per_channel(shape, tracking, torch):
    """Wherever a batch's own statistics are asked for, PyTorch's text is ours."""
    theirs = torch.nn.BatchNorm1d(C, track_running_stats=tracking)
    theirs._check_input_dim = lambda x: None
    bn = bnfast.BatchNorm(C, track_running_stats=tracking)
    x, before = np.ones(shape, np.float32), state_of(bn)
    for training in [True] if tracking else [True, False]:
        with pytest.raises(ValueError, match="Expected more than 1 value") as expected:
            theirs.train(training)(torch.from_numpy(x))
        with pytest.raises(ValueError, match="Expected more than 1 value") as got:
            bn(x, training=training)
        size = f"torch.Size({list(shape)})"
        assert str(got.value) == str(expected.value).replace(size, str(shape))
    np.testing.assert_equal(state_of(bn), before)


def test_one_value_per_channel_is_fine_in_inference(bn):
    assert bn.eval()(np.ones((1, C), np.float32)).shape == (1, C)


def test_no_running_statistics_to_freeze():
    with pytest.raises(RuntimeError, match="no running statistics"):
        bnfast.BatchNorm(C, track_running_stats=False).freeze()
