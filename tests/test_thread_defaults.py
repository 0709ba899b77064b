"""How many threads a call uses, and why so many: each case in a process of its own."""

import ast
import math
import os
import subprocess
import sys

import pytest

import bnfast

pytestmark = pytest.mark.once
VARIABLES = ("BNFAST_NUM_THREADS", "OMP_NUM_THREADS")
FACTS = "import bnfast; print(bnfast._core.default_threads())"
ON_LINUX = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="affinity and /proc are Linux's"
)


def run(program, environment=None, **keywords):
    clean = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**clean, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        **keywords,
    )


def facts(program=FACTS, environment=None):
    ended = run(program, environment)
    assert ended.returncode == 0, ended.stderr
    return ast.literal_eval(ended.stdout)


@pytest.mark.parametrize(
    "environment, threads",
    [
        ({"BNFAST_NUM_THREADS": "3", "OMP_NUM_THREADS": "5"}, 3),
        ({"BNFAST_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "5"}, 5),
        ({"OMP_NUM_THREADS": "4,2"}, 4),
        ({"BNFAST_NUM_THREADS": "", "OMP_NUM_THREADS": "5"}, 5),
    ],
    ids=str,
)
def test_environment(environment, threads):
    found = facts(environment=environment)
    decisive = next(name for name in VARIABLES if environment.get(name))
    assert (found["threads"], found["source"]) == (threads, decisive)


@pytest.mark.parametrize("text", ["", "many", "0", "-2"])
def test_without_a_wish_the_cpus_of_this_process(text):
    found = facts(environment={"OMP_NUM_THREADS": text})
    assert found["affinity"] == facts()["affinity"] >= 1
    quota = found["cgroup_quota"] or math.inf
    limited = quota < found["affinity"]
    assert found["source"] == ("cgroup quota" if limited else "affinity")
    assert found["threads"] == (math.ceil(quota) if limited else found["affinity"])


@ON_LINUX
def test_affinity():
    cpu = min(os.sched_getaffinity(0))
    found = facts(f"import os; os.sched_setaffinity(0, [{cpu}]); {FACTS}")
    assert found["affinity"] == found["threads"] == 1
    wish = {"BNFAST_NUM_THREADS": "2"}
    assert facts(f"import os; os.sched_setaffinity(0, [{cpu}]); {FACTS}", wish)["threads"] == 2


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "3 4", "99999999999"])
def test_a_bad_wish_is_an_error(text):
    ended = run("import bnfast", {"BNFAST_NUM_THREADS": text})
    assert ended.returncode == 1
    message = f"ImportError: BNFAST_NUM_THREADS must be a positive integer, got '{text}'"
    assert message in ended.stderr


def test_setting_wins_and_can_be_taken_back():
    program = """
import bnfast
seen = [bnfast.get_num_threads()]
for threads in (7, 1, None):
    bnfast.set_num_threads(threads)
    seen += [bnfast.get_num_threads(), bnfast._core.default_threads()["source"]]
print(seen)
"""
    wanted = [4, 7, "set_num_threads", 1, "set_num_threads", 4, "BNFAST_NUM_THREADS"]
    assert facts(program, {"BNFAST_NUM_THREADS": "4"}) == wanted


STARTED = """
import os, numpy, bnfast
def started(function, **keywords):
    before = len(os.listdir("/proc/self/task"))
    function(numpy.ones((8, 8, {inner})), **keywords)
    return len(os.listdir("/proc/self/task")) - before
"""


@ON_LINUX
@pytest.mark.parametrize(
    "call, started",
    [
        ("bnfast.moments, num_threads=1", 0),
        ("bnfast.moments, num_threads=3", 2),
        ("bnfast.batch_norm_forward, num_threads=4", 3),
        ("bnfast.standardize, num_threads=2, channel_axis=1", 1),
        ("bnfast.moments", 4),
        ("bnfast.BatchNorm(8)", 4),
    ],
)
def test_so_many_threads_start(call, started):
    program = STARTED.format(inner=20_000) + f"print(started({call}))"
    assert facts(program, {"BNFAST_NUM_THREADS": "5"}) == started


@ON_LINUX
def test_small_calls_start_none():
    program = STARTED.format(inner=4) + "print(started(bnfast.moments, num_threads=8))"
    assert facts(program) == 0


def test_setting_holds_in_this_process():
    default = bnfast.get_num_threads()
    try:
        bnfast.set_num_threads(default + 1)
        assert bnfast.get_num_threads() == default + 1
    finally:
        bnfast.set_num_threads(None)
    assert bnfast.get_num_threads() == default
