"""How layers are called: by a slot of the compiled class, which has to act as a method would."""

import copy
import gc
import inspect
import pickle
import sys
import weakref

import numpy as np
import pytest

import bnfast
from bnfast import _core, results

pytestmark = pytest.mark.once
X = np.random.default_rng(0).normal(3, 2, (6, 4)).astype(np.float32)


def layer(kind=bnfast.BatchNorm):
    """Return a layer in inference with parameters of its own."""
    bn = kind(4, activation="relu").eval()
    bn.running_mean[:], bn.running_var[:] = [1, 2, 3, 4], [4, 3, 2, 1]
    return bn


def frozen():
    return layer().freeze()


EXPECTED = layer()(X)


class Inheriting(bnfast.BatchNorm):
    pass


class Doubling(bnfast.BatchNorm):
    def __call__(self, x, **options):
        return 2 * super().__call__(x, **options)


class FrozenToo(bnfast.Affine):
    pass


@pytest.mark.parametrize(
    "call",
    [
        lambda bn: bn(X),
        lambda bn: bn(x=X),
        lambda bn: bn.__call__(X),
        lambda bn: bnfast.BatchNorm.__call__(bn, X),
        lambda bn: type(bn).__call__(bn, x=X),
        lambda bn: bn(*[X], out=np.empty_like(X)),
        lambda bn: next(map(bn, [X])),
    ],
)
@pytest.mark.parametrize("kind", [bnfast.BatchNorm, Inheriting])
def test_all_ways_to_call(kind, call):
    np.testing.assert_array_equal(call(layer(kind)), EXPECTED)


def test_affine_of_every_class_is_called_alike():
    whole = frozen()
    inherits = FrozenToo(whole.mean, whole.scale, whole.shift, activation=whole.activation)
    for called in (whole, inherits, pickle.loads(pickle.dumps(whole))):
        for _ in range(3):  # what the first call is, the others are not
            np.testing.assert_array_equal(called(X), EXPECTED)
            np.testing.assert_array_equal(called(X, out=np.empty_like(X)), EXPECTED)
            np.testing.assert_array_equal(called.__call__(X, np.empty_like(X)), EXPECTED)


def test_a_class_may_override_the_call():
    np.testing.assert_array_equal(layer(Doubling)(X), 2 * EXPECTED)


def test_the_call_of_a_class_may_be_replaced_and_put_back(monkeypatch):
    layers = [layer(), layer(Inheriting)]
    for bn in layers:
        bn(X)
    with monkeypatch.context() as patch:
        patch.setattr(bnfast.BatchNorm, "__call__", lambda self, x: "replaced")
        assert [bn(X) for bn in layers] == ["replaced", "replaced"]
        assert layer()(X) == "replaced"
    for bn in layers:
        np.testing.assert_array_equal(bn(X), EXPECTED)


def test_the_call_of_affine_is_never_replaced_in_vain(monkeypatch):
    called = frozen()
    called(X)
    if sys.version_info < (3, 12):
        with pytest.raises(TypeError, match="immutable type"):
            bnfast.Affine.__call__ = lambda self, x: "replaced"
        return
    with monkeypatch.context() as patch:
        patch.setattr(bnfast.Affine, "__call__", lambda self, x: "replaced")
        assert called(X) == "replaced"
    np.testing.assert_array_equal(called(X), EXPECTED)


class OfAClass(bnfast.BatchNorm):
    eps = 0.5


class Computed(bnfast.BatchNorm):
    """Reads of its weight give another one than what lies in the layer."""

    @property
    def weight(self):
        return 2 * bnfast.BatchNorm.weight.__get__(self)

    @weight.setter
    def weight(self, weight):
        bnfast.BatchNorm.weight.__set__(self, weight)


class Elsewhere(bnfast.BatchNorm):
    """Keeps two attributes that calls go by in places of its own."""

    training = property(lambda self: False, lambda self, training: None)
    _saved = property(
        lambda self: self.__dict__.get("kept"),
        lambda self, saved: self.__dict__.__setitem__("kept", saved),
    )


@pytest.mark.parametrize("kind", [OfAClass, Computed, Elsewhere])
def test_what_a_class_says_of_an_attribute_holds_in_its_calls(kind):
    bn = layer(kind)
    expected = bnfast.batch_norm(
        X, bn.running_mean, bn.running_var, bn.weight, bn.bias, eps=bn.eps, activation="relu"
    )
    for called in (bn, copy.copy(bn), pickle.loads(pickle.dumps(bn)), bn.freeze()):
        np.testing.assert_allclose(called(X), expected, rtol=1e-6)
    assert bn.backward(np.ones_like(X)).shape == X.shape


def test_an_attribute_of_a_class_alone():
    class Untouched(bnfast.BatchNorm):
        def __init__(self):
            super().__init__(4)
            del self.eps

    Untouched.eps = 0.5
    bn = Untouched().eval()
    np.testing.assert_array_equal(bn(X), bnfast.batch_norm(X, np.zeros(4), np.ones(4), eps=0.5))


