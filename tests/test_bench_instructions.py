"""``make instructions``: what is counted, how it is compared with its record, how it exits."""

import json
import re
import shutil
import subprocess
import sys

import pytest

import bnfast
import callgrind
import counted_calls
import instructions
from callgrind import CountError, count, own_instructions

pytestmark = pytest.mark.once
TOOLS = {"compiler": "GCC 1.2.3", "Python": "3.10", "pybind11": "3.0.0"}
# As valgrind 3.19 writes it, shortened: of the library 3 + 40 + 500 instructions, and of what they
# call 6000 in the C library, which called back for 500 of them.
PROFILE = """\
# callgrind format
version: 1
part: 2
desc: Trigger: --dump-before=getpgrp
positions: line
events: Ir
summary: 77543

ob=(1) /usr/lib/libc.so.6
fl=(1) ???
fn=(1) 0x0000000000001000
0 70000
cfn=(4)
cob=(2) /venv/lib/bnfast/_core.cpython-311-x86_64-linux-gnu.so
calls=1 0
0 6543

fn=(2) memset
0 1000
cfn=(5)
cob=(2)
calls=3 0
0 500

ob=(2)
fl=(1)
fn=(4) 0x0000000000002000
0 3
+7 40
cfn=(2)
cob=(1)
calls=1 0
* 6000

fn=(5)
-7 500

ob=(3) /venv/lib/not_bnfast/_core.cpython-311-x86_64-linux-gnu.so
fn=(6)
0 5000
ob=(4) /venv/lib/bnfast/_core.cpython-311-x86_64-linux-gnu.so.backup
fn=(7)
0 1000
totals: 77543
"""
PROGRAM = """\
import sys
sys.path.insert(0, {folder!r})
import numpy as np
import bnfast
from callgrind import begin, end
for size in (8, 80_000):
    x = np.ones((1, 1, size), np.float32)
    begin()
    bnfast.moments(x)
    end()
"""


def test_only_what_the_library_executes_itself_is_summed_up():
    assert own_instructions(PROFILE) == 543


def test_a_call_that_executes_nothing_of_the_library_is_refused():
    with pytest.raises(CountError, match="a call executed nothing of bnfast"):
        own_instructions(PROFILE.replace("/bnfast/", "/other/"))


