"""``bnfast bench``: what it prints, writes, and how it exits."""

import json
from dataclasses import replace

import pytest

import saved_runs
from bnfast.bench import peers
from bnfast.bench.comparison import ComparedCase, Comparison
from bnfast.bench.measure import measure
from bnfast.bench.ratio import Ratio
from bnfast.bench.tolerance import WrongAnswerError
from bnfast.bench.verdict import Judgement, Verdict
from bnfast.bench.workers import CannotMeasureError
from bnfast.cli import main
from bnfast.cli.bench import compare, run
from saved_runs import benchmark, layer

pytestmark = pytest.mark.once
SMALL = ["-k", "layer-NCHW-1x64", "--threads", "1", "--seconds", "0.01"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(elsewhere):
    def write(name, benchmarks, **changes):
        content = saved_runs.run(benchmarks, **changes)
        return str(saved_runs.write(elsewhere / f"{name}.json", content))

    return write


def status_of_exit(*arguments):
    with pytest.raises(SystemExit) as caught:
        main(["bench", *arguments])
    return caught.value.code


@pytest.mark.parametrize("command", ["run", "compare", "report"])
def test_help(command, capsys):
    assert status_of_exit(command, "--help") == 0
    assert capsys.readouterr().out.startswith(f"usage: bnfast bench {command} ")


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((), "COMMAND"),
        (("run", "-k", "no-such-case"), "no case matches -k no-such-case"),
        (("run", "--threads", "0"), "expected a whole number of 1 or more, got '0'"),
        (("run", "--batch", "x"), "expected a whole number of 1 or more, got 'x'"),
        (("run", "--seconds", "nan"), "expected seconds above 0, got 'nan'"),
        (("run", "--seconds", "x"), "expected seconds above 0, got 'x'"),
        (("run", "--network", "vgg"), "vgg"),
        (("run", "--shape", "32"), "expected N, C and more, as 32x64x56x56, got '32'"),
        (("run", "--shape", "3x-2"), "expected a whole number of 1 or more, got '-2'"),
        (("compare", "--threshold=-1%"), "expected a share as 0.05 or 5%, got '-1%'"),
        (("compare", "--threshold", "a=b"), "expected a share as 0.05 or 5%, got 'b'"),
        (("compare", "old.json"), "OLD and NEW must be two builds or two saved runs"),
        (("compare", "--trust-times"), "not of two builds: --trust-times"),
        (("report", "-o", "saved.json"), "ends in .html or .htm, got 'saved.json'"),
        (("report", "-o", "nowhere/page.html"), "no directory 'nowhere'"),
    ],
)
def test_wrong_usage_ends_2_and_says_what_is_wrong(arguments, message, capsys):
    assert status_of_exit(*arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "compare"])
def test_list_names_the_cases(command, capsys):
    assert main(["bench", command, "--list", "-k", "training-*", "--threads", "3"]) == 0
    names = capsys.readouterr().out.split()
    assert len(names) >= 4
    assert all(name.startswith("training-") for name in names)
    assert main(["bench", command, "--list", "--network", "resnet50", "--batch", "8"]) == 0
    assert "backward-NHWC-8x2048x7x7-" in capsys.readouterr().out
    assert main(["bench", command, "--list", "--network", "all", "--threads", "1"]) == 0
    assert "moments-NCHW-32x1280x7x7-1t" in capsys.readouterr().out
    assert main(["bench", command, "--list", "--shape", "2x3x4", "--threads", "1"]) == 0
    assert capsys.readouterr().out.split()[::7] == [
        "training-NCHW-2x3x4-1t",
        "moments-NHWC-2x3x4-1t",
    ]


@pytest.fixture
def steady(monkeypatch):
    """Whatever the machine does, controls are 1."""

    def steadily(case, effort, peers):
        return replace(measure(case, effort, peers=peers), control=Ratio(1, 1, 1))

    monkeypatch.setattr(run, "measure", steadily)


def test_run_prints_a_table_and_saves(elsewhere, steady, capsys):
    assert main(["bench", "run", *SMALL]) == 0
    output = capsys.readouterr()
    (path,) = elsewhere.glob(".benchmarks/*.json")
    assert "layer-NCHW-1x64-1t" in output.out
    assert f"saved: .benchmarks/{path.name}" in output.out
    assert output.err == ""
    assert main(["bench", "report"]) == 0
    assert "page: bnfast-bench.html" in capsys.readouterr().out
    assert (elsewhere / "bnfast-bench.html").read_text().startswith("<!doctype html>")


