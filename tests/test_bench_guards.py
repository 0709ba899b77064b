"""The scripts in bench/: counts of instructions, and the comparison of revisions."""

import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import bnfast
from bnfast.bench.operations import make_problem

pytestmark = pytest.mark.once
BENCH = Path(__file__).parents[1] / "bench"
PROFILE = """\
positions: line
events: Ir

ob=(1) /lib/libc.so.6
fn=(1) memcpy
12 1000

ob=(2) /somewhere/bnfast/_core.cpython-311-x86_64-linux-gnu.so
fl=(3) kernel.cpp
fn=(2) reduce
12 30
+3 4
cob=(1)
cfn=(1)
calls=2 12
* 900
-2 5
fi=(4)
* 1

ob=(3) /somewhere/numpy/_core/_multiarray_umath.cpython-311-x86_64-linux-gnu.so
fn=(4) add
7 500

ob=(2)
fn=(5) map
7 60
"""


@pytest.fixture
def script(monkeypatch):
    """A function that imports a script of bench/."""
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module


@pytest.fixture
def guard(script, tmp_path, monkeypatch):
    """The guard with a record of its own, and counts that are given."""
    module = script("instructions")
    monkeypatch.setattr(module, "RECORD", tmp_path / "record.json")
    monkeypatch.setattr(module.shutil, "which", lambda name: f"/usr/bin/{name}")

    def counting(found):
        monkeypatch.setattr(module, "count", lambda program, names: found)

    module.counting = counting
    return module


def test_own_instructions_are_those_of_the_shared_object(script):
    assert script("callgrind").own_instructions(PROFILE) == 30 + 4 + 5 + 1 + 60


@pytest.mark.parametrize(
    "counted, status, said",
    [
        (1000, 0, "ok"),
        (1019, 0, "ok"),
        (1021, 1, "+2.1%: too many"),
        (900, 0, "ok, -10.0%: --update"),
    ],
)
def test_counts_are_held_to_their_record(counted, status, said, guard, capsys):
    guard.counting({"a": 1000})
    assert guard.main(["--update"]) == 0
    assert guard.main([]) == 0
    guard.counting({"a": counted})
    assert guard.main([]) == status
    assert capsys.readouterr().out.rstrip().endswith(said)


def test_a_case_without_record_fails(guard, capsys):
    guard.counting({"a": 1})
    guard.main(["--update"])
    guard.counting({"a": 1, "b": 2})
    assert guard.main([]) == 1
    assert "no record: --update" in capsys.readouterr().out


def test_records_of_other_compilers_stay(guard):
    guard.RECORD.write_text(json.dumps({"another 1.0": {"a": 7}}))
    guard.counting({"a": 1})
    guard.main(["--update"])
    records = json.loads(guard.RECORD.read_text())
    assert records == {"another 1.0": {"a": 7}, bnfast._core.build_info()["compiler"]: {"a": 1}}


def test_without_record_or_valgrind_nothing_is_measured(guard, monkeypatch, capsys):
    assert guard.main([]) == 3
    assert "no record for " in capsys.readouterr().err
    monkeypatch.setattr(guard.shutil, "which", lambda name: None)
    assert guard.main(["--update"]) == 3
    assert "valgrind is not installed" in capsys.readouterr().err


def test_a_count_that_fails_is_told(guard, monkeypatch, capsys):
    def fails(program, names):
        raise subprocess.CalledProcessError(1, program, stderr=b"bad instruction")

    monkeypatch.setattr(guard, "count", fails)
    assert guard.main(["--update"]) == 3
    assert "bad instruction" in capsys.readouterr().err


def test_the_record_has_every_case(script):
    module = script("instructions")
    records = json.loads(module.RECORD.read_text())
    names = {case.name for case in module.CASES}
    assert records
    assert all(set(record) == names for record in records.values())


def test_counted_arrays_are_aligned(script):
    guard = script("instructions")
    problem = guard.aligned(make_problem("NHWC", (3, 17, 5, 7)))
    for array in vars(problem).values():
        if isinstance(array, np.ndarray):
            assert array.ctypes.data % 64 == 0
    np.testing.assert_array_equal(problem.x, make_problem("NHWC", (3, 17, 5, 7)).x)


def test_cases_run_between_marks(script, monkeypatch):
    guard = script("instructions")
    marks = []
    monkeypatch.setattr(guard, "mark", lambda: marks.append(1))
    assert guard.main(["--run"]) == 0
    assert len(marks) == 2 * len(guard.CASES)


@pytest.fixture
def repository(script, tmp_path, monkeypatch):
    """The script on a repository of its own; pip and the comparison are recorded, not run."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    module = script("compare_revisions")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    module.git("init", "--quiet")
    (tmp_path / "file").write_text("first")
    module.git("add", "file")
    author = ("-c", "user.name=n", "-c", "user.email=e")
    module.git(*author, "commit", "--quiet", "-m", "first")
    (tmp_path / "file").write_text("changed")
    monkeypatch.setattr(module, "asked", [], raising=False)
    run = subprocess.run

    def record(command, **more):
        if "pip" not in command:
            return run(command, **more)
        module.asked.append((Path(command[-1], "file").read_text(), Path(command[-2]).name))
        return None

    monkeypatch.setattr(module.subprocess, "run", record)
    monkeypatch.setattr(module, "bnfast_command", lambda arguments: module.asked.append(arguments))
    return module


def test_both_revisions_are_built_and_compared(repository):
    repository.main(["HEAD", "--seconds", "1"])
    base, candidate, (*command, old, new, option, value) = repository.asked
    assert base[0] == "first"
    assert base[1].startswith("HEAD-")
    assert candidate == ("changed", "checkout")
    assert command == ["bench", "compare"]
    assert (Path(old).name, Path(new).name) == (base[1], "checkout")
    assert (option, value) == ("--seconds", "1")
    assert repository.git("worktree", "list").count("\n") == 0


def test_a_candidate_can_be_a_revision(repository):
    repository.main(["HEAD", "--candidate", "HEAD^{commit}"])
    assert [content for content, _ in repository.asked[:2]] == ["first", "first"]


def test_an_unknown_revision_ends_3(repository, capsys):
    assert repository.main(["no-such-revision"]) == 3
    assert "no-such-revision" in capsys.readouterr().err


def test_scripts_tell_how_they_are_used():
    for name in ("instructions", "compare_revisions"):
        command = [sys.executable, str(BENCH / f"{name}.py"), "--help"]
        ended = subprocess.run(command, capture_output=True, text=True, check=True)
        assert ended.stdout.startswith(f"usage: {name}.py")