@pytest.mark.parametrize("name", _core.LayerCall.__slots__)
def test_what_a_call_goes_by_must_be_set(name):
    bn, out = layer(), np.zeros_like(X)
    delattr(bn, name)
    if name == "_saved":
        np.testing.assert_array_equal(bn(X), EXPECTED)
        return
    with pytest.raises(AttributeError, match=name):
        bn(X, out=out)
    assert not out.any()


def test_a_layer_that_was_not_initialised():
    with pytest.raises(AttributeError, match="training"):
        bnfast.BatchNorm.__new__(bnfast.BatchNorm)(X)


@pytest.mark.parametrize(
    "use",
    [
        lambda affine: affine(X),
        lambda affine: affine.__call__(X),
        lambda affine: affine._map_and_check(X),
        lambda affine: affine.mean,
        lambda affine: affine.channel_axis,
        pickle.dumps,
    ],
)
def test_a_frozen_layer_that_was_not_initialised(use):
    with pytest.raises(TypeError, match=r"Affine.__init__\(\) has not been called"):
        use(bnfast.Affine.__new__(bnfast.Affine))


def test_what_only_new_has_made_says_so():
    prepared = _core.PreparedNormalization
    with pytest.raises(TypeError, match=r"PreparedNormalization.__init__\(\) has not been called"):
        prepared.__new__(prepared).call(X)
    for make in (_core._OutputMemory, lambda: object.__new__(_core._OutputMemory)):
        with pytest.raises(TypeError, match="_OutputMemory"):
            make()


def test_the_truth_of_training_is_taken_as_python_takes_it():
    class Undecided:
        def __bool__(self):
            raise ArithmeticError("undecided")

    bn = layer()
    np.testing.assert_array_equal(bn(X, training=0), EXPECTED)
    np.testing.assert_array_equal(bn(X, training=np.False_), EXPECTED)
    with pytest.raises(ArithmeticError, match="undecided"):
        bn(X, training=Undecided())
    assert bn(X, training=1).mean() != pytest.approx(EXPECTED.mean())


def test_an_error_keeps_what_backward_goes_by():
    bn, dy = layer(), np.ones_like(X)
    bn(X)
    expected = bn.backward(dy)
    with pytest.raises(ValueError, match="4 channels"):
        bn(X[:, :3])
    np.testing.assert_array_equal(bn.backward(dy), expected)


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda bn: pickle.loads(pickle.dumps(bn))]
)
def test_copies_know_what_the_layer_knows(again):
    bn = layer(Inheriting)
    bn.note = "a user's"
    bn(X)
    other = again(bn)
    assert (type(other), other.note, other.training) == (Inheriting, "a user's", False)
    np.testing.assert_array_equal(other(X), EXPECTED)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("made", [layer, lambda: layer(Inheriting), frozen])
def test_pickles_of_every_protocol(made, protocol):
    called = made()
    again = pickle.loads(pickle.dumps(called, protocol))
    assert type(again) is type(called)
    np.testing.assert_array_equal(again(X), EXPECTED)


class Reducing(bnfast.BatchNorm):
    note = property(lambda self: self.__dict__["note"])

    def __reduce__(self):
        return super().__reduce__()


def test_copies_of_a_class_with_other_ideas():
    bn = layer(Reducing)
    bn.__dict__["note"] = "read-only"
    for again in (copy.copy(bn), pickle.loads(pickle.dumps(bn))):
        assert again.note == "read-only"
        np.testing.assert_array_equal(again(X), EXPECTED)


def test_what_a_frozen_layer_is_reduced_to():
    make, arguments, state = frozen().__reduce__()
    again = make(*arguments)
    again.__setstate__(state)
    np.testing.assert_array_equal(again(X), EXPECTED)


def test_a_name_of_another_class_is_no_part_of_a_cycle():
    class Name(str):
        __slots__ = ("layer",)

    name = Name("relu")
    bn = bnfast.BatchNorm(4, activation=name).eval()
    name.layer = bn
    np.testing.assert_array_equal(bn(X), np.maximum(bn(X), 0))
    gone = weakref.ref(bn)
    del bn, name
    gc.collect()
    assert gone() is None


def test_results_are_of_the_class_that_is_there_now(monkeypatch):
    assert type(bnfast.moments(X)) is results.Moments
    monkeypatch.setattr(results, "Moments", lambda *values: values)
    assert type(bnfast.moments(X)) is tuple


def test_layers_in_a_cycle_are_freed():
    bn = layer()
    held = X.copy()
    bn(held)
    bn.residual = [bn]
    gone = weakref.ref(bn)
    array_gone = weakref.ref(held)
    del bn, held
    gc.collect()
    assert gone() is None
    assert array_gone() is None


def test_a_call_leaves_no_references():
    bn, x, out = layer(), X.copy(), np.empty_like(X)
    called = [bn, x, out, bn.weight, bn.running_mean]
    for _ in range(3):
        bn(x, out=out)
    counts = [sys.getrefcount(each) for each in called]
    for _ in range(50):
        bn(x, out=out)
    assert [sys.getrefcount(each) for each in called] == counts


def test_signatures_are_told():
    names = ["x", "training", "residual", "out"]
    for call in (layer(), layer().__call__):
        assert list(inspect.signature(call).parameters) == names
        assert inspect.signature(call).bind(X, out=X).arguments == {"x": X, "out": X}