def test_run_with_one_value_per_channel_leaves_training_out(steady, capsys):
    arguments = ["--shape", "1x64", "--threads", "1", "--seconds", "0.01", "--no-peers", "--json"]
    assert main(["bench", "run", *arguments]) == 0
    names = [found["name"] for found in json.loads(capsys.readouterr().out)["benchmarks"]]
    assert names == [f"{name}-NCHW-1x64-1t" for name in ("inference", "backward", "moments")]


def test_run_as_json_into_a_file(elsewhere, steady, capsys):
    arguments = ["bench", "run", *SMALL, "--no-peers", "--json", "-o", "here/figures.json"]
    assert main(arguments) == 0
    printed = json.loads(capsys.readouterr().out)["benchmarks"]
    saved = json.loads((elsewhere / "here" / "figures.json").read_text())["benchmarks"]
    assert printed == saved
    assert saved[0]["extra_info"]["peers"] == {}


FIRST, SECOND = ("layer-NCHW-1x64-1t", "layer-NCHW-1x256x14x14-1t")
TWO = ["-k", "layer-*", "--threads", "1", "--seconds", "0.01", "-o", "saved.json"]
ENDS = {
    "wrong": (WrongAnswerError("bnfast: the error is 9"), 1, f"{SECOND}: bnfast: the error is 9"),
    "memory": (MemoryError(), 3, f"{SECOND}: not enough memory"),
    "mapping": (OSError(12, "No room"), 3, f"{SECOND}: [Errno 12] No room"),
    "interrupted": (KeyboardInterrupt(), 3, "interrupted after 1 of 2 cases"),
}


@pytest.fixture
def ends(monkeypatch):
    """A function of an error that a case's measurement, that of the second layer, ends with."""

    def ends(error):
        def measured(case, effort, peers):
            if case.name == SECOND:
                raise error
            return measure(case, effort, peers=peers)

        monkeypatch.setattr(run, "measure", measured)

    return ends


def saved_names(path):
    return [found["name"] for found in json.loads(path.read_text())["benchmarks"]]


@pytest.mark.parametrize("error, status, message", ENDS.values(), ids=ENDS)
def test_run_that_ends_early_saves_what_it_has(error, status, message, elsewhere, ends, capsys):
    ends(error)
    assert main(["bench", "run", *TWO]) == status
    output = capsys.readouterr()
    assert f"bnfast bench run: {message}\n" in output.err
    assert "saved: saved.json" in output.out
    assert saved_names(elsewhere / "saved.json") == [FIRST]
    assert [path.name for path in elsewhere.iterdir()] == ["saved.json"]


@pytest.mark.parametrize("error, status, message", ENDS.values(), ids=ENDS)
def test_run_that_measures_nothing_saves_nothing(error, status, message, elsewhere, ends, capsys):
    ends(error)
    assert main(["bench", "run", *TWO[2:], "-k", SECOND]) == status
    assert capsys.readouterr().out == ""
    assert list(elsewhere.iterdir()) == []


def test_run_that_fails_in_another_way_saves_what_it_has(elsewhere, ends):
    ends(RuntimeError("of a peer"))
    with pytest.raises(RuntimeError, match="of a peer"):
        main(["bench", "run", *TWO])
    assert saved_names(elsewhere / "saved.json") == [FIRST]


def test_run_names_the_peers_that_it_leaves_out(elsewhere, steady, monkeypatch, capsys):
    def lazy(operation, problem):
        return {"NumPy": lambda: problem.out}

    def broken(operation, problem):
        raise ImportError("libtorch.so:\nno such file")

    monkeypatch.setattr(peers, "numpy_calls", lazy)
    monkeypatch.setattr(peers, "pytorch_calls", broken)
    assert main(["bench", "run", *TWO]) == 0
    said = capsys.readouterr().err.splitlines()
    start = f"is left out of 2 of 2 cases; of {FIRST}"
    assert any(line.startswith(f"bnfast bench run: NumPy {start}: WrongAnswer") for line in said)
    assert f"bnfast bench run: PyTorch {start}: ImportError: libtorch.so: no such file" in said
    for found in json.loads((elsewhere / "saved.json").read_text())["benchmarks"]:
        assert not {"NumPy", "PyTorch"} & set(found["extra_info"]["peers"])
        assert {"NumPy", "PyTorch"} <= set(found["extra_info"]["left_out"])


