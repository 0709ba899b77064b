"""Time a case in pytest-benchmark, its peers and its limit beside it; check answers first."""

import pytest

import bnfast
from bnfast.bench.cases import layer_selection, network_cases
from bnfast.bench.interleave import Effort
from bnfast.bench.known import known_case
from bnfast.bench.measure import checked_calls, take_turns
from bnfast.bench.operations import make_problem
from bnfast.bench.quartiles import Quartiles
from bnfast.bench.saved import SavedCase
from bnfast.bench.shapes import NETWORKS
from bnfast.bench.summary import summary_of
from bnfast.bench.threads import using_threads

KNOWN = pytest.StashKey[list]()
TOLD = pytest.StashKey[list]()


def pytest_addoption(parser):
    group = parser.getgroup("bnfast")
    group.addoption(
        "--network",
        action="append",
        choices=[*NETWORKS, "all"],
        help="time all shapes of this network, not few typical ones (may be repeated)",
    )
    group.addoption("--network-batch", type=int, default=32, help="their batch size (default: 32)")
    group.addoption("--case-seconds", type=float, default=0.7, help="for each case (default: 0.7)")


def pytest_generate_tests(metafunc):
    if "layer_case" in metafunc.fixturenames:
        metafunc.parametrize("layer_case", layer_cases(metafunc.config), ids=lambda case: case.name)


def layer_cases(config):
    names, threads = config.getoption("--network"), bnfast.get_num_threads()
    if not names:
        return layer_selection(threads)
    names = list(NETWORKS) if "all" in names else names
    return network_cases(names, config.getoption("--network-batch"), sorted({1, threads}))


@pytest.fixture
def time_case(benchmark, pytestconfig, tell):
    """A function of a case: pytest-benchmark times bnfast, and extra_info tells all else."""

    def run(case):
        with using_threads(case.threads):
            problem = make_problem(case.layout, case.shape)
            own, peers = checked_calls(case, problem)
            for name, reason in peers.left_out.items():
                tell(f"{case.name}: {name} is left out: {reason}")
            if not benchmark.disabled:
                effort = Effort(seconds=pytestconfig.getoption("--case-seconds"))
                found = take_turns(case, problem, own, peers, effort)
                benchmark.extra_info.update(found.extra_info())
                saved = SavedCase(case.name, Quartiles.of(found.seconds), benchmark.extra_info)
                pytestconfig.stash.setdefault(KNOWN, []).append(known_case(saved))
            benchmark.group = case.operation
            benchmark(own)

    return run


@pytest.fixture
def tell(pytestconfig):
    """A function of a line, which the summary shows."""
    return pytestconfig.stash.setdefault(TOLD, []).append


def pytest_terminal_summary(terminalreporter, config):
    for line in config.stash.get(TOLD, []):
        terminalreporter.write_line(line)
    known = config.stash.get(KNOWN, [])
    if known:
        terminalreporter.section("bnfast, its peers and the limit, taking turns")
        terminalreporter.write_line(summary_of(known))
