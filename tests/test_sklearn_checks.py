"""`bnfast.sklearn.StandardScaler` under scikit-learn's own checks of estimators."""

import sys

import pytest

pytestmark = pytest.mark.once
checks = pytest.importorskip(
    "sklearn.utils.estimator_checks", reason="tests bnfast.sklearn; scikit-learn is not installed"
)

from bnfast.sklearn import StandardScaler  # noqa: E402


@checks.parametrize_with_checks([StandardScaler(), StandardScaler(with_mean=False)])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("missing", ["sklearn", "sklearn.utils.validation"])
def test_without_scikit_learn_the_extra_is_named(missing, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("bnfast.sklearn")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r"pip install 'bnfast\[sklearn\]'"):
        __import__("bnfast.sklearn")
