"""`bnfast.sklearn.StandardScaler` inside scikit-learn: pipelines, frames, routing, processes."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip(
    "sklearn.preprocessing", reason="tests bnfast.sklearn; scikit-learn is not installed"
)

import sklearn
from joblib import Parallel, delayed
from sklearn import preprocessing
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from bnfast.sklearn import StandardScaler

pytestmark = pytest.mark.once
X = np.random.default_rng(0).normal(3, 2, (80, 4)).astype(np.float32)
LABELS = (X[:, 0] > 3).astype(int)
BOTH = [StandardScaler, preprocessing.StandardScaler]


def test_it_is_a_standard_scaler():
    scaler = StandardScaler(with_std=False)
    assert isinstance(scaler, preprocessing.StandardScaler)
    assert repr(scaler) == "StandardScaler(with_std=False)"
    assert clone(scaler).get_params() == scaler.get_params()
    assert type(clone(scaler)) is StandardScaler


def test_pickles():
    scaler = StandardScaler().fit(X)
    again = pickle.loads(pickle.dumps(scaler))
    np.testing.assert_array_equal(again.transform(X), scaler.transform(X))
    assert len(pickle.dumps(scaler)) < 2000


def test_pipelines_and_searches():
    found = []
    for scaler in BOTH:
        search = GridSearchCV(
            make_pipeline(scaler(), LogisticRegression()),
            {"standardscaler__with_mean": [True, False]},
            cv=2,
        ).fit(X, LABELS)
        found.append(search.predict_proba(X))
    np.testing.assert_allclose(*found, rtol=1e-3)


def test_other_processes_and_threads():
    expected = StandardScaler().fit_transform(X)
    for backend in ("loky", "threading"):
        tasks = [delayed(StandardScaler().fit_transform)(X) for _ in range(4)]
        for y in Parallel(n_jobs=2, backend=backend)(tasks):
            np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames(library):
    frames = pytest.importorskip(library, reason=f"data frames: {library} is not installed")
    frame = frames.DataFrame(dict(zip("abcd", X.T, strict=True)))
    ours, theirs = (make().set_output(transform=library).fit(frame) for make in BOTH)
    assert list(ours.feature_names_in_) == list(ours.get_feature_names_out()) == list("abcd")
    y, expected = ours.transform(frame), theirs.transform(frame)
    assert type(y) is type(expected)
    assert list(y.columns) == list(expected.columns)
    np.testing.assert_allclose(y.to_numpy(), expected.to_numpy(), rtol=1e-4, atol=1e-6)
    assert y.to_numpy().dtype == expected.to_numpy().dtype
    for make in BOTH:
        scaler = make().fit(frame)
        with pytest.warns(UserWarning, match="does not have valid feature names") as warned:
            scaler.transform(X)
        assert len(warned) == 1
        with pytest.raises(ValueError, match="feature names should match"):
            scaler.transform(frame[list("dcba")])


def test_sparse_data_frames():
    pandas = pytest.importorskip("pandas", reason="data frames: pandas is not installed")
    frame = pandas.DataFrame(np.where(X > 3, X, 0)).astype(pandas.SparseDtype(np.float32, 0))
    frame.columns = list("abcd")
    ours, theirs = (make(with_mean=False).fit(frame) for make in BOTH)
    np.testing.assert_array_equal(ours.scale_, theirs.scale_)
    y, expected = ours.transform(frame), theirs.transform(frame)
    np.testing.assert_array_equal(y.toarray(), expected.toarray())


def test_column_transformer():
    pandas = pytest.importorskip("pandas", reason="data frames: pandas is not installed")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    y = ColumnTransformer(
        [("left", StandardScaler(), ["a", "b"]), ("right", "passthrough", ["d"])]
    ).fit_transform(frame)
    np.testing.assert_allclose(y[:, :2].mean(0), 0, atol=1e-6)
    np.testing.assert_array_equal(y[:, 2], X[:, 3])


def test_metadata_is_routed():
    weights = np.linspace(1, 2, len(X))
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=True))
        pipeline.fit(X, sample_weight=weights)
    expected = np.average(X, axis=0, weights=weights)
    np.testing.assert_allclose(pipeline[0].mean_, expected, rtol=1e-6)


def test_callbacks_are_called():
    callback = pytest.importorskip(
        "sklearn.callback", reason="this version of scikit-learn has no callbacks"
    )
    calls = []

    class Recorder:
        max_propagation_depth = None

        def setup(self, estimator, context):
            calls.append("setup")

        def on_fit_task_begin(self, estimator, context):
            calls.append("begin")

        def on_fit_task_end(self, estimator, context):
            calls.append("end")

        def teardown(self, estimator, context):
            calls.append("teardown")

    assert isinstance(Recorder(), callback.FitCallback)
    scaler = StandardScaler().set_callbacks(Recorder()).fit(X)
    assert calls == ["setup", "begin", "end", "teardown"]
    np.testing.assert_allclose(scaler.mean_, X.mean(0), rtol=1e-5)


ARRAYS_OF_PYTORCH = """
import numpy as np, sklearn, torch
from bnfast.sklearn import StandardScaler
x = torch.arange(12, dtype=torch.float32).reshape(4, 3)
with sklearn.config_context(array_api_dispatch=True):
    scaler = StandardScaler().fit(x)
    y = scaler.inverse_transform(scaler.transform(x))
assert isinstance(y, torch.Tensor) and isinstance(scaler.mean_, torch.Tensor), type(y)
assert torch.allclose(x, y)
assert type(StandardScaler().fit_transform(x)) is np.ndarray  # as scikit-learn's
"""


def test_arrays_of_other_libraries(monkeypatch):
    pytest.importorskip("torch", reason="hands over PyTorch's tensors; it is not installed")
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    ended = subprocess.run(
        [sys.executable, "-c", ARRAYS_OF_PYTORCH], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
