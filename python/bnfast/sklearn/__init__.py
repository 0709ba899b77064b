"""Scikit-learn's estimators of bnfast's own field, at its speed."""

try:
    from sklearn.utils.validation import validate_data as _validate_data
except ImportError as error:
    raise ImportError(
        f"bnfast.sklearn needs scikit-learn 1.6 or newer, which cannot be imported ({error}): "
        "pip install 'bnfast[sklearn]'"
    ) from error
del _validate_data

from bnfast.sklearn.scaler import StandardScaler  # noqa: E402  (after the check)

__all__ = ["StandardScaler"]
