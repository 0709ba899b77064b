"""`state_dict` and `load_state_dict`: PyTorch's keys and PyTorch's errors."""

import copy
import re

import numpy as np
import pytest

import bnfast

pytestmark = pytest.mark.once

C = 3
KEYS = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]


def trained_torch_layer(torch, **options):
    rng = np.random.default_rng(0)
    layer = torch.nn.BatchNorm2d(C, **options)
    for parameter in layer.parameters():
        parameter.data = torch.from_numpy(rng.standard_normal(C).astype(np.float32))
    for _ in range(4):
        layer(torch.from_numpy(rng.normal(4, 2, (5, C, 6, 6)).astype(np.float32)))
    return layer


def trained_layer():
    bn = bnfast.BatchNorm(C)
    bn(np.random.default_rng(1).normal(1, 3, (5, C, 6, 6)).astype(np.float32))
    return bn


@pytest.mark.parametrize("tracking", [True, False], ids=["tracking", "not tracking"])
@pytest.mark.parametrize("affine", [True, False], ids=["affine", "not affine"])
@pytest.mark.parametrize("prefix", ["", "layer1.0.bn2."])
def test_keys_and_types_are_pytorchs(torch, affine, tracking, prefix):
    theirs = torch.nn.BatchNorm2d(C, affine=affine, track_running_stats=tracking)
    expected = theirs.state_dict(prefix=prefix)
    state = bnfast.BatchNorm(C, affine=affine, track_running_stats=tracking).state_dict(prefix)
    assert list(state) == list(expected)
    for key, value in state.items():
        tensor = expected[key].numpy()
        assert (value.shape, value.dtype) == (tensor.shape, tensor.dtype)
        np.testing.assert_array_equal(value, tensor)


def test_state_holds_the_layers_own_arrays():
    bn = trained_layer()
    state = bn.state_dict()
    assert list(state) == KEYS
    assert all(state[key] is getattr(bn, key) for key in KEYS[:4])
    assert state["num_batches_tracked"] == 1


