"""In one process with PyTorch and scikit-learn, in every order of import: right results of all
three, and no thread count but one's own is changed. Each case is a process of its own."""

import itertools
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

NEEDED = {"torch": "torch", "sklearn": "scikit-learn", "threadpoolctl": "threadpoolctl"}
MISSING = [package for name, package in NEEDED.items() if find_spec(name) is None]

pytestmark = [
    pytest.mark.once,
    pytest.mark.aside,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts threads in /proc"),
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]

ORDERS = list(itertools.permutations(["bnfast", "torch", "sklearn"]))
PROGRAM = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
import coexistence
"""


def run(order, *functions):
    calls = [f"coexistence.{function}()" for function in functions]
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM + "\n".join(calls), *order],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,  # a hang is a failure; a busy machine is not
    )
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("order", ORDERS, ids=", ".join)
def test_results_and_thread_counts_in_every_order(order):
    run(order, "take_turns", "set_one_by_one")


def test_pytorch_in_one_thread_leaves_bnfast_its_threads():
    run(["torch", "bnfast"], "use_threads_where_torch_has_one")


def test_at_the_same_time_and_in_a_forked_child():
    run(["bnfast", "torch"], "work_at_the_same_time", "work_in_a_forked_child")
