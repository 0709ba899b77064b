"""Docstrings of everything public: complete, true to the signature, and their examples run.

Examples in Python modules are run by pytest itself; those of the compiled module, which its finder
does not see, are run here.
"""

import ast
import doctest
import inspect
import re
from itertools import zip_longest

import pytest

import bnfast
from bnfast import _core

pytestmark = pytest.mark.once

SECTION = re.compile(r"^(?P<title>[A-Z]\w*(?: \w+)?)\n(?P<line>-+)$", re.MULTILINE)
RETURN_NOTHING = {"set_num_threads", "set_output_cache", "use_isa", "show_config", "show_versions"}


def public():
    """Return everything in ``bnfast.__all__`` with a docstring, and the methods of its classes."""
    found = {name: getattr(bnfast, name) for name in bnfast.__all__ if not name.startswith("_")}
    for name, owner in list(found.items()):
        if isinstance(owner, type) and not issubclass(owner, tuple):
            found |= {
                f"{name}.{method}": getattr(owner, method)
                for base in owner.__mro__
                for method, value in vars(base).items()
                if callable(value) and (method == "__call__" or not method.startswith("_"))
            }
    return found


PUBLIC = public()
TUPLES = {name: found for name, found in PUBLIC.items() if hasattr(found, "_fields")}
CALLABLES = {name: found for name, found in PUBLIC.items() if name not in TUPLES}
COMPILED = {
    name: found
    for name, found in CALLABLES.items()
    if "." not in name and getattr(_core, name, None) is found
}


def sections(docstring):
    """Return the text below each title."""
    docstring = inspect.cleandoc(docstring)
    titles = list(SECTION.finditer(docstring))
    found = {}
    for title, after in zip_longest(titles, titles[1:]):
        end = after.start() if after else len(docstring)
        assert len(title["line"]) == len(title["title"]), f"underline {title['title']} to its end"
        found[title["title"]] = docstring[title.end() : end].strip("\n")
    return found


def described_names(text):
    """Return the names that a section describes: lines without indentation, before the colon."""
    lines = [line for line in text.splitlines() if line and not line.startswith(" ")]
    return [name.strip() for line in lines for name in line.split(" :")[0].split(",")]


def parameters(found):
    """Return the names of the parameters, `self` left out."""
    signature = getattr(found, "__text_signature__", None)
    if signature is None:
        return [name for name in inspect.signature(found).parameters if name != "self"]
    arguments = ast.parse(f"def f{signature.replace('$self', 'self')}: ...").body[0].args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return [argument.arg for argument in named if argument.arg != "self"]


def test_the_lists_are_not_empty():
    assert len(COMPILED) >= 14
    assert {"BatchNorm.backward", "Affine.__call__"} <= set(CALLABLES)
    assert {"Moments", "BatchNormForward", "BatchNormGradients"} == set(TUPLES)


@pytest.mark.parametrize("name", CALLABLES)
def test_parameters_are_those_of_the_signature(name):
    documented = described_names(sections(CALLABLES[name].__doc__).get("Parameters", ""))
    assert sorted(documented) == sorted(parameters(CALLABLES[name]))


@pytest.mark.parametrize("name", TUPLES)
def test_fields_are_described(name):
    found = TUPLES[name]
    assert tuple(described_names(sections(found.__doc__)["Attributes"])) == found._fields


@pytest.mark.parametrize("name", PUBLIC)
def test_summary_is_a_sentence(name):
    summary = inspect.cleandoc(PUBLIC[name].__doc__).splitlines()
    assert len(summary[0]) <= 100
    paragraph = " ".join(summary).split("  ")[0]
    assert re.match(r"[A-Z].*[.:]", paragraph, re.DOTALL)
    assert "." in paragraph


@pytest.mark.parametrize("name", [name for name in CALLABLES if "." not in name])
def test_functions_and_classes_are_complete(name):
    found = CALLABLES[name]
    has = set(sections(found.__doc__))
    assert "Examples" in has
    if parameters(found):
        assert "Parameters" in has
        if not isinstance(found, type):
            assert "Raises" in has
            assert "Returns" in has or name in RETURN_NOTHING


@pytest.mark.parametrize("name", COMPILED)
def test_examples(name):
    text = inspect.cleandoc(COMPILED[name].__doc__)
    examples = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    assert examples.examples
    said = []
    result = doctest.DocTestRunner(verbose=False).run(examples, out=said.append)
    assert result.failed == 0, "".join(said)