@pytest.mark.parametrize(
    "output, message",
    [
        ("file/figures.json", "File exists: 'file'"),
        (".", "Is a directory: '.'"),
        ("/dev/null", "expected a regular file to replace, got '/dev/null'"),
    ],
)
def test_run_that_cannot_write_before_it_measures_ends_3(
    output, message, elsewhere, monkeypatch, capsys
):
    (elsewhere / "file").write_text("")
    monkeypatch.setattr(run, "measure", lambda *arguments, **more: pytest.fail("measured first"))
    assert main(["bench", "run", *SMALL, "-o", output]) == 3
    assert message in capsys.readouterr().err


def test_run_that_cannot_save_says_so(elsewhere, monkeypatch, capsys):
    def vanishing(case, effort, peers):
        (elsewhere / "here").rmdir()
        return measure(case, effort, peers=peers)

    monkeypatch.setattr(run, "measure", vanishing)
    assert main(["bench", "run", *SMALL, "-o", "here/saved.json"]) == 3
    assert "No such file or directory: 'here'" in capsys.readouterr().err


def test_run_whose_controls_fail_ends_3_but_saves(elsewhere, monkeypatch, capsys):
    def shaken(case, effort, peers):
        return replace(measure(case, effort, peers=peers), control=Ratio(1, 0.8, 1.1))

    monkeypatch.setattr(run, "measure", shaken)
    assert main(["bench", "run", *SMALL, "--no-peers", "-o", "saved.json"]) == 3
    output = capsys.readouterr()
    assert "1 of 1 controls are not steady" in output.err
    assert "1.00?" in output.out
    assert (elsewhere / "saved.json").exists()


@pytest.mark.parametrize(
    "factor, arguments, status",
    [
        (1.0, [], 0),
        (1.2, [], 1),
        (1.2, ["--threshold", "30%"], 0),
        (1.2, ["--threshold", "0.5", "--threshold", "*training*=2%"], 1),
    ],
)
def test_compare_saved_runs(factor, arguments, status, write, capsys):
    old, new = write("old", [layer(share=0.6)]), write("new", [layer(share=0.6 / factor)])
    assert main(["bench", "compare", old, new, *arguments]) == status
    assert "verdict: " in capsys.readouterr().out
    assert main(["bench", "compare", old, new, *arguments, "--json"]) == status
    assert json.loads(capsys.readouterr().out)["cases"][0]["ratio"]["ratio"] > 0


def test_compare_chosen_cases_of_saved_runs(write, capsys):
    old = write("old", [layer(share=0.6), benchmark("test_b"), benchmark("gone")])
    new = write("new", [layer(share=0.6), benchmark("test_b"), benchmark("added")])
    assert main(["bench", "compare", old, new, "-k", "training-*"]) == 0
    assert "test_b" not in capsys.readouterr().out
    assert main(["bench", "compare", old, new, "--list"]) == 0
    names = [f"bench/bench_x.py::{name}" for name in ("training-NCHW-8x4x5x6-2t", "test_b")]
    assert capsys.readouterr().out.split() == names
    assert main(["bench", "compare", old, new, "--list", "-k", "gone", "-k", "test_"]) == 0
    assert capsys.readouterr().out.split() == names[1:]
    assert main(["bench", "compare", old, new, "--list", "-k", "gone"]) == 0
    assert capsys.readouterr().out == ""
    assert status_of_exit("compare", old, new, "-k", "no-such-case") == 2
    assert "no case matches -k no-such-case" in capsys.readouterr().err


