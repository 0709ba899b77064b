"""`BatchNorm` beside `torch.nn.BatchNorm1d/2d/3d`, over several steps."""

import numpy as np
import pytest

import bnfast

C = 6
RANKS = {"1d (N, C)": ((9, C), 1), "1d": ((9, C, 5), 1), "2d": ((5, C, 7, 3), 2)}
RANKS["3d"] = ((4, C, 2, 3, 5), 3)
OPTIONS = {
    "defaults": {},
    "momentum": {"momentum": 0.7, "eps": 1e-2},
    "cumulative": {"momentum": None},
    "not affine": {"affine": False},
    "not tracking": {"track_running_stats": False},
    "nothing": {"affine": False, "track_running_stats": False},
}
TOLERANCE = {np.float32: {"rtol": 1e-4, "atol": 2e-5}, np.float64: {"rtol": 1e-10, "atol": 1e-11}}


@pytest.fixture(params=TOLERANCE, ids=lambda t: t.__name__)
def dtype(request):
    return request.param


def make_pair(torch, dimensions, dtype, options):
    """Return PyTorch's layer and ours with the same uneven parameters."""
    torch_dtype = torch.float32 if dtype is np.float32 else torch.float64
    kind = getattr(torch.nn, f"BatchNorm{dimensions}d")
    theirs = kind(C, dtype=torch_dtype, **options)
    ours = bnfast.BatchNorm(C, dtype=dtype, **options)
    if theirs.affine:
        ours.weight[:], ours.bias[:] = np.random.default_rng(1).standard_normal((2, C))
        for name in ("weight", "bias"):
            getattr(theirs, name).data = torch.tensor(getattr(ours, name))
    return theirs, ours


def batch(shape, dtype, step):
    rng = np.random.default_rng(step)
    x, dy = rng.standard_normal((2, *shape))
    return (x * (1 + step % 3) + step).astype(dtype), dy.astype(dtype)


def assert_same_state(theirs, ours, tolerance):
    expected, state = theirs.state_dict(), ours.state_dict()
    assert sorted(state) == sorted(expected)
    for name, tensor in expected.items():
        np.testing.assert_allclose(state[name], tensor.numpy(), err_msg=name, **tolerance)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("shape, dimensions", RANKS.values(), ids=RANKS)
def test_steps_of_training_and_inference(torch, shape, dimensions, options, dtype):
    """Outputs, states and gradients, step by step; also backward after inference."""
    theirs, ours = make_pair(torch, dimensions, dtype, options)
    near = TOLERANCE[dtype]
    for step, training in enumerate([True, True, False, True, True, False]):
        x, dy = batch(shape, dtype, step)
        tensor = torch.tensor(x, requires_grad=True)
        theirs.zero_grad()
        expected = theirs.train(training)(tensor)
        expected.backward(torch.tensor(dy))
        np.testing.assert_allclose(ours.train(training)(x), expected.detach().numpy(), **near)
        np.testing.assert_allclose(ours.backward(dy), tensor.grad.numpy(), **near)
        if theirs.affine:
            np.testing.assert_allclose(ours.weight_grad, theirs.weight.grad.numpy(), **near)
            np.testing.assert_allclose(ours.bias_grad, theirs.bias.grad.numpy(), **near)
        assert_same_state(theirs, ours, near)


@pytest.mark.parametrize("value", [True, False])
def test_track_running_stats_changed_later(torch, value):
    """Without tracking, statistics that exist are used for inference and not updated."""
    theirs, ours = make_pair(torch, 1, np.float64, {})
    for layer in (theirs, ours):
        layer.track_running_stats = value
    for step, training in enumerate([True, False, True, False]):
        x, _ = batch((9, C, 5), np.float64, step)
        expected = theirs.train(training)(torch.tensor(x)).detach().numpy()
        np.testing.assert_allclose(ours.train(training)(x), expected, **TOLERANCE[np.float64])
        for name in ("running_mean", "running_var"):
            buffer = getattr(theirs, name).numpy()
            np.testing.assert_allclose(getattr(ours, name), buffer, rtol=1e-12)
        assert ours.num_batches_tracked == int(theirs.num_batches_tracked)


def test_channels_last_memory(torch, dtype):
    theirs, ours = make_pair(torch, 2, dtype, {})
    x = np.moveaxis(batch((5, 7, 3, C), dtype, 2)[0], -1, 1)
    tensor = torch.from_numpy(x)
    assert tensor.is_contiguous(memory_format=torch.channels_last)
    y = ours(x)
    assert y.strides == x.strides
    np.testing.assert_allclose(y, theirs(tensor).detach().numpy(), **TOLERANCE[dtype])
    assert_same_state(theirs, ours, TOLERANCE[dtype])


@pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])
@pytest.mark.parametrize("shape", [(0, C), (0, C, 3), (2, C, 0)], ids=str)
def test_empty_batch(torch, shape, training):
    theirs, ours = make_pair(torch, 1, np.float32, {"momentum": None})
    x = np.zeros(shape, np.float32)
    expected = theirs.train(training)(torch.tensor(x))
    assert ours.train(training)(x).shape == expected.shape
    assert_same_state(theirs, ours, {"rtol": 0})
    assert ours.backward(x).shape == shape
