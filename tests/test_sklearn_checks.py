"""`bnfast.sklearn.StandardScaler` under scikit-learn's own checks of estimators."""

import subprocess
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
def test_without_scikit_learn_the_extra_is_named(missing):
    script = f"import sys; sys.modules[{missing!r}] = None; import bnfast.sklearn"
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith(
        "ImportError: bnfast.sklearn needs scikit-learn"
    )
    assert ended.stderr.endswith("pip install 'bnfast[sklearn]'\n")
