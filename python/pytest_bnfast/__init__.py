"""A pytest plugin: the fixture `paired_benchmark`.

Outside the package bnfast, so that pytest can load it at its start without importing NumPy.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from bnfast.bench.fixture import PairedBenchmark

_FOUND = pytest.StashKey[list[str]]()


@pytest.fixture
def paired_benchmark(request: pytest.FixtureRequest) -> "PairedBenchmark":
    """Time a candidate against a baseline; fail if it is slower, skip if that cannot be told.

    ``paired_benchmark(candidate, baseline, threshold=0.05)`` returns a `bnfast.bench.Paired`; see
    `bnfast.bench.fixture.PairedBenchmark`. All ratios are listed in the summary.
    """
    from bnfast.bench.fixture import PairedBenchmark

    found = request.config.stash.setdefault(_FOUND, [])
    return PairedBenchmark(request.node.name, found.append)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """List the ratios that were measured."""
    found = config.stash.get(_FOUND, [])
    if found:
        terminalreporter.section("paired benchmarks: time of the candidate / of the baseline")
    write: Callable[[str], None] = terminalreporter.write_line
    for line in found:
        write(line)