@pytest.mark.parametrize("prefix", ["", "layer1.0.bn2."])
@pytest.mark.parametrize("as_arrays", [True, False], ids=["arrays", "tensors"])
def test_pytorchs_state_is_loaded(torch, as_arrays, prefix):
    theirs, bn = trained_torch_layer(torch), trained_layer()
    own = {key: getattr(bn, key) for key in KEYS[:4]}
    state = theirs.state_dict(prefix=prefix)
    if as_arrays:
        state = {key: value.numpy() for key, value in state.items()}
    if prefix:
        state["another.weight"] = np.ones(7)
    result = bn.load_state_dict(state, prefix=prefix)
    assert (result.missing_keys, result.unexpected_keys) == ([], [])
    assert bn.num_batches_tracked == 4
    for key in KEYS[:4]:
        assert getattr(bn, key) is own[key]
        np.testing.assert_array_equal(own[key], state[prefix + key])
    x = np.random.default_rng(2).normal(4, 2, (2, C, 5, 5)).astype(np.float32)
    expected = theirs.eval()(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(bn.eval()(x), expected, rtol=1e-5, atol=1e-6)


def test_own_state_is_loaded_by_pytorch(torch):
    bn, theirs = trained_layer(), torch.nn.BatchNorm2d(C)
    theirs.load_state_dict({key: torch.from_numpy(v) for key, v in bn.state_dict().items()})
    for key, value in theirs.state_dict().items():
        np.testing.assert_array_equal(bn.state_dict()[key], value.numpy())


def test_old_states_without_the_count_are_loaded(torch):
    state = trained_torch_layer(torch).state_dict()
    state = {key: value for key, value in state.items() if key != "num_batches_tracked"}
    bn, theirs = trained_layer(), torch.nn.BatchNorm2d(C)
    theirs.num_batches_tracked.fill_(1)
    theirs.load_state_dict(state)
    assert bn.load_state_dict(state) == ([], [])
    assert bn.num_batches_tracked == int(theirs.num_batches_tracked) == 1


def test_loading_converts_to_the_layers_dtype():
    bn = bnfast.BatchNorm(C, dtype=np.float64)
    state = {key: np.full(C, 0.1, np.float32) for key in KEYS[:4]}
    bn.load_state_dict(state)
    assert bn.weight.dtype == np.float64
    np.testing.assert_array_equal(bn.weight, np.float32(0.1))


WRONG_STATES = {
    "missing": lambda s: s.pop("bias"),
    "all missing": lambda s: s.clear(),
    "unexpected": lambda s: s.update(gamma=np.ones(C, np.float32)),
    "missing and unexpected": lambda s: s.update(gamma=s.pop("weight"), beta=s.pop("bias")),
    "size": lambda s: s.update(weight=np.ones(C + 1, np.float32)),
    "two sizes": lambda s: s.update(
        running_var=np.ones((C, 1), np.float32), bias=np.ones(2, np.float32)
    ),
    "sizes in another order": lambda s: s.update(bias=np.ones(2), weight=s.pop("weight")[:2]),
    "everything": lambda s: s.update(weight=s.pop("bias")[:2], beta=s["weight"]),
}


def error_of(load, **options):
    """Return the text of the RuntimeError, freed of what names PyTorch's types."""
    with pytest.raises(RuntimeError) as caught:
        load(**options)
    text = str(caught.value).replace("BatchNorm2d", "BatchNorm")
    text = re.sub(r"torch\.Size\(\[([\d, ]+)\]\)", r"(\1)", text)
    return text.replace(",)", ")")


@pytest.mark.parametrize("spoil", WRONG_STATES.values(), ids=WRONG_STATES)
@pytest.mark.parametrize("tracking", [True, False], ids=["tracking", "not tracking"])
def test_errors_are_pytorchs_and_nothing_changes(torch, spoil, tracking):
    state = {key: v.numpy() for key, v in trained_torch_layer(torch).state_dict().items()}
    spoil(state)
    bn = trained_layer() if tracking else bnfast.BatchNorm(C, track_running_stats=False)
    before = copy.deepcopy(bn.state_dict())
    theirs = torch.nn.BatchNorm2d(C, track_running_stats=tracking)
    tensors = {key: torch.tensor(value) for key, value in state.items()}
    expected = error_of(lambda: theirs.load_state_dict(tensors))
    assert error_of(lambda: bn.load_state_dict(state)) == expected
    np.testing.assert_equal(bn.state_dict(), before)


def test_not_strict(torch):
    state = trained_torch_layer(torch).state_dict()
    state["gamma"] = state.pop("weight")
    theirs = torch.nn.BatchNorm2d(C)
    expected = theirs.load_state_dict(dict(state), strict=False)
    bn = trained_layer()
    result = bn.load_state_dict(state, strict=False)
    assert result.missing_keys == expected.missing_keys == ["weight"]
    assert result.unexpected_keys == expected.unexpected_keys == ["gamma"]
    np.testing.assert_array_equal(bn.weight, np.ones(C))
    np.testing.assert_array_equal(bn.running_mean, state["running_mean"].numpy())


def test_sizes_matter_even_when_not_strict(torch):
    bn, state = trained_layer(), {"weight": np.ones(C + 1, np.float32)}
    before = copy.deepcopy(bn.state_dict())
    tensors = {"weight": torch.ones(C + 1)}
    expected = error_of(torch.nn.BatchNorm2d(C).load_state_dict, state_dict=tensors, strict=False)
    assert error_of(bn.load_state_dict, state=state, strict=False) == expected
    np.testing.assert_equal(bn.state_dict(), before)


@pytest.mark.parametrize("wrong", [["a", "b", "c"], [1j, 2j, 3j], None], ids=str)
def test_values_that_are_no_numbers_change_nothing(wrong):
    bn, state = trained_layer(), {key: np.full(C, 7.0) for key in KEYS[:4]}
    before = copy.deepcopy(bn.state_dict())
    state["running_var"] = wrong
    with pytest.raises((RuntimeError, TypeError, ValueError)):
        bn.load_state_dict(state)
    np.testing.assert_equal(bn.state_dict(), before)
