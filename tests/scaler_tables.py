"""Tables for tests of `bnfast.sklearn`, and what exact arithmetic makes of them."""

import numpy as np
from hypothesis import strategies as st

DTYPES = [np.float16, np.float32, np.float64]
ORDERS = {
    "rows": np.ascontiguousarray,
    "columns": np.asfortranarray,
    "every other row": lambda x: np.repeat(x, 2, axis=0)[::2],
    "every other column": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "last row first": lambda x: np.ascontiguousarray(x[::-1])[::-1],
}
TOLERANCE = {np.float16: 2e-3, np.float32: 2e-6, np.float64: 2e-12}


@st.composite
def tables(draw, missing=False, dtypes=DTYPES):
    """Return a table of 1 to 40 rows whose columns differ in mean and spread; 0: constant."""
    rows, columns = draw(st.integers(1, 40)), draw(st.integers(1, 70))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    spread = rng.choice([0, 0.5, 3], columns)
    x = rng.normal(size=(rows, columns)) * spread + rng.choice([-40, 0, 900], columns)
    if missing:
        x[rng.random(x.shape) < draw(st.sampled_from([0.05, 0.6]))] = np.nan
    table = x.astype(draw(st.sampled_from(dtypes)))
    return ORDERS[draw(st.sampled_from(sorted(ORDERS)))](table)


def exact_moments(x, weights=None):
    """Return count, mean and population variance in long double; NaN where there is no value."""
    wide = np.asarray(x, np.longdouble)
    weight = np.ones(len(wide)) if weights is None else weights
    weight = np.where(np.isnan(wide), 0, np.asarray(weight, np.longdouble)[:, None])
    values = np.where(np.isnan(wide), 0, wide)
    count = weight.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (values * weight).sum(0) / count
        var = ((values - mean) ** 2 * weight).sum(0) / count
    return count, mean, var


def assert_moments(scaler, exact):
    """Compare what a scaler holds with exact moments."""
    count, mean, var = exact
    np.testing.assert_allclose(np.broadcast_to(scaler.n_samples_seen_, count.shape), count)
    spread = np.sqrt(var.astype(np.float64)) + np.abs(mean.astype(np.float64)) * 1e-3
    for found, wanted, unit in [
        (scaler.mean_, mean, spread),
        (scaler.var_, var, spread**2),
    ]:
        assert found.dtype == np.float64
        np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
        error = np.abs(found - wanted)
        assert (np.isnan(error) | (error <= 1e-11 * unit)).all()
