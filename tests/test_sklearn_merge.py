"""`StandardScaler.merge`: what fitting the data of both would give."""

import functools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip(
    "sklearn.preprocessing", reason="tests bnfast.sklearn; scikit-learn is not installed"
)

from scipy import sparse
from sklearn import preprocessing
from sklearn.exceptions import NotFittedError

from bnfast.sklearn import StandardScaler
from scaler_tables import assert_moments, exact_moments, tables

pytestmark = pytest.mark.once
X = np.random.default_rng(0).normal(5, 2, (60, 4))


@given(
    x=tables() | tables(missing=True),
    cuts=st.lists(st.integers(1, 39), max_size=4),
    weighs=st.booleans(),
)
def test_merging_pieces_is_fitting_all(x, cuts, weighs):
    x = x.astype(np.float64)
    weights = np.linspace(1, 2, len(x)) if weighs else None
    scalers = []
    with np.errstate(invalid="ignore"):  # columns without values
        for rows in np.split(np.arange(len(x)), sorted(cuts)):
            if len(rows):
                weight = None if weights is None else weights[rows]
                scalers.append(StandardScaler().fit(x[rows], sample_weight=weight))
    merged = functools.reduce(StandardScaler.merge, scalers)
    assert merged is scalers[0]
    assert_moments(merged, exact_moments(x, weights))


def test_far_means_do_not_cost_digits():
    pieces = [X + 1e6, X[:7] - 1e6, X[:1] + 3e6]
    merged = functools.reduce(StandardScaler.merge, map(StandardScaler().fit, pieces[:1]))
    for piece in pieces[1:]:
        merged.merge(StandardScaler().fit(piece))
    count, mean, var = exact_moments(np.concatenate(pieces))
    assert merged.n_samples_seen_ == count[0] == 68
    np.testing.assert_allclose(merged.mean_, mean.astype(np.float64), rtol=1e-14)
    np.testing.assert_allclose(merged.var_, var.astype(np.float64), rtol=1e-13)


def test_the_other_is_not_changed_and_the_merged_transforms():
    a, b = StandardScaler().fit(X[:20]), StandardScaler().fit(X[20:])
    before = pickle.dumps(b)
    merged = a.merge(b)
    assert merged is a
    assert pickle.dumps(b) == before
    whole = preprocessing.StandardScaler().fit(X)
    np.testing.assert_allclose(a.transform(X), whole.transform(X), rtol=1e-12, atol=1e-13)
    assert a.n_samples_seen_ == 60
    a.partial_fit(X)
    assert a.n_samples_seen_ == 120


def test_scikit_learns_own_scaler_may_be_the_other():
    merged = StandardScaler().fit(X[:20]).merge(preprocessing.StandardScaler().fit(X[20:]))
    assert_moments(merged, exact_moments(X))


@pytest.mark.parametrize("options", [{"with_std": False}, {"with_mean": False, "with_std": False}])
def test_what_is_not_kept_stays_none(options):
    merged = StandardScaler(**options).fit(X[:20]).merge(StandardScaler(**options).fit(X[20:]))
    theirs = preprocessing.StandardScaler(**options).fit(X)
    assert merged.var_ is None
    assert merged.scale_ is None
    assert merged.n_samples_seen_ == 60
    if theirs.mean_ is None:
        assert merged.mean_ is None
    else:
        np.testing.assert_allclose(merged.mean_, theirs.mean_, rtol=1e-14)


def test_scalers_of_sparse_matrices():
    x = sparse.csr_array(np.where(X > 6, X, 0))
    options = {"with_mean": False}
    merged = StandardScaler(**options).fit(x[:20]).merge(StandardScaler(**options).fit(x[20:]))
    assert_moments(merged, exact_moments(x.toarray()))


def test_constant_features_that_differ_are_not_constant_together():
    a, b = StandardScaler().fit(np.full((3, 1), 2.0)), StandardScaler().fit(np.full((3, 1), 4.0))
    assert a.scale_ == b.scale_ == 1
    assert a.merge(b).scale_ == 1  # the standard deviation of 2, 2, 2, 4, 4, 4
    assert a.var_ == 1
    assert a.merge(StandardScaler().fit(np.full((6, 1), 9.0))).scale_ == pytest.approx(
        np.std([2, 2, 2, 4, 4, 4] + [9] * 6), rel=1e-14
    )


def test_refusals_change_nothing():
    a = StandardScaler().fit(X)
    before = pickle.dumps(a)
    with pytest.raises(TypeError, match="other must be a StandardScaler, got MinMaxScaler"):
        a.merge(preprocessing.MinMaxScaler().fit(X))
    with pytest.raises(ValueError, match="with_mean=True as this scaler, got False"):
        a.merge(StandardScaler(with_mean=False).fit(X))
    with pytest.raises(ValueError, match="with_std=True as this scaler, got False"):
        a.merge(StandardScaler(with_std=False).fit(X))
    with pytest.raises(ValueError, match="n_features_in_=4 as this scaler, got 3"):
        a.merge(StandardScaler().fit(X[:, :3]))
    with pytest.raises(NotFittedError):
        a.merge(StandardScaler())
    with pytest.raises(NotFittedError):
        StandardScaler().merge(a)
    assert pickle.dumps(a) == before


def test_names_of_features_must_agree():
    pandas = pytest.importorskip("pandas", reason="data frames: pandas is not installed")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    a, b = StandardScaler().fit(frame[:20]), StandardScaler().fit(frame[20:])
    assert_moments(a.merge(b), exact_moments(X))
    assert list(a.feature_names_in_) == list("abcd")
    for other in (X, frame.rename(columns={"d": "e"})):
        with pytest.raises(ValueError, match=r"feature names, .*'d'"):
            a.merge(StandardScaler().fit(other))
