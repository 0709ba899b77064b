"""Two builds in turn: the worker's protocol, and what becomes of builds that fail.

The builds are folders of Python that wait for known times; the least of many waits is exact to a
few percent whatever else the machine does, and the thresholds leave room for more.
"""

import json
import re
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import bnfast
from bnfast.bench import CannotMeasureError, Thresholds, Verdict, builds, compare_builds, worker
from bnfast.bench.builds import as_fast_twice, folder_of
from bnfast.bench.cases import Case, small_calls
from bnfast.bench.ratio import median_ratio
from bnfast.bench.workers import Worker

pytestmark = pytest.mark.once
CASE = Case("training", "NCHW", (2, 3), 1)
BUILD = """\
import os, time

def set_num_threads(n):
    print("what a build prints is no reply")

def batch_norm(x, mean, var, weight, bias, training, momentum, eps, *, channel_axis, out):
    end = time.perf_counter() + {seconds}
    mean, var = x.mean(0, dtype=float), x.var(0, dtype=float)
    out[...] = (x - mean) / (var + eps) ** 0.5 * weight + bias
    while time.perf_counter() < end:
        pass
    return out

def batch_norm_backward(*arguments, **more):
    os._exit(3)
"""


@pytest.fixture(autouse=True)
def few_starts(monkeypatch):
    # Enough for an interval of 70 %.
    monkeypatch.setattr(builds, "LEAST_STARTS", 3)
    monkeypatch.setattr(builds, "MOST_STARTS", 8)
    monkeypatch.setattr(builds, "median_ratio", partial(median_ratio, confidence=0.7))


@pytest.fixture
def build(tmp_path):
    """A function that makes a build and returns its folder."""

    def build(name="build", seconds=2e-4, content=BUILD):
        package = tmp_path / name / "bnfast"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(content.replace("{seconds}", str(seconds)))
        return package.parent

    return build


def compare(*arguments, **more):
    return compare_builds(*arguments, thresholds=Thresholds(0.3), seconds=0.4, **more)


def test_a_build_against_itself_is_ok(build):
    steps = []
    folder = build()
    comparison = compare(folder, folder, [CASE], progress=steps.append)
    assert comparison.verdict is Verdict.OK
    assert comparison.cases[0].name == CASE.name
    assert (comparison.old, comparison.new) == (str(folder), str(folder))
    assert steps[0] == f"start 1, 1/1 {CASE.name}"
    assert len(steps) >= 2


@pytest.mark.parametrize("starts, verdict", [(7, Verdict.UNCLEAR), (8, Verdict.OK)])
def test_few_starts_leave_it_unclear(starts, verdict, monkeypatch):
    monkeypatch.setattr(builds, "median_ratio", median_ratio)
    measured = builds._Measured(CASE, 0.05, times=[np.ones(3)] * starts)
    assert measured.compared().judgement.verdict is verdict
    json.dumps(measured.compared().figures(), allow_nan=False)


@pytest.mark.parametrize(
    "times, found",
    [
        ([[5.0, 1.0], [3.0, 2.0], [3.02, 1.0]], True),
        ([[5.0, 1.0], [3.0, 2.0], [3.02, 1.1]], False),
        ([[5.0, 1.0], [3.0, 1.0], [2.9, 1.0]], False),
    ],
)
def test_a_start_lasts_until_each_process_was_as_fast_twice(times, found):
    assert as_fast_twice(np.array(times)) is found


def test_a_slower_build_is_found(build):
    comparison = compare(build("old"), build("new", seconds=4e-4), [CASE])
    assert comparison.verdict is Verdict.REGRESSION
    assert comparison.cases[0].ratio.value == pytest.approx(2, rel=0.2)


def test_processes_have_arguments_of_one_length(build, monkeypatch):
    given, start = [], subprocess.Popen

    def popen(command, **options):
        given.append(command[-2:])
        return start(command, **options)

    monkeypatch.setattr(subprocess, "Popen", popen)
    old, new = build("a"), build("a-much-longer-name")
    assert compare(old, new, [CASE], slower=0.0125).cases[0].ratio is not None
    assert len({len(" ".join(arguments)) for arguments in given}) == 1
    assert {Path(folder).parts[-1] for folder, _ in given} == {"build-0", "build-1"}
    assert not any(Path(folder).exists() for folder, _ in given)


