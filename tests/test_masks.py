"""Statistics that leave masked positions out, with Keras's shape rule."""

import numpy as np
import pytest

import bnfast
from bnfast import masked
from dlpack import DLPackOnly

RNG = np.random.default_rng(11)


def case(shape, axis):
    x, dy, residual = (RNG.normal(1, 2, shape) for _ in range(3))
    mask = RNG.random(np.delete(shape, axis)) < 0.6
    weight, bias = RNG.uniform(0.5, 2, shape[axis]), RNG.uniform(-1, 1, shape[axis])
    return x, dy, residual, mask, weight, bias


@pytest.mark.parametrize("shape, axis", [((4, 7, 3), -1), ((4, 3, 5, 6), 1), ((9, 2), 1)], ids=str)
def test_forward(shape, axis):
    x, _, residual, mask, weight, bias = case(shape, axis)
    found = bnfast.batch_norm_forward(
        x, weight, bias, channel_axis=axis, mask=mask, activation="relu", residual=residual
    )
    kept = np.moveaxis(x, axis, -1)[mask]
    mean, var = kept.mean(0), kept.var(0)
    assert found.count == mask.sum()
    np.testing.assert_allclose(found.mean, mean, rtol=1e-13)
    np.testing.assert_allclose(found.invstd, 1 / np.sqrt(var + 1e-5), rtol=1e-13)
    wanted = bnfast.batch_norm(
        x, mean, var, weight, bias, channel_axis=axis, activation="relu", residual=residual
    )
    np.testing.assert_allclose(found.y, wanted, rtol=1e-12, atol=1e-13)


