"""Statistics that leave masked positions out, with Keras's shape rule."""

import numpy as np
import pytest

import bnfast

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
