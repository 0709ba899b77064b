"""Moments with a correction, and standardized tables."""

import numpy as np
import pytest

import bnfast
import reference


@pytest.mark.parametrize("correction", [0, 1, 2, 9])
@pytest.mark.parametrize("shape, axis", [((10, 3), 1), ((3, 2, 5), 0), ((2, 5, 4), -1)], ids=str)
def test_correction_is_numpys_ddof(shape, axis, correction):
    x = np.random.default_rng(0).normal(50, 3, shape)
    others = tuple(np.delete(np.arange(len(shape)), axis))
    result = bnfast.moments(x, channel_axis=axis, correction=correction)
    np.testing.assert_allclose(result.mean, x.mean(others), rtol=1e-14)
    np.testing.assert_allclose(result.var, x.var(others, ddof=correction), rtol=1e-13)
    assert result.count == 10
    assert result.mean.dtype == result.var.dtype == np.float64


@pytest.mark.once
@pytest.mark.parametrize("correction", [-1, 10, 11])
def test_correction_out_of_range_is_refused(correction):
    message = rf"correction must lie in \[0, 10\), the values per channel, got {correction}"
    with pytest.raises(ValueError, match=message):
        bnfast.moments(np.zeros((10, 3)), correction=correction)


def table(dtype):
    """Two features, of scales 1 to 5 and 1000 to 99999."""
    rng = np.random.default_rng(1)
    features = [rng.integers(1, 6, 1000), rng.integers(1000, 100_000, 1000)]
    return np.stack(features, axis=1).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=lambda t: t.__name__)
def test_standardize_features_of_different_scales(dtype):
    x = table(dtype)
    y = bnfast.standardize(x)
    exact = reference.forward(x, eps=0)
    assert y.dtype == dtype
    assert reference.max_error(y, exact) <= 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(reference.moments(y)[0], 0, atol=np.finfo(dtype).eps)
    np.testing.assert_allclose(reference.moments(y)[1], 1, rtol=4 * np.finfo(dtype).eps)


def test_standardize_by_given_statistics():
    x = table(np.float64)
    mean, std = [3, 50_000], [1.5, 30_000]
    np.testing.assert_allclose(bnfast.standardize(x, mean, std), (x - mean) / std, rtol=1e-14)
    own_std = bnfast.standardize(x, mean)
    np.testing.assert_allclose(own_std, (x - mean) / x.std(0), rtol=1e-13)
    own_mean = bnfast.standardize(x, std=std)
    np.testing.assert_allclose(own_mean, (x - x.mean(0)) / std, rtol=1e-13, atol=1e-15)


def test_standardize_adds_eps_to_the_variance():
    x = table(np.float64)
    expected = (x - x.mean(0)) / np.sqrt(x.var(0) + 0.5)
    np.testing.assert_allclose(bnfast.standardize(x, eps=0.5), expected, rtol=1e-13, atol=1e-15)
    given = bnfast.standardize(x, [3, 50_000], [1.5, 0], eps=4)
    expected = (x - [3, 50_000]) / np.sqrt([1.5**2 + 4, 4])
    np.testing.assert_allclose(given, expected, rtol=1e-14)


def test_standardize_writes_the_dtype_asked():
    x = table(np.float32)
    y = bnfast.standardize(x, dtype=np.float64)
    assert y.dtype == np.float64
    assert reference.max_error(y, reference.forward(x, eps=0)) <= 1e-14
    narrow = bnfast.standardize(x.astype(np.float64), dtype=np.float32)
    np.testing.assert_array_equal(narrow, y.astype(np.float32))


def test_standardize_is_scikit_learns_standard_scaler():
    preprocessing = pytest.importorskip(
        "sklearn.preprocessing", reason="compares with scikit-learn, which is not installed"
    )
    x = np.column_stack([table(np.float64), np.full(1000, 4.0)])
    expected = preprocessing.StandardScaler().fit_transform(x)
    np.testing.assert_allclose(bnfast.standardize(x), expected, rtol=1e-12, atol=1e-14)