def test_compare_saved_runs_of_which_the_new_lacks_a_case(write, capsys):
    old, new = write("old", [layer(), layer("moments-NCHW-8x4-1t")]), write("new", [layer()])
    assert main(["bench", "compare", old, new]) == 3
    assert "moments-NCHW-8x4-1t: unclear: not in the new one" in capsys.readouterr().out
    assert main(["bench", "compare", old, new, "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["missing"] == [
        "bench/bench_x.py::moments-NCHW-8x4-1t"
    ]
    assert main(["bench", "compare", old, new, "-k", "training"]) == 0
    assert main(["bench", "compare", new, old]) == 0
    assert "moments-NCHW-8x4-1t: not in the old one" in capsys.readouterr().out


@pytest.mark.parametrize(
    "option",
    ["--network=all", "--shape=2x3", "--batch=8", "--threads=1", "--seconds=9", "--slow-down=10%"],
)
def test_compare_saved_runs_refuses_options_of_builds(option, write, capsys):
    old = write("old", [layer()])
    assert status_of_exit("compare", old, old, option) == 2
    assert f"not of saved runs: {option.partition('=')[0]}\n" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["compare", "report"])
def test_times_of_zero_end_3(command, write, capsys):
    saved = write("saved", [benchmark("a", 0.0)])
    assert main(["bench", command, saved, saved]) == 3
    assert "a: q1 must be finite and above 0, got 0.0" in capsys.readouterr().err


def test_compare_times_without_a_control(write):
    old, new = write("old", [benchmark("a", 1e-3)]), write("new", [benchmark("a", 2e-3)])
    assert main(["bench", "compare", old, new]) == 3
    assert main(["bench", "compare", old, new, "--trust-times"]) == 1


@pytest.mark.parametrize("names", [("missing.json", "missing.json"), ("missing", "installed")])
def test_compare_what_is_missing_ends_3(names, capsys):
    assert main(["bench", "compare", *names]) == 3
    assert "missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    "verdict, status", [(Verdict.OK, 0), (Verdict.REGRESSION, 1), (Verdict.UNCLEAR, 3)]
)
def test_compare_builds(verdict, status, monkeypatch, capsys):
    asked = {}

    def found(old, new, cases, **more):
        asked.update(more, old=old, new=new, names=[case.name for case in cases])
        judgement = Judgement(verdict, "a reason")
        one = Ratio(1, 1, 1)
        return Comparison(old, new, [ComparedCase("a-case", one, one, judgement)])

    monkeypatch.setattr(compare, "compare_builds", found)
    arguments = [*SMALL, "--threshold", "7%", "--slow-down", "10%"]
    assert main(["bench", "compare", "some-folder", *arguments]) == status
    assert f"verdict: {verdict.value}" in capsys.readouterr().out
    assert (asked["old"], asked["new"]) == ("some-folder", "installed")
    assert asked["names"] == ["layer-NCHW-1x64-1t"]
    assert asked["slower"] == pytest.approx(0.1)
    assert asked["seconds"] == 0.01
    assert asked["thresholds"].of("anything") == pytest.approx(0.07)
    assert main(["bench", "compare", "--shape", "1x64"]) == status
    assert (asked["slower"], asked["seconds"]) == (0, 60)


def test_compare_that_cannot_measure_ends_3(monkeypatch, capsys):
    def fails(*arguments, **more):
        raise CannotMeasureError("no such build")

    monkeypatch.setattr(compare, "compare_builds", fails)
    assert main(["bench", "compare"]) == 3
    assert "no such build" in capsys.readouterr().err


def test_report_does_not_write_over_what_is_saved(write, elsewhere, capsys):
    saved = write("saved", [layer()])
    before = (elsewhere / "saved.json").read_text()
    assert status_of_exit("report", saved, "-o", saved) == 2
    assert (elsewhere / "saved.json").read_text() == before
    assert main(["bench", "report", saved, "-o", "page.HTM"]) == 0


def test_report_prints_the_newest(write, elsewhere, capsys):
    old, new = write("old", [layer(share=0.5)]), write("new", [layer(share=0.75)], day=2)
    assert main(["bench", "report", new, old, "-o", "page.html", "--title", "Mine"]) == 0
    assert "  0.75  " in capsys.readouterr().out
    assert "<h1>Mine</h1>" in (elsewhere / "page.html").read_text()
    assert main(["bench", "report", new, old, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["cpu"] == "A processor"
    assert next(iter(figures["cases"].values()))["share_of_limit"] == 0.75


@pytest.mark.parametrize("arguments", [[], ["missing.json"], ["here"]])
def test_report_of_nothing_ends_3(arguments, elsewhere, capsys):
    (elsewhere / "here").mkdir()
    assert main(["bench", "report", *arguments]) == 3
    assert "bnfast bench report: " in capsys.readouterr().err
    assert not (elsewhere / "bnfast-bench.html").exists()
