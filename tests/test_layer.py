"""The layer `BatchNorm`: training, inference, backward, as PyTorch's layers do it."""

import copy
import inspect
import pickle
import subprocess
import sys

import numpy as np
import pytest

import bnfast
from dlpack import DLPackOnly

C = 4


def batch(step=0, shape=(6, C, 5), dtype=np.float32):
    """Return values whose statistics change with the step."""
    rng = np.random.default_rng(step)
    return (rng.standard_normal(shape) * (1 + step) + 3 * step).astype(dtype)


def trained(steps=3, **options):
    """Return a layer with parameters unlike the initial ones, after some steps of training."""
    bn = bnfast.BatchNorm(C, **options)
    if bn.affine:
        bn.weight[:] = [1, -2, 0.5, 3]
        bn.bias[:] = [0, 1, -1, 0.25]
    for step in range(steps):
        bn(batch(step), training=True)
    return bn


def state_of(bn):
    """Return a copy of everything that a call may change."""
    return copy.deepcopy([bn.state_dict(), bn.num_batches_tracked, bn.weight_grad, bn.bias_grad])


@pytest.mark.once
def test_new_layer():
    bn = bnfast.BatchNorm(C)
    assert bn.training
    assert (bn.num_features, bn.eps, bn.momentum) == (C, 1e-5, 0.1)
    assert (bn.affine, bn.track_running_stats, bn.channel_axis) == (True, True, 1)
    assert bn.num_batches_tracked == 0
    expected = {"weight": 1, "bias": 0, "running_mean": 0, "running_var": 1}
    for name, value in expected.items():
        array = getattr(bn, name)
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, np.full(C, value))
    assert bn.weight_grad is None
    assert bn.bias_grad is None


@pytest.mark.once
def test_train_and_eval_return_the_layer():
    bn = bnfast.BatchNorm(C)
    assert bn.eval() is bn
    assert not bn.training
    assert bn.train() is bn
    assert bn.training
    assert not bn.train(False).training


def test_training_argument_overrides_the_attribute():
    bn, x = trained(), batch(7)
    before = state_of(bn)
    inferred = bn(x, training=False)
    np.testing.assert_equal(state_of(bn), before)
    np.testing.assert_array_equal(inferred, bn.eval()(x))
    own = bn(x, training=True)
    np.testing.assert_array_equal(own, bnfast.batch_norm_forward(x, bn.weight, bn.bias).y)
    assert bn.num_batches_tracked == 4
    assert not bn.training


@pytest.mark.once
def test_reset():
    bn = trained()
    bn.reset_running_stats()
    assert bn.num_batches_tracked == 0
    np.testing.assert_array_equal(bn.running_mean, np.zeros(C))
    np.testing.assert_array_equal(bn.running_var, np.ones(C))
    np.testing.assert_array_equal(bn.weight, [1, -2, 0.5, 3])
    bn.reset_parameters()
    np.testing.assert_array_equal(bn.weight, np.ones(C))
    np.testing.assert_array_equal(bn.bias, np.zeros(C))


@pytest.mark.parametrize("correction", [0, 1])
@pytest.mark.parametrize("axis, shape", [(1, (6, C, 5)), (-1, (6, 5, C))], ids=["NCL", "NLC"])
def test_running_var_correction(correction, axis, shape):
    bn = bnfast.BatchNorm(C, momentum=0.25, running_var_correction=correction, channel_axis=axis)
    x = batch(2, shape)
    bn(x)
    mean, var, _ = bnfast.moments(x, channel_axis=axis, correction=correction)
    np.testing.assert_allclose(bn.running_mean, 0.25 * mean, rtol=1e-6)
    np.testing.assert_allclose(bn.running_var, 0.75 + 0.25 * var, rtol=1e-6)


def test_cumulative_average_is_the_mean_over_batches():
    bn = bnfast.BatchNorm(C, momentum=None, dtype=np.float64)
    each = [bnfast.moments(batch(step), correction=1) for step in range(5)]
    for step in range(5):
        bn(batch(step))
    np.testing.assert_allclose(bn.running_mean, np.mean([m.mean for m in each], 0), rtol=1e-7)
    np.testing.assert_allclose(bn.running_var, np.mean([m.var for m in each], 0), rtol=1e-6)


