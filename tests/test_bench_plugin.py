"""The fixture `paired_benchmark`, in a suite of another project."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.once
SUITE = """\
import numpy as np
import pytest
from bnfast.bench import Paired, Ratio, fixture

@pytest.fixture
def found(monkeypatch, request):
    one, ratio = np.ones(1), Ratio(*request.param)
    control = Ratio(1, 0.99, 1.01)
    paired = lambda candidate, baseline, effort: Paired(ratio, control, one, one, one)
    monkeypatch.setattr(fixture, "paired", paired)

@pytest.mark.parametrize(
    "found", [(1, 1, 1), (2, 2, 2), (1.1, 1, 1.2)], indirect=True, ids=["same", "slow", "unclear"]
)
def test_sum(found, paired_benchmark):
    assert paired_benchmark(int, int, threshold=0.08).ratio.value == 1
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    folder = tmp_path_factory.mktemp("suite")
    (folder / "test_suite.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-v", "-ra", "-p", "no:cacheprovider"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return ended.stdout


@pytest.mark.parametrize(
    "line",
    [
        "test_suite.py::test_sum[same] PASSED",
        "test_suite.py::test_sum[slow] FAILED",
        "slower than the baseline: 2.000 [2.000, 2.000] is above 1.08",
        "could not measure: 1.100 [1.000, 1.200] has 1.08 inside",
        "1 failed, 1 passed, 1 skipped",
        "paired benchmarks: time of the candidate / of the baseline",
        "test_sum[same]: ok: 1.000 [1.000, 1.000] is within 1.08; control 1.000 [0.990, 1.010]",
    ],
)
def test_the_verdict_ends_the_test(line, said):
    assert line in said


def test_it_measures(paired_benchmark, monkeypatch):
    from bnfast.bench import Effort

    effort = Effort(seconds=0, warm_up=0, turn=0)
    found = paired_benchmark(lambda: None, lambda: sum(range(1000)), threshold=9, effort=effort)
    assert found.ratio.value > 0


def test_pytest_starts_without_numpy():
    program = (
        "import sys, pytest_bnfast;"
        "sys.exit('loaded' if {'bnfast', 'numpy'} & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