def test_the_installed_build_is_its_package_alone():
    with folder_of("installed") as folder:
        (package,) = folder.iterdir()
        assert package.resolve() == Path(bnfast.__file__).parent.resolve()


def test_a_planted_slowdown_is_found(build):
    folder = build()
    comparison = compare(folder, folder, [CASE], slower=1.0)
    assert comparison.verdict is Verdict.REGRESSION
    assert comparison.cases[0].ratio.value == pytest.approx(2, rel=0.2)


def test_a_case_that_a_build_cannot_do_is_unclear(build):
    folder = build()
    moments = Case("moments", "NCHW", (2, 3), 1)
    comparison = compare(folder, folder, [moments, CASE])
    failed, done = comparison.cases
    assert failed.judgement.verdict is Verdict.UNCLEAR
    assert "AttributeError: module 'bnfast' has no attribute 'moments'" in failed.judgement.reason
    assert failed.ratio is None
    assert done.judgement.verdict is Verdict.OK
    assert comparison.verdict is Verdict.UNCLEAR
    json.dumps(comparison.figures())
    assert re.search(rf"^{moments.name} +- +- +unclear$", comparison.text(), re.MULTILINE)


WRONG = {
    "does nothing": ("out[...] =", "y ="),
    "is off by little": ("+ bias", "+ bias + 2e-6"),
    "forgets an argument": ("* weight", ""),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_a_build_whose_answer_is_wrong_is_not_timed(change, build):
    old, new = build("old"), build("new", content=BUILD.replace(*change))
    comparison = compare(old, new, [CASE])
    (case,) = comparison.cases
    assert case.ratio is None
    assert comparison.verdict is Verdict.UNCLEAR
    assert f"{new}: WrongAnswerError: bnfast: the error of training is" in case.judgement.reason


def test_a_build_that_dies_is_unclear_and_the_others_go_on(build):
    folder = build()
    backward = Case("backward", "NCHW", (2, 3), 1)
    failed, done = compare(folder, folder, [backward, CASE]).cases
    assert "its process ended with status 3" in failed.judgement.reason
    assert done.judgement.verdict is Verdict.OK


@pytest.mark.parametrize("content", ["import a_module_nobody_has", "raise ImportError('broken')"])
def test_a_build_that_cannot_be_imported_is_refused(content, build):
    with pytest.raises(CannotMeasureError, match=r"nobody_has|broken"):
        compare(build("good"), build("bad", content=content), [CASE])


def test_installed_build_does_every_small_case():
    workers = [Worker(Path(bnfast.__file__).parents[1])]
    with workers[0] as own:
        assert own.failure() is None
        for case in small_calls(1):
            own.prepare(case)
            assert own.failure() is None
            assert 0 < own.turn(0.0, 0.0) < 60


def test_wheels_are_unpacked(build, tmp_path):
    folder = build(content=BUILD.replace("* weight", ""))
    wheel = tmp_path / "bnfast-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(folder / "bnfast" / "__init__.py", "bnfast/__init__.py")
    (case,) = compare(wheel, wheel, [CASE]).cases
    assert f"{wheel}: WrongAnswerError" in case.judgement.reason
    with folder_of(wheel) as unpacked:
        assert (unpacked / "bnfast" / "__init__.py").is_file()
    assert not unpacked.exists()


@pytest.mark.parametrize("name", ["missing", "empty", "missing.whl"])
def test_other_places_are_refused(name, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(CannotMeasureError, match=f"holds bnfast, or a wheel, got .*{name}"):
        compare("installed", tmp_path / name, [CASE])


def test_another_bnfast_is_not_taken_for_the_build(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(ImportError, match=r"bnfast was imported from .*, not from"):
        worker.import_build(tmp_path)


def test_processes_have_fixed_addresses(build):
    personality = Path("/proc/self/personality")
    setarch = subprocess.run(["setarch", "-R", "true"], check=False) if personality.exists() else 1
    if not personality.exists() or setarch.returncode:
        pytest.skip("this system does not fix addresses")
    with Worker(build()) as own:
        assert own.failure() is None
        said = Path(f"/proc/{own._process.pid}/personality").read_text()
        assert int(said, 16) & worker._ADDR_NO_RANDOMIZE


def test_worker_ends_with_its_input(build):
    own = Worker(build())
    with own:
        assert own.failure() is None
    assert own._process.returncode == 0