def test_inference_folds_once_and_again_only_after_a_change():
    bn, x = trained().eval(), batch(9)
    changes = [
        lambda: None,
        lambda: bn.weight.__setitem__(0, 5),
        lambda: bn.bias.__iadd__(1),
        lambda: bn.running_mean.__setitem__(2, -3),
        lambda: np.multiply(bn.running_var, 2, out=bn.running_var),
        lambda: setattr(bn, "weight", np.ones(C, np.float32)),
        lambda: setattr(bn, "eps", 0.5),
        lambda: bn(x, training=True),
    ]
    for folds, change in enumerate(changes, start=1):
        change()
        expected = bnfast.batch_norm(
            x, bn.running_mean, bn.running_var, bn.weight, bn.bias, eps=bn.eps
        )
        for _ in range(3):
            np.testing.assert_array_equal(bn(x), expected)
            np.testing.assert_array_equal(bn(x.astype(np.float64)), bn(x.astype(np.float64)))
        assert bn._folds == folds


@pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])
def test_out_and_in_place(training):
    x = batch(3)
    expected = trained()(x, training=training)
    out = np.empty_like(x)
    assert trained()(x, training=training, out=out) is out
    np.testing.assert_array_equal(out, expected)
    bn = trained()
    assert bn(x, training=training, out=x) is x
    np.testing.assert_array_equal(x, expected)


@pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])
@pytest.mark.parametrize("place", ["x", "a view of x"])
def test_backward_needs_the_input(training, place):
    bn, x = trained(), batch(3)
    bn(x, training=training, out=x if place == "x" else x[...])
    with pytest.raises(RuntimeError, match="the input, which the forward call has overwritten"):
        bn.backward(np.ones_like(x))
    bn(DLPackOnly(x), training=training, out=x)
    with pytest.raises(RuntimeError, match="the input, which the forward call has overwritten"):
        bn.backward(np.ones_like(x))


@pytest.mark.once
def test_backward_needs_a_forward():
    with pytest.raises(RuntimeError, match="backward needs a forward call before it"):
        bnfast.BatchNorm(C).backward(batch())


@pytest.mark.parametrize("training", [True, False], ids=["training", "frozen"])
def test_backward_is_the_functions(training):
    bn, x, dy = trained(), batch(4), batch(5)
    bn(x, training=training)
    if training:
        _, mean, invstd, _ = bnfast.batch_norm_forward(x)
    else:
        mean = bn.running_mean
        invstd, _ = bnfast.inference_params(mean, bn.running_var)
    expected = bnfast.batch_norm_backward(dy, x, mean, invstd, bn.weight, training=training)
    out = np.empty_like(x)
    np.testing.assert_array_equal(bn.backward(dy), expected.dx)
    assert bn.backward(dy, out=out) is out
    np.testing.assert_array_equal(out, expected.dx)
    np.testing.assert_array_equal(bn.weight_grad, expected.dweight.astype(np.float32))
    np.testing.assert_array_equal(bn.bias_grad, expected.dbias.astype(np.float32))


def test_backward_without_affine_has_no_gradients_for_parameters():
    bn = trained(affine=False)
    bn.backward(batch(2))
    assert bn.weight_grad is None
    assert bn.bias_grad is None


@pytest.mark.once
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"dtype": np.float64},
        {"running_var_correction": 0, "eps": 1e-3, "momentum": None, "channel_axis": -1},
        {"activation": "silu", "affine": False, "track_running_stats": False},
        {"virtual_batch_size": 4, "renorm": bnfast.Renorm(r_max=2, d_max=1)},
    ],
    ids=lambda options: "-".join(options),
)
def test_what_is_printed_makes_such_a_layer(options):
    bn = bnfast.BatchNorm(C, **options)
    twin = eval(repr(bn), {"BatchNorm": bnfast.BatchNorm, "Renorm": bnfast.Renorm})
    for name in inspect.signature(bnfast.BatchNorm).parameters:
        assert getattr(twin, name) == getattr(bn, name)
    np.testing.assert_equal(state_of(twin), state_of(bn))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda bn: pickle.loads(pickle.dumps(bn))])
def test_copies(copied):
    bn = trained(momentum=0.3, channel_axis=-2, running_var_correction=0, dtype=np.float64)
    twin = copied(bn)
    np.testing.assert_equal(state_of(twin), state_of(bn))
    assert repr(twin) == repr(bn)
    assert twin.weight is not bn.weight
    with pytest.raises(RuntimeError, match="needs a forward call"):
        twin.backward(batch())
    for training in (True, False, True):
        y = bn(batch(8), training=training)
        np.testing.assert_array_equal(twin(batch(8), training=training), y)
    twin.weight[:] = 9
    np.testing.assert_array_equal(bn.weight, [1, -2, 0.5, 3])


@pytest.mark.once
def test_threads_may_make_the_first_layers_together():
    program = """
import sys, threading
import bnfast
sys.setswitchinterval(1e-6)
together = threading.Barrier(4)
def make():
    together.wait()
    bnfast.BatchNorm(3)
threads = [threading.Thread(target=make) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    for _ in range(3):
        subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
