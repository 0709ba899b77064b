"""Reading and comparing saved runs."""

import math

import pytest

import saved_runs
from bnfast.bench import NotSavedError, Ratio, Thresholds, Verdict, compare, load
from bnfast.bench.quartiles import Quartiles
from bnfast.bench.saved import load_all
from saved_runs import benchmark, layer

pytestmark = pytest.mark.once
NAME = "training-NCHW-8x4x5x6-2t"
FULL_NAME = f"bench/bench_x.py::{NAME}"


@pytest.fixture
def write(tmp_path):
    """A function that writes a run and returns its path."""

    def write(name, benchmarks, **changes):
        return saved_runs.write(tmp_path / f"{name}.json", saved_runs.run(benchmarks, **changes))

    return write


def verdict_of(comparison):
    (case,) = comparison.cases
    return case.judgement.verdict, case.judgement.reason


def test_load(write):
    run = load(write("a", [benchmark("test_a", 2e-3, extra={"figure": 7})]))
    assert run.label == "01234567 2026-07-01 10:00"
    assert run.cpu == "A processor"
    (case,) = run.cases.values()
    assert case.name == "bench/bench_x.py::test_a"
    assert case.times == Quartiles(2e-3 * 0.99, 2e-3, 2e-3 * 1.01, 40)
    assert case.extra == {"figure": 7}


def test_a_commit_that_is_no_hash_is_shown_whole(write):
    assert load(write("a", [], commit="unversioned")).label.startswith("unversioned 2026")


@pytest.mark.parametrize("content", ["", "[]", "{}", "3", '{"benchmarks": []}', '{"datetime": 3}'])
def test_other_files_are_refused(content, tmp_path):
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(NotSavedError, match=r"expected a file that .* has saved, got .*other.json"):
        load(path)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"median": 0.0}, "median must be finite and above 0, got 0.0"),
        ({"q1": -1e-3}, "q1 must be finite and above 0, got -0.001"),
        ({"q3": float("inf")}, "q3 must be finite and above 0, got inf"),
        ({"median": float("nan")}, "median must be finite and above 0, got nan"),
        ({"q1": 2e-3}, "quartiles must be in order, got 0.002, 0.001 and"),
        ({"rounds": 0}, "rounds must be finite and above 0, got 0"),
    ],
)
def test_times_that_are_none_are_refused(changes, message, write):
    saved = benchmark("test_a", 1e-3)
    saved["stats"] |= changes
    path = write("a", [saved])
    with pytest.raises(NotSavedError, match=f"got .*a.json.*: bench/bench_x.py::test_a: {message}"):
        load(path)


def test_extra_figures_must_have_names(write):
    with pytest.raises(NotSavedError, match=r"test_a: extra_info must be an object, got \[1\]"):
        load(write("a", [benchmark("test_a", extra=[1])]))


def test_a_limit_without_times_is_no_control(write):
    limit = {"seconds": {"q1": 0, "median": 0, "q3": 0, "rounds": 5}}
    path = write("a", [benchmark("a", extra={"limit": limit})])
    assert "no control" in verdict_of(compare(path, path))[1]


def test_missing_files_are_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "missing.json")


def test_folders_are_searched_and_the_oldest_comes_first(write, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "other.json").write_text("{}")
    write("deep/a", [], day=3)
    write("b", [], day=1)
    last = write("c", [], day=2)
    assert [run.when.day for run in load_all([tmp_path])] == [1, 2, 3]
    assert [run.when.day for run in load_all([tmp_path / "deep", last])] == [2, 3]
    with pytest.raises(NotSavedError):
        load_all([tmp_path / "other.json"])


@pytest.mark.parametrize(
    "factor, verdict", [(1.0, Verdict.OK), (0.5, Verdict.OK), (1.1, Verdict.REGRESSION)]
)
def test_a_steady_memory_is_the_control(factor, verdict, write):
    old = write("old", [layer(share=0.8)])
    new = write("new", [layer(share=0.8 / factor)], day=2)
    comparison = compare(old, new)
    assert verdict_of(comparison)[0] is comparison.verdict is verdict
    assert comparison.cases[0].ratio.value == pytest.approx(factor)
    assert comparison.cases[0].control.value == pytest.approx(1)


