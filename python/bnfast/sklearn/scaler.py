"""Scikit-learn's StandardScaler, at the speed of memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray
from scipy import sparse
from sklearn import preprocessing
from sklearn.base import _fit_context
from sklearn.preprocessing._data import _handle_zeros_in_scale, _is_constant_feature
from sklearn.utils import assert_all_finite, check_array
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from bnfast.sklearn.column_map import ColumnMap
from bnfast.sklearn.feature_moments import (
    FeatureMoments,
    finite_moments,
    moments_seen_by,
    weighted_moments,
)

__all__ = ["StandardScaler"]

Array = NDArray[Any]

# What is kept as it is; all else becomes the first.
DTYPES = (np.float64, np.float32, np.float16)


class StandardScaler(preprocessing.StandardScaler):  # type: ignore[misc]
    """Standardize features: ``z = (x - mean)/std``, as scikit-learn's class of that name [1]_.

    A drop-in: its parameters, attributes, errors, dtypes and metadata, and an instance of it. One
    read of the table fits, one read and write transforms, both on all threads. `merge` is new.

    Parameters
    ----------
    copy : bool
        False: `transform` and `inverse_transform` overwrite float16, float32 and float64 arrays.
    with_mean : bool
        Subtract the mean. Must be False for sparse matrices.
    with_std : bool
        Divide by the standard deviation.

    Attributes
    ----------
    mean_ : numpy.ndarray of shape (C,), float64, or None
        None if neither `with_mean` nor `with_std`.
    var_, scale_ : numpy.ndarray of shape (C,), float64, or None
        The population variance, and its square root, or 1 for constant features; None if not
        `with_std`.
    n_samples_seen_ : int, float or numpy.ndarray of shape (C,)
        An array where features differ in their number of NaN; a sum of weights where there were.
    n_features_in_ : int
    feature_names_in_ : numpy.ndarray of shape (C,)
        Of data frames whose columns have names.

    See Also
    --------
    bnfast.standardize : The same for arrays, without an estimator.

    Notes
    -----
    NaN counts as missing: left out in fit, kept in transform; infinity is refused. Data with NaN or
    `sample_weight` are fitted, and sparse matrices handled, by scikit-learn's own functions, at
    their speed; so are arrays of other libraries under ``array_api_dispatch``.

    Statistics are float64 for any input. `transform` computes ``(x - mean)*(1/std)``: within 2 ulp
    of the exact result for these statistics where that is computed in float64 and about 4 in
    float32, whatever the mean; float16 is computed in float32. The bits do not depend on the number
    of threads.

    References
    ----------
    .. [1] F. Pedregosa et al., "Scikit-learn: Machine Learning in Python", JMLR 12, 2011;
       ``sklearn.preprocessing.StandardScaler``.

    Examples
    --------
    >>> import numpy as np
    >>> from bnfast.sklearn import StandardScaler
    >>> x = np.array([[0, 10], [1, 20], [2, 30], [3, 40]], np.float32)
    >>> scaler = StandardScaler().fit(x)
    >>> scaler.mean_, scaler.transform(x).dtype
    (array([ 1.5, 25. ]), dtype('float32'))
    >>> halves = [StandardScaler().fit(x[:2]), StandardScaler().fit(x[2:])]
    >>> halves[0].merge(halves[1]).mean_
    array([ 1.5, 25. ])
    """

    mean_: Any
    var_: Any
    scale_: Any
    n_samples_seen_: Any

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> StandardScaler:
        """Add the rows of `X` to the statistics.

        Parameters
        ----------
        X : array or sparse matrix of shape (N, C)
            What scikit-learn accepts.
        y : None
            Ignored.
        sample_weight : array of shape (N,), optional
            Weights of the rows.

        Returns
        -------
        StandardScaler
            The scaler itself.

        Raises
        ------
        TypeError, ValueError
            As scikit-learn's.
        """
        if _dispatches() or getattr(self, "_skl_callbacks", None):
            return self._as_scikit_learn(X, y, sample_weight)
        first = not hasattr(self, "n_samples_seen_")
        table = self._validated(X, reset=first, accept_sparse=("csr", "csc"))
        if sparse.issparse(table):
            return self._as_scikit_learn(X, y, sample_weight)
        seen = self._moments_of(table, sample_weight)
        self._keep(seen if first else moments_seen_by(self).merged(seen))
        return self

    def _as_scikit_learn(self, X: Any, y: Any, sample_weight: Any) -> StandardScaler:
        super().partial_fit(X, y, sample_weight)
        return self

    def _moments_of(self, table: Array, sample_weight: Any) -> FeatureMoments:
        if sample_weight is not None:
            _refuse_infinity(table, self)
            weights = _check_sample_weight(sample_weight, table, dtype=table.dtype)
            return weighted_moments(table, weights, with_var=self.with_std)
        seen = finite_moments(table, with_var=self.with_std)
        if seen is None:
            _refuse_infinity(table, self)
            seen = weighted_moments(table, None, with_var=self.with_std)
        return seen

    def _keep(self, seen: FeatureMoments) -> None:
        """Set the attributes that follow from what has been seen."""
        count = seen.count
        self.n_samples_seen_ = count.flat[0] if (count == count.flat[0]).all() else count
        self.mean_ = seen.mean if self.with_mean or self.with_std else None
        self.var_ = self.scale_ = None
        if self.with_std:
            self.var_ = seen.var
            constant = _is_constant_feature(self.var_, self.mean_, self.n_samples_seen_)
            self.scale_ = _handle_zeros_in_scale(
                np.sqrt(self.var_), copy=False, constant_mask=constant
            )

    def merge(self, other: preprocessing.StandardScaler) -> StandardScaler:
        """Add what another scaler has seen, as if this one had been fitted to both's data.

        Parameters
        ----------
        other : sklearn.preprocessing.StandardScaler
            Fitted; this class or scikit-learn's, of the same `with_mean` and `with_std`, features
            and names of features. It is not changed.

        Returns
        -------
        StandardScaler
            The scaler itself, so that ``functools.reduce(StandardScaler.merge, scalers)`` works.

        Raises
        ------
        TypeError
            `other` is no StandardScaler.
        ValueError
            The two differ in a parameter, in their features or in the names of these.
        sklearn.exceptions.NotFittedError
            One of them has not been fitted.

        Examples
        --------
        >>> import numpy as np
        >>> from bnfast.sklearn import StandardScaler
        >>> a, b = StandardScaler().fit([[1.0], [3.0]]), StandardScaler().fit([[8.0]])
        >>> a.merge(b).mean_, a.n_samples_seen_
        (array([4.]), np.int64(3))
        """
        if not isinstance(other, preprocessing.StandardScaler):
            raise TypeError(f"other must be a StandardScaler, got {type(other).__name__}")
        check_is_fitted(self)
        check_is_fitted(other)
        for name in ("with_mean", "with_std", "n_features_in_"):
            mine, its = getattr(self, name), getattr(other, name)
            if mine != its:
                raise ValueError(f"other must have {name}={mine!r} as this scaler, got {its!r}")
        if _names(self) != _names(other):
            raise ValueError(
                f"other must have this scaler's feature names, {_names(self)}, got {_names(other)}"
            )
        self._keep(moments_seen_by(self).merged(moments_seen_by(other)))
        return self

    def transform(self, X: Any, copy: bool | None = None) -> Any:
        """Standardize the rows of `X`.

        Parameters
        ----------
        X : array or sparse matrix of shape (N, C)
            What scikit-learn accepts.
        copy : bool, optional
            Default: the parameter `copy`.

        Returns
        -------
        array or sparse matrix of shape (N, C)
            float16, float32 and float64 keep their dtype; other numbers become float64.

        Raises
        ------
        sklearn.exceptions.NotFittedError, TypeError, ValueError
            As scikit-learn's. `X` has not been changed then.
        """
        check_is_fitted(self)
        if _dispatches() or not (self.with_mean or self.with_std):
            return super().transform(X, copy=copy)
        copy = self.copy if copy is None else copy
        table = self._validated(X, reset=False, accept_sparse="csr", force_writeable=not copy)
        if sparse.issparse(table):
            return super().transform(X, copy=copy)
        with np.errstate(divide="ignore", over="ignore"):
            columns = ColumnMap(
                mean=self.mean_ if self.with_mean else None,
                scale=1 / self.scale_ if self.with_std else None,
            )
        if not columns.fits(table):
            return super().transform(X, copy=copy)
        return columns.apply(
            table, lambda: _refuse_infinity(table, self), in_place=_may_write(table, X, copy)
        )

    def inverse_transform(self, X: Any, copy: bool | None = None) -> Any:
        """Bring standardized rows back: ``x = z*std + mean``.

        Parameters
        ----------
        X : array or sparse matrix of shape (N, C)
            What scikit-learn accepts.
        copy : bool, optional
            Default: the parameter `copy`.

        Returns
        -------
        array or sparse matrix of shape (N, C)
            float16, float32 and float64 keep their dtype; other numbers become float64.

        Raises
        ------
        sklearn.exceptions.NotFittedError, TypeError, ValueError
            As scikit-learn's. `X` has not been changed then.
        """
        check_is_fitted(self)
        if _dispatches() or not (self.with_mean or self.with_std):
            return super().inverse_transform(X, copy=copy)
        copy = self.copy if copy is None else copy
        table = check_array(
            X,
            accept_sparse="csr",
            dtype=DTYPES,
            force_writeable=not copy,
            ensure_all_finite=False,
        )
        if sparse.issparse(table):
            return super().inverse_transform(X, copy=copy)
        columns = ColumnMap(
            scale=self.scale_ if self.with_std else None,
            shift=self.mean_ if self.with_mean else None,
        )
        if not columns.fits(table):
            return super().inverse_transform(X, copy=copy)
        return columns.apply(
            table, lambda: _refuse_infinity(table), in_place=_may_write(table, X, copy)
        )

    def _validated(self, X: Any, **options: Any) -> Any:
        """Do what scikit-learn does with an argument, but for the read that looks for infinity."""
        return validate_data(self, X, dtype=DTYPES, ensure_all_finite=False, **options)


def _dispatches() -> bool:
    """Whether scikit-learn computes with other libraries' arrays."""
    return bool(sklearn.get_config()["array_api_dispatch"])


def _may_write(table: Array, given: Any, copy: bool) -> bool:
    """Whether the result may take the place of what was given, or of what that was converted to."""
    return not copy or (isinstance(given, np.ndarray) and not np.may_share_memory(table, given))


def _refuse_infinity(table: Array, estimator: StandardScaler | None = None) -> None:
    """Raise scikit-learn's ValueError if there is any, as its validation does."""
    name = None if estimator is None else type(estimator).__name__
    assert_all_finite(
        table, allow_nan=True, estimator_name=name, input_name="X" if estimator else ""
    )


def _names(scaler: Any) -> list[Any] | None:
    names = getattr(scaler, "feature_names_in_", None)
    return None if names is None else list(names)