@pytest.fixture
def valgrind(tmp_path, monkeypatch):
    """A function that puts a program in the place of valgrind."""

    def install(program):
        path = tmp_path / "valgrind"
        path.write_text(f"#!/bin/sh\n{program}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return install


WRITE_PARTS = """\
for option; do case $option in --callgrind-out-file=*) out=${option#*=};; esac; done
for part in 1 2; do cat > $out.$part <<END
ob=(1) /bnfast/_core.so
0 5$part
END
done
echo of what came after > $out
"""


def test_each_call_has_the_part_that_its_end_wrote(valgrind):
    valgrind(WRITE_PARTS)
    assert count(["program"], ["first", "second"]) == {"first": 51, "second": 52}


@pytest.mark.parametrize("names", [["one"], ["one", "two", "three"]])
def test_calls_and_names_must_be_as_many(names, valgrind):
    valgrind(WRITE_PARTS)
    with pytest.raises(CountError, match=f"expected {len(names)} calls, but 2 ended"):
        count(["program"], names)


def test_what_valgrind_says_is_told_if_it_fails(valgrind):
    valgrind("echo unhandled instruction >&2; exit 4")
    with pytest.raises(CountError, match=r"(?s)ended with status 4:.*unhandled instruction"):
        count(["program"], ["name"])


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
@pytest.mark.skipif("v3" not in bnfast.available_isas(), reason="counts are of v3")
def test_counts_are_of_the_call_and_the_same_again(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(folder=str(instructions.PROGRAM.parent)))
    small, large = count([str(program)], ["small", "large"]).values()
    assert 1_000 < small < 20_000
    assert 2.5 < (large - small) / (80_000 / 8) < 40  # instructions for each vector of 8
    again = count([str(program)], ["small", "large"])
    assert list(again.values()) == pytest.approx([small, large], rel=instructions.TOLERANCE)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """A function that runs the command on given counts; returns its status and what it prints."""
    record = tmp_path / "instructions.json"
    recorded = {"tools": TOOLS, "instructions": {"small": 1000, "large": 200_000}}
    record.write_text(json.dumps(recorded))
    monkeypatch.setattr(instructions, "RECORD", record)
    monkeypatch.setattr(instructions, "why_not_here", lambda: None)

    def run(*arguments, tools=TOOLS, **found):
        monkeypatch.setattr(instructions, "tools", lambda: tools)
        monkeypatch.setattr(callgrind, "count", lambda program, names: found)
        return instructions.main(arguments), capsys.readouterr().out

    return run


def test_counts_as_recorded_are_ok(run):
    status, said = run(small=1009, large=199_000)
    assert status == 0
    assert re.search(r"^small +1000 +1009 +\+0\.9%$", said, re.MULTILINE)
    assert re.search(r"^large +200000 +199000 +-0\.5%$", said, re.MULTILINE)
    assert "--accept" not in said


def test_growth_fails_and_says_whose_by_how_much_and_what_to_do(run):
    status, said = run(small=1011, large=200_000)
    assert status == 1
    assert said.endswith(
        "small grew by 1.1%, from 1000 to 1011 instructions\n"
        "If these counts are meant, 'make instructions ARGS=--accept' records them: "
        "commit bench/instructions.json\n"
    )


@pytest.mark.parametrize(
    "found, message",
    [
        ({"small": 1000}, "large is recorded, but not counted any more"),
        ({"small": 1000, "large": 200_000, "more": 5}, "more has no record"),
    ],
)
def test_other_cases_than_the_recorded_fail(found, message, run):
    status, said = run(**found)
    assert status == 1
    assert message in said.splitlines()


def test_fewer_are_ok_with_the_advice_to_record_them(run):
    status, said = run(small=989, large=200_000)
    assert status == 0
    assert "Some counts fell. So that they stay low, 'make instructions ARGS=--accept'" in said


@pytest.mark.parametrize("growth, status", [(1.4, 0), (1.6, 1)])
@pytest.mark.parametrize("tool", TOOLS)
def test_other_tools_may_count_much_more(tool, growth, status, run):
    found, said = run(tools={**TOOLS, tool: "9"}, small=int(1000 * growth), large=200_000)
    assert found == status
    assert said.startswith(
        "Recorded with compiler GCC 1.2.3, Python 3.10, pybind11 3.0.0; here compiler "
    )
    assert f"{tool} 9" in said.splitlines()[0]


def test_accepted_counts_are_the_record_from_then_on(run):
    tools = {**TOOLS, "compiler": "Clang 9"}
    assert run("--accept", tools=tools, small=2000, more=7) == (
        0,
        "2 counts recorded in instructions.json\n",
    )
    status, said = run(tools=tools, small=2000, more=7)
    assert status == 0
    assert "large" not in said


@pytest.mark.parametrize("arguments, status", [([], 0), (["--accept"], 3)])
@pytest.mark.parametrize(
    "isas, path, reason",
    [
        (["v4", "v3"], "/nowhere", "valgrind is not installed"),
        (["neon"], None, "the record is of v3, which does not run on this aarch64"),
    ],
)
def test_where_nothing_can_be_counted_one_line_says_why(
    isas, path, reason, arguments, status, valgrind, monkeypatch, capsys
):
    valgrind("exit 1")
    if path:
        monkeypatch.setenv("PATH", path)
    monkeypatch.setattr(bnfast, "available_isas", lambda: isas)
    monkeypatch.setattr(instructions.platform, "machine", lambda: "aarch64")
    assert instructions.main(arguments) == status
    assert capsys.readouterr() == (f"instructions: not counted: {reason}\n", "")


def test_a_valgrind_that_fails_ends_3(valgrind, monkeypatch, capsys):
    valgrind("echo broken >&2; exit 1")
    monkeypatch.setattr(bnfast, "available_isas", lambda: ["v3"])
    assert instructions.main([]) == 3
    assert "broken" in capsys.readouterr().err


def test_the_record_is_of_the_cases_that_are_counted():
    recorded = json.loads(instructions.RECORD.read_text(encoding="utf-8"))
    assert list(recorded["instructions"]) == [case.name for case in instructions.CASES]
    assert set(recorded["tools"]) == set(instructions.tools())


def test_every_case_is_called_once_between_begin_and_end_and_once_before(monkeypatch):
    steps = []
    for name in ("begin", "end"):
        monkeypatch.setattr(counted_calls, name, lambda name=name: steps.append(name))
    monkeypatch.setattr(counted_calls, "make_problem", lambda layout, shape: (layout, shape))
    monkeypatch.setattr(
        counted_calls, "bnfast_call", lambda build, *what: lambda: steps.append(what)
    )
    counted_calls.main()
    called = [(case.operation, (case.layout, case.shape)) for case in counted_calls.CASES]
    assert steps == [step for call in called for step in (call, "begin", call, "end")]


@pytest.mark.parametrize("name", ["instructions", "compare_revisions"])
def test_scripts_tell_how_they_are_used(name):
    command = [sys.executable, str(instructions.PROGRAM.with_name(f"{name}.py")), "--help"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout.startswith(f"usage: {name}.py")