def test_a_memory_that_changed_leaves_it_unclear(write):
    old, new = write("old", [layer(limit=1e-3)]), write("new", [layer(limit=1.1e-3)])
    verdict, reason = verdict_of(compare(old, new))
    assert verdict is Verdict.UNCLEAR
    assert "the control, which should be 1, is 1.100" in reason


def test_another_processor_leaves_it_unclear(write):
    old, new = write("old", [layer()]), write("new", [layer()], cpu="Another")
    assert verdict_of(compare(old, new)) == (Verdict.UNCLEAR, "the processors differ")
    assert compare(old, new, trust_times=True).verdict is Verdict.UNCLEAR


def test_times_alone_are_judged_only_if_trusted(write):
    old, new = write("old", [benchmark("a", 1e-3)]), write("new", [benchmark("a", 1.2e-3)])
    verdict, reason = verdict_of(compare(old, new))
    assert verdict is Verdict.UNCLEAR
    assert "no control" in reason
    assert compare(old, new, trust_times=True).verdict is Verdict.REGRESSION
    assert compare(new, old, trust_times=True).verdict is Verdict.OK


def test_times_that_scatter_leave_it_unclear(write):
    old = write("old", [benchmark("a", 1e-3, spread=0.3, rounds=5)])
    new = write("new", [benchmark("a", 1.1e-3, spread=0.3, rounds=5)])
    assert compare(old, new, trust_times=True).verdict is Verdict.UNCLEAR


def test_thresholds(write):
    old, new = write("old", [layer(share=0.8)]), write("new", [layer(share=0.7)])
    assert compare(old, new).verdict is Verdict.REGRESSION
    assert compare(old, new, thresholds=0.2).verdict is Verdict.OK
    by_case = Thresholds(0.05, (("*training*", 0.2),))
    assert compare(load(old), load(new), thresholds=by_case).verdict is Verdict.OK


def test_text_and_figures(write):
    old = write("old", [layer(share=0.8), benchmark("gone")])
    new = write("new", [layer(share=0.6), benchmark("new")], day=2)
    comparison = compare(old, new)
    assert comparison.missing == ["bench/bench_x.py::gone"]
    assert comparison.added == ["bench/bench_x.py::new"]
    text = comparison.text()
    assert "old: 01234567 2026-07-01" in text
    assert f"{FULL_NAME}: regression: 1.333" in text
    assert "bench/bench_x.py::gone: unclear: not in the new one" in text
    assert "bench/bench_x.py::new: not in the old one" in text
    assert text.endswith("verdict: regression")
    figures = comparison.figures()
    assert figures["verdict"] == "regression"
    assert (figures["missing"], figures["added"]) == (comparison.missing, comparison.added)
    assert figures["cases"][0]["name"] == FULL_NAME
    assert figures["cases"][0]["ratio"]["ratio"] == pytest.approx(4 / 3)


def test_nothing_in_common_is_unclear(write):
    comparison = compare(write("old", [benchmark("a")]), write("new", [benchmark("b")]))
    assert comparison.verdict is Verdict.UNCLEAR


def test_times_that_scatter_over_decades_have_no_bounds():
    times = Quartiles(1e-9, 1e-6, 1.0, 5)
    assert times.over(times) == Ratio(1.0, 0.0, math.inf)


def test_interval_of_medians_narrows_with_the_rounds():
    def spread(rounds):
        times = Quartiles(0.9, 1.0, 1.1, rounds)
        return times.over(times).spread

    assert spread(100) == pytest.approx(spread(25) / 2, rel=0.01)
    assert Quartiles(1, 1, 1, 5).over(Quartiles(2, 2, 2, 5)).figures() == {
        "ratio": 0.5,
        "low": 0.5,
        "high": 0.5,
    }
