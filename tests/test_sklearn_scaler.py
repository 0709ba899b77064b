"""`bnfast.sklearn.StandardScaler` beside scikit-learn's, and beside exact arithmetic."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip(
    "sklearn.preprocessing", reason="tests bnfast.sklearn; scikit-learn is not installed"
)

import sklearn
from scipy import sparse
from sklearn import preprocessing

import bnfast
from bnfast.sklearn import StandardScaler
from scaler_tables import DTYPES, ORDERS, TOLERANCE, assert_moments, exact_moments, tables

OPTIONS = st.fixed_dictionaries({"with_mean": st.booleans(), "with_std": st.booleans()})
ATTRIBUTES = ("mean_", "var_", "scale_", "n_samples_seen_", "n_features_in_")


def table(rows=200, columns=5, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(rows, columns)) * 3 + np.arange(columns)).astype(dtype)


def assert_same(ours, theirs, rtol=1e-9, atol=1e-9):
    """Compare everything that a fit sets."""
    for name in ATTRIBUTES:
        mine, its = getattr(ours, name), getattr(theirs, name)
        assert (mine is None) == (its is None), name
        if its is not None:
            np.testing.assert_allclose(mine, its, rtol=rtol, atol=atol, err_msg=name)
            assert np.shape(mine) == np.shape(its)
            if name != "n_samples_seen_":  # a whole number may be either kind
                assert np.asarray(mine).dtype == np.asarray(its).dtype


@given(x=tables())
def test_fit_is_exact(x):
    scaler = StandardScaler().fit(x)
    assert_moments(scaler, exact_moments(x))
    assert np.asarray(scaler.n_samples_seen_).dtype == np.int64


@given(x=tables() | tables(missing=True), options=OPTIONS)
def test_fit_sets_what_scikit_learn_sets(x, options):
    # float16: scikit-learn loses digits, and may take a constant column for none.
    x = x.astype(np.float32) if x.dtype == np.float16 else x
    with np.errstate(invalid="ignore"):  # a column without values
        assert_same(
            StandardScaler(**options).fit(x), preprocessing.StandardScaler(**options).fit(x)
        )


@given(x=tables() | tables(missing=True), options=OPTIONS, copy=st.booleans())
def test_transform_and_back(x, options, copy):
    with np.errstate(invalid="ignore"):
        theirs = preprocessing.StandardScaler(**options).fit(x)
        ours = StandardScaler(**options).fit(x)
    wide = x.astype(np.float64)
    mean = theirs.mean_ if options["with_mean"] else 0
    std = ours.scale_ if options["with_std"] else 1
    expected = (wide - mean) / std
    tolerance = TOLERANCE[x.dtype.type]
    before = x.copy()
    y = ours.transform(x, copy=copy)
    assert y.dtype == x.dtype
    assert (y is x) != copy
    np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance)
    if copy:
        np.testing.assert_array_equal(x, before)
    y = np.array(y)
    expected = y.astype(np.float64) * std + mean
    back = ours.inverse_transform(y, copy=copy)
    assert back.dtype == x.dtype
    assert (back is y) != copy
    np.testing.assert_allclose(back, expected, rtol=tolerance, atol=tolerance)


@given(x=tables() | tables(missing=True), cuts=st.lists(st.integers(1, 39), max_size=4))
def test_partial_fit_in_pieces(x, cuts):
    scaler = StandardScaler()
    with np.errstate(invalid="ignore"):
        for piece in np.split(x, sorted(cuts)):
            if len(piece):
                scaler.partial_fit(piece)
    assert_moments(scaler, exact_moments(x))


@given(x=tables() | tables(missing=True), seed=st.integers(0, 100), pieces=st.booleans())
def test_sample_weight(x, seed, pieces):
    x = x.astype(np.float64)
    weights = np.random.default_rng(seed).uniform(0.5, 3, len(x))
    scaler = StandardScaler()
    with np.errstate(invalid="ignore"):
        if pieces and len(x) > 1:
            scaler.partial_fit(x[:1], sample_weight=weights[:1])
            scaler.partial_fit(x[1:], sample_weight=weights[1:])
        else:
            scaler.fit(x, sample_weight=weights)
    assert_moments(scaler, exact_moments(x, weights))


@pytest.mark.parametrize("options", [{}, {"with_std": False}, {"with_mean": False}])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_tables_larger_than_the_caches_pieces(dtype, order, options):
    x = ORDERS[order](table(9001, 33, dtype))
    scaler = StandardScaler(**options).fit(x)
    mean = scaler.mean_ if scaler.with_mean else 0
    std = scaler.scale_ if scaler.with_std else 1
    expected = (x.astype(np.float64) - mean) / std
    tolerance = TOLERANCE[dtype]
    np.testing.assert_allclose(scaler.transform(x), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.once
@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csc_array, sparse.csr_matrix])
@pytest.mark.parametrize("with_std", [True, False])
def test_sparse_matrices_are_scikit_learns(kind, with_std):
    dense = table() * (np.random.default_rng(1).random((200, 5)) < 0.3)
    x = kind(dense)
    options = {"with_mean": False, "with_std": with_std}
    ours, theirs = StandardScaler(**options), preprocessing.StandardScaler(**options)
    for scaler in (ours, theirs):
        scaler.fit(x).partial_fit(x[:50], sample_weight=np.ones(50, np.float32))
    assert_same(ours, theirs)
    y, expected = ours.transform(x), theirs.transform(x)
    assert (y.format, y.dtype) == (expected.format, expected.dtype)
    np.testing.assert_array_equal(y.toarray(), expected.toarray())
    back = ours.inverse_transform(y)
    np.testing.assert_allclose(back.toarray(), dense, rtol=1e-6)
    with pytest.raises(ValueError, match="Cannot center sparse matrices"):
        StandardScaler().fit(x)
    with pytest.raises(ValueError, match="Cannot center sparse matrices"):
        StandardScaler().fit(dense).transform(x)
    with pytest.raises(ValueError, match="Cannot uncenter sparse matrices"):
        StandardScaler().fit(dense).inverse_transform(x)


@pytest.mark.once
@pytest.mark.parametrize(
    "convert",
    [
        np.ndarray.tolist,
        lambda x: x.astype(np.int16),
        lambda x: x.astype(">f4"),
        lambda x: x.astype(np.longdouble),
        lambda x: x.astype(object),
        lambda x: np.asarray(x[:, :1]),
    ],
    ids=["list", "int16", "big-endian", "longdouble", "object", "one column"],
)
@pytest.mark.parametrize("copy", [True, False])
def test_other_inputs(convert, copy):
    x = convert(table())
    before = np.array(x)
    ours, theirs = StandardScaler(copy=copy), preprocessing.StandardScaler()
    assert_same(ours.fit(x), theirs.fit(x))
    expected, y = theirs.transform(x), ours.transform(x)
    assert y.dtype == expected.dtype
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)
    if before.dtype != np.float32:
        np.testing.assert_array_equal(x, before)  # a copy was converted, and that was overwritten


def test_read_only_input_is_copied_where_it_was_to_be_overwritten():
    x = table()
    expected = StandardScaler().fit_transform(x)
    x.flags.writeable = False
    before = x.copy()
    scaler = StandardScaler(copy=False).fit(x)
    np.testing.assert_array_equal(scaler.transform(x), expected)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("place", [(0, 0), (4000, 17), (8999, 32)])
@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
@pytest.mark.parametrize("order", ["rows", "columns", "every other column"])
def test_infinity_is_refused_with_scikit_learns_words(dtype, place, infinity, order):
    clean = ORDERS[order](table(9000, 33, dtype))
    ours, theirs = StandardScaler().fit(clean), preprocessing.StandardScaler().fit(clean)
    x = ORDERS[order](clean.copy())
    x[place] = infinity
    before = x.copy()
    for method in ("fit", "partial_fit", "transform", "inverse_transform"):
        with pytest.raises(ValueError, match="infinity") as expected:
            getattr(theirs if method != "fit" else preprocessing.StandardScaler(), method)(x)
        scaler = ours if method != "fit" else StandardScaler()
        with pytest.raises(ValueError, match="infinity") as raised:
            getattr(scaler, method)(x)
        assert str(raised.value) == str(expected.value)
        if "transform" in method:
            with pytest.raises(ValueError, match="infinity"):
                getattr(scaler, method)(x, copy=False)
        np.testing.assert_array_equal(x, before)
    with pytest.raises(ValueError, match="infinity"):
        StandardScaler().fit(x, sample_weight=np.ones(len(x)))


def test_nan_stays_where_it_is():
    x = table(9000, 33)
    scaler = StandardScaler().fit(x)
    x[::7, 3] = np.nan
    for copy in (True, False):
        y = scaler.transform(x.copy(), copy=copy)
        np.testing.assert_array_equal(np.isnan(y), np.isnan(x))


def test_assume_finite_is_believed():
    x = table()
    scaler = StandardScaler().fit(x)
    x[3, 2] = np.inf
    with sklearn.config_context(assume_finite=True):
        assert scaler.transform(x)[3, 2] == np.inf


def test_values_whose_sum_overflows_are_finite():
    x = np.array([[1.7e308, 1.0], [1.7e308, 2.0], [1.6e308, 4.0]])
    scaler = StandardScaler(with_std=False).fit(x * 1e-10)  # whose variance alone overflows
    np.testing.assert_allclose(scaler.mean_, (x * 1e-10).mean(0), rtol=1e-15)
    np.testing.assert_array_equal(scaler.transform(x), x - scaler.mean_)
    np.testing.assert_array_equal(scaler.transform(x.copy(), copy=False), x - scaler.mean_)


def test_variances_that_overflow_are_scikit_learns():
    x = np.array([[1e200, 1.0], [-1e200, 3.0]])
    with np.errstate(over="ignore"):
        ours, theirs = StandardScaler().fit(x), preprocessing.StandardScaler().fit(x)
    assert_same(ours, theirs)
    np.testing.assert_array_equal(ours.transform(x), theirs.transform(x))


def test_float32_of_any_size():
    tiny = np.array([[0.0], [1e-40], [3e-40]], np.float32)  # 1/std is no float32
    huge = np.array([[0.0], [1e38], [3e38]], np.float32)
    for x in (tiny, huge):
        ours, theirs = StandardScaler().fit(x), preprocessing.StandardScaler().fit(x)
        theirs.scale_ = ours.scale_ = np.sqrt(ours.var_)  # not 1
        y = ours.transform(x)
        np.testing.assert_allclose(y, theirs.transform(x), rtol=1e-4)
        np.testing.assert_allclose(ours.inverse_transform(y), x, rtol=1e-4, atol=x.max() * 1e-6)


def test_constant_features_have_scale_1():
    x = table()
    x[:, 1] = 1e7
    x[:, 4] = 0
    ours, theirs = StandardScaler().fit(x), preprocessing.StandardScaler().fit(x)
    np.testing.assert_array_equal(ours.scale_ == 1, [False, True, False, False, True])
    np.testing.assert_array_equal(ours.scale_ == 1, theirs.scale_ == 1)
    np.testing.assert_array_equal(ours.transform(x)[:, [1, 4]], 0)


@pytest.mark.once
def test_wrong_widths_and_unfitted_scalers_are_refused_alike():
    x = table()
    for make in (StandardScaler, preprocessing.StandardScaler):
        for method in ("transform", "inverse_transform"):
            with pytest.raises(sklearn.exceptions.NotFittedError, match="not fitted yet"):
                getattr(make(), method)(x)
            with pytest.raises(ValueError, match=r"features|broadcast"):
                getattr(make().fit(x), method)(x[:, :3])
        with pytest.raises(ValueError, match="Expected 2D array"):
            make().fit(x[0])
        with pytest.raises(ValueError, match="expecting 5 features"):
            make().fit(x).partial_fit(x[:, :3])
        with pytest.raises(sklearn.utils._param_validation.InvalidParameterError, match="copy"):
            make(copy="yes").fit(x)


def peak_of(call):
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.once
@pytest.mark.parametrize("order", ["rows", "columns", "every other row"])
def test_memory_does_not_grow_with_the_rows(order):
    x = ORDERS[order](table(200_000, 32))  # 26 MB: a result lies in the library's own memory
    scaler = StandardScaler().fit(x[:10])
    few = 100_000  # bytes
    assert peak_of(lambda: StandardScaler().fit(x)) < few
    assert peak_of(lambda: scaler.partial_fit(x)) < few
    assert peak_of(lambda: scaler.transform(x, copy=False)) < few
    assert peak_of(lambda: scaler.transform(x)) < few


def test_bits_do_not_depend_on_the_threads():
    x = table(30_001, 33)
    found = []
    try:
        for threads in (1, 2, 3, 7):
            bnfast.set_num_threads(threads)
            scaler = StandardScaler().fit(x).partial_fit(x[:5000])
            found.append((scaler.mean_, scaler.var_, scaler.transform(x)))
    finally:
        bnfast.set_num_threads(None)
    for other in found[1:]:
        for mine, its in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(mine, its)