def test_a_mask_of_all_positions_changes_nothing():
    x, dy, _, mask, weight, bias = case((4, 3, 5, 6), 1)
    every = np.ones_like(mask)
    plain = bnfast.batch_norm_forward(x, weight, bias)
    masked = bnfast.batch_norm_forward(x, weight, bias, mask=every)
    np.testing.assert_allclose(masked.y, plain.y, rtol=1e-12, atol=1e-14)
    statistics = plain[1:3]
    for found, wanted in zip(
        bnfast.batch_norm_backward(dy, x, *statistics, weight, bias, mask=every)[:3],
        bnfast.batch_norm_backward(dy, x, *statistics, weight, bias)[:3],
        strict=True,
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("activation", [None, "silu"])
@pytest.mark.parametrize("with_residual", [False, True])
def test_gradients_by_finite_differences(activation, with_residual):
    x, dy, residual, mask, weight, bias = case((3, 4, 2), -1)
    residual = residual if with_residual else None
    fused = {"channel_axis": -1, "mask": mask, "activation": activation}

    def loss(x, weight, bias, residual):
        forward = bnfast.batch_norm_forward(x, weight, bias, residual=residual, **fused)
        return (forward.y * dy).sum()

    def slopes(arguments, place):
        slope = np.zeros_like(arguments[place])
        for at in np.ndindex(slope.shape):
            ends = []
            for step in (1e-5, -1e-5):
                moved = [a if a is None else a.copy() for a in arguments]
                moved[place][at] += step
                ends.append(loss(*moved))
            slope[at] = (ends[0] - ends[1]) / 2e-5
        return slope

    arguments = [x, weight, bias, residual]
    statistics = bnfast.batch_norm_forward(x, weight, bias, residual=residual, **fused)[1:3]
    gradients = bnfast.batch_norm_backward(
        dy, x, *statistics, weight, bias, residual=residual, **fused
    )
    for place, found in enumerate(gradients):
        if found is not None:
            np.testing.assert_allclose(found, slopes(arguments, place), rtol=1e-6, atol=1e-7)
    assert (gradients.dresidual is None) == (residual is None)


def test_members_not_asked_for():
    x, dy, _, mask, weight, _ = case((3, 4, 2), -1)
    options = {"channel_axis": -1, "mask": mask}
    found = bnfast.batch_norm_backward(
        dy, x, np.zeros(2), np.ones(2), weight, output_mask=(False, False, True), **options
    )
    assert found.dx is None
    assert found.dweight is None
    np.testing.assert_allclose(found.dbias, dy.sum((0, 1)))
    out = np.empty_like(x)
    with pytest.raises(ValueError, match="out must be None when output_mask leaves out dx"):
        bnfast.batch_norm_backward(
            dy, x, np.zeros(2), np.ones(2), output_mask=(False, True, True), out=out, **options
        )


def test_constant_statistics_have_no_use_for_a_mask():
    x, dy, residual, mask, weight, bias = case((3, 4, 2), -1)
    options = {"channel_axis": -1, "training": False, "activation": "relu", "residual": residual}
    arguments = dy, x, np.zeros(2), np.ones(2), weight, bias
    wanted = bnfast.batch_norm_backward(*arguments, **options)
    found = bnfast.batch_norm_backward(*arguments, mask=mask, **options)
    for member, right in zip(found, wanted, strict=True):
        assert np.array_equal(member, right)
    with pytest.raises(ValueError, match="mask must have x's shape"):
        bnfast.batch_norm_backward(*arguments, mask=mask[:1], **options)


def test_nothing_kept():
    x, _, _, mask, _, _ = case((3, 4, 2), -1)
    found = bnfast.batch_norm_forward(x, channel_axis=-1, mask=np.zeros_like(mask), eps=1.0)
    assert found.count == 0
    assert np.array_equal(found.y, x)


@pytest.mark.parametrize("activation", [None, "silu"])
def test_arrays_handed_over_by_dlpack(activation):
    x, dy, residual, mask, weight, bias = case((4, 3, 5, 6), 1)

    def results(given, **options):
        fused = {"mask": given(mask), "activation": activation, **options}
        forward = bnfast.batch_norm_forward(given(x), given(weight), given(bias), **fused)
        statistics = given(forward.mean), given(forward.invstd)
        parameters = given(weight), given(bias)
        gradients = bnfast.batch_norm_backward(
            given(dy), given(x), *statistics, *parameters, **fused
        )
        return *forward[:3], *gradients

    for options in ({}, {"residual": residual}):
        for found, wanted in zip(
            results(DLPackOnly, **options), results(np.asarray, **options), strict=True
        ):
            np.testing.assert_equal(found, wanted)


@pytest.mark.parametrize("mask", [None, np.array([True, False, True])], ids=["plain", "masked"])
@pytest.mark.parametrize("training", [True, False])
def test_what_is_no_plain_array(training, mask):
    x, ones = np.ones((3, 2)), np.ones(2)

    def forward(x):
        return bnfast.batch_norm_forward(x, mask=mask)

    def backward(dy, x):
        return bnfast.batch_norm_backward(dy, x, ones, ones, mask=mask, training=training)

    calls = [("x", forward), ("x", lambda x: backward(x, x)), ("dy", lambda dy: backward(dy, x))]
    for name, call in calls:
        with pytest.raises(TypeError, match=f"^{name} must be a plain array, got a masked array$"):
            call(np.ma.array(x, mask=x > 2))
        with pytest.raises(TypeError, match=f"^{name} must be an array, got list$"):
            call(x.tolist())


def test_dlpack_that_fails_is_told_in_the_same_words():
    class Elsewhere(DLPackOnly):
        def __dlpack__(self, **keywords):
            raise BufferError("it lies on another device")

    for mask in (None, np.ones(3, bool)):
        with pytest.raises(TypeError, match=r"^x could not be read by DLPack: it lies on another"):
            bnfast.batch_norm_forward(Elsewhere(np.ones((3, 2))), mask=mask)


def test_a_constant_channel_without_eps_is_no_warning():
    x = np.array([[1.0, 1.0], [1.0, 3.0], [1.0, 8.0]])
    every, some = np.array([True, True, True]), np.array([True, True, False])
    dy, weight = np.array([[1.0, 2.0], [0.0, 3.0], [4.0, 5.0]]), np.array([0.5, 2.0])
    with np.errstate(all="raise"):
        plain = bnfast.batch_norm_forward(x, eps=0.0)
        for found, wanted in zip(
            bnfast.batch_norm_forward(x, eps=0.0, mask=every), plain, strict=True
        ):
            np.testing.assert_equal(found, wanted)
        forward = bnfast.batch_norm_forward(x, eps=0.0, mask=some)
        statistics = forward.mean, forward.invstd
        dx = bnfast.batch_norm_backward(dy, x, *statistics, weight, mask=some).dx
        constants = bnfast.batch_norm_backward(dy, x, *statistics, weight, training=False).dx
    assert np.array_equal(dx[~some], constants[~some])
    assert np.isfinite(dx[:, 1]).all()


def test_every_part_runs_on_the_threads_asked_for(monkeypatch):
    asked = []

    class Core:
        def __getattr__(self, name):
            def call(*arguments, num_threads=None, **keywords):
                asked.append(num_threads)
                return getattr(bnfast._core, name)(*arguments, num_threads=num_threads, **keywords)

            return call

    x, dy, _, mask, weight, bias = case((4, 3, 5, 6), 1)
    monkeypatch.setattr(masked, "_core", Core())
    _, mean, invstd, _ = bnfast.batch_norm_forward(x, weight, bias, mask=mask, num_threads=2)
    bnfast.batch_norm_backward(dy, x, mean, invstd, weight, bias, mask=mask, num_threads=2)
    assert asked
    assert set(asked) == {2}


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"output_mask": None}, TypeError, "output_mask must be a tuple of 3 bool"),
        ({"output_mask": (True,)}, ValueError, "output_mask must have 3 members, got 1"),
        ({"output_mask": ("a", 1, 1)}, TypeError, r"output_mask\[0\] must be True or False"),
        ({"channel_axis": 1.5}, TypeError, "channel_axis must be an integer"),
        ({"activation": "sigmoid"}, ValueError, "activation must be"),
    ],
    ids=str,
)
def test_wrong_arguments_are_refused_as_without_a_mask(wrong, error, message):
    x, dy, ones = np.ones((4, 3)), np.ones((4, 3)), np.ones(3)
    for mask in (None, np.array([True, True, False, True])):
        with pytest.raises(error, match=message):
            bnfast.batch_norm_backward(dy, x, ones, ones, mask=mask, out=dy, **wrong)
        if "output_mask" not in wrong:
            with pytest.raises(error, match=message):
                bnfast.batch_norm_forward(x, mask=mask, out=x, **wrong)
        assert (x == 1).all()
        assert (dy == 1).all()
