"""docs/distributed.md: its examples run, each where it is meant to."""

import doctest
import importlib
import inspect
import pickle
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import bnfast
import mpi_jobs
from test_docstrings import described_names, sections

pytestmark = pytest.mark.once

PAGE = Path(__file__).parents[1] / "docs" / "distributed.md"
PROGRAMS = [
    block
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    if not block.startswith(">>>")
]


def program_with(word):
    """Return the page's one program that has this word."""
    (found,) = [program for program in PROGRAMS if word in program]
    return found


def sent(value):
    """Return what arrives on another machine."""
    return pickle.loads(pickle.dumps(value))


def stats_of(part):
    return bnfast.ChannelStats().update(part, num_threads=1)


@pytest.fixture
def names():
    parts = np.array_split(np.random.default_rng(0).normal(5, 2, (90, 8)), 7)
    return {"bnfast": bnfast, "stats_of": stats_of, "parts": parts}


def test_every_program_is_tested():
    assert len(PROGRAMS) == 4


def test_examples_of_the_page():
    pytest.importorskip("dask.array", reason="the page's examples need dask")
    pytest.importorskip("joblib", reason="the page's examples need joblib")
    result = doctest.testfile(str(PAGE), module_relative=False)
    assert result.attempted >= 15
    assert result.failed == 0


def test_ray(monkeypatch, names):
    # In Ray's place: what it does with functions, arguments and results.
    ray = SimpleNamespace(
        remote=lambda function: SimpleNamespace(remote=lambda part: (function, sent(part))),
        get=lambda tasks: [sent(function(part)) for function, part in tasks],
    )
    monkeypatch.setitem(sys.modules, "ray", ray)
    exec(program_with("ray.remote"), names)
    assert names["stats"] == bnfast.ChannelStats.merged(map(stats_of, names["parts"]))


def test_spark(names):
    # In Spark's place: the parts in four partitions, and a fifth that is empty.
    def collected(function):
        split = [names["parts"][begin::4] for begin in range(4)] + [[]]
        return [sent(stats) for rows in split for stats in function(iter(map(sent, rows)))]

    rdd = SimpleNamespace(
        mapPartitions=lambda function: SimpleNamespace(collect=lambda: collected(function))
    )
    context = SimpleNamespace(parallelize=lambda parts, slices: rdd)
    names["spark"] = SimpleNamespace(sparkContext=context)
    exec(program_with("mapPartitions"), names)
    assert names["stats"].count == 90
    whole = np.concatenate(names["parts"])
    np.testing.assert_allclose(names["stats"].mean, whole.mean(0), rtol=1e-13)


def lines_of_ranks(word, tmp_path, ranks=3):
    """Return the lines that the program prints under mpiexec, in rank order."""
    pytest.importorskip("mpi4py", reason="the page's programs need mpi4py")
    program = tmp_path / "program.py"
    program.write_text(program_with(word), encoding="utf-8")
    ended = mpi_jobs.run(ranks, program, options=["-W", "error", "-m", "mpi4py"])
    assert ended.status == 0, ended.output
    lines = sorted(ended.output.splitlines())
    assert [line.split()[0] for line in lines] == ["0", "1", "2"]
    return [line.partition(" ")[2] for line in lines]


def test_statistics_over_mpi(tmp_path):
    assert lines_of_ranks("allreduce(own)", tmp_path) == ["10000 [5. 5. 5.]"] * 3


def test_training_over_mpi(tmp_path):
    lines = lines_of_ranks("SyncBatchNorm(3", tmp_path)
    assert lines[0].startswith("10 ")
    assert lines == lines[:1] * 3


@pytest.mark.parametrize(
    "package, module, names",
    [
        ("dask", "bnfast.dask", ["channel_stats", "standardize"]),
        ("mpi4py", "bnfast.mpi", ["SyncBatchNorm", "allreduce"]),
    ],
)
def test_docstrings_are_complete(package, module, names):
    pytest.importorskip(package, reason=f"{module} needs {package}")
    found = importlib.import_module(module)
    assert found.__all__ == names
    for public in (getattr(found, name) for name in names):
        text = sections(public.__doc__)
        assert {"Parameters", "Examples"} <= set(text)
        assert {"Raises", "Returns"} <= set(text) or isinstance(public, type)
        assert described_names(text["Parameters"]) == list(inspect.signature(public).parameters)
