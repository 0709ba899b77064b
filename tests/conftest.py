"""Fixtures that several files need, and the figures that tests add to the summary."""

import gc

import pytest

import bnfast

FIGURES = pytest.StashKey[dict[str, list[str]]]()


@pytest.fixture(scope="session")
def torch():
    """PyTorch. Imported late: collecting the tests stays fast."""
    return pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")


@pytest.fixture
def report(pytestconfig):
    """A function of a title and a line, which the summary shows below that title."""

    def add(title, line):
        pytestconfig.stash.setdefault(FIGURES, {}).setdefault(title, []).append(line)

    return add


def pytest_terminal_summary(terminalreporter, config):
    for title, lines in config.stash.get(FIGURES, {}).items():
        terminalreporter.section(title)
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def every_function(tmp_path_factory):
    """The functions of bnfast.cython_bnfast, in an extension that hands them to Python."""
    from extensions import build_copy, loaded  # skips where none can be built

    folder = build_copy("tests/cython", tmp_path_factory.mktemp("cython") / "every_function")
    return loaded(folder, "every_function")


@pytest.fixture
def output_cache():
    """Begin and end with an empty cache of a bound that does not depend on the environment."""
    gc.collect()
    bnfast.empty_cache()
    bnfast.set_output_cache(2**28)
    yield
    bnfast.set_output_cache(None)
    bnfast.empty_cache()
