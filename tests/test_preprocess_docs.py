"""The documentation of bnfast.preprocess: its examples run, its docstrings are complete."""

import doctest
import inspect
from pathlib import Path

import pytest

from bnfast import preprocess
from test_docstrings import described_names, sections

pytestmark = pytest.mark.once

PAGE = Path(__file__).parents[1] / "docs" / "preprocess.md"
CALLABLES = {
    "normalize": preprocess.normalize,
    "to_batch": preprocess.to_batch,
    "denormalize": preprocess.denormalize,
    "Normalizer": preprocess.Normalizer,
    "Normalizer.from_stats": preprocess.Normalizer.from_stats,
    "Normalizer.__call__": preprocess.Normalizer.__call__,
    "Normalizer.to_batch": preprocess.Normalizer.to_batch,
    "Normalizer.denormalize": preprocess.Normalizer.denormalize,
}


def test_examples_of_the_page():
    result = doctest.testfile(str(PAGE), module_relative=False)
    assert result.attempted >= 10
    assert result.failed == 0


def test_all_names_what_is_there():
    assert sorted(preprocess.__all__) == preprocess.__all__
    assert [name for name in preprocess.__all__ if not hasattr(preprocess, name)] == []
    constants = {name for name in preprocess.__all__ if name.isupper()}
    assert len(constants) == 6
    assert all(len(getattr(preprocess, name)) == 3 for name in constants)


@pytest.mark.parametrize("name", CALLABLES)
def test_parameters_are_those_of_the_signature(name):
    found = CALLABLES[name]
    documented = described_names(sections(found.__doc__)["Parameters"])
    signature = [n for n in inspect.signature(found).parameters if n != "self"]
    assert documented == signature


@pytest.mark.parametrize("name", [name for name in CALLABLES if "." not in name])
def test_docstrings_are_complete(name):
    has = set(sections(CALLABLES[name].__doc__))
    assert {"Parameters", "Raises", "Examples"} <= has
    assert {"Returns", "Attributes"} & has
