"""Calls with too few, too many or misnamed arguments: refused in Python's words, in one line."""

import ast
import inspect
import pickle
import re

import numpy as np
import pytest

import bnfast
from bnfast import _core

pytestmark = pytest.mark.once
X = np.ones((300, 64), np.float32)
C = np.ones(64)
FROZEN = bnfast.Affine(C, C, C)


def arguments_of(text_signature):
    """Return the syntax tree of a signature's arguments, `self` left out."""
    signature = text_signature.replace("$self", "self")
    arguments = ast.parse(f"def f{signature}: ...").body[0].args
    arguments.args = [argument for argument in arguments.args if argument.arg != "self"]
    return arguments


def compiled():
    """Return each function, class and call operator of the module: name, callable, arguments."""
    found = {}
    for name, value in vars(_core).items():
        if isinstance(value, type) and not name.startswith("_") and "__init__" in vars(value):
            found[f"{name}.__init__"] = value, arguments_of(value.__text_signature__)
        elif inspect.isbuiltin(value):
            found[name] = value, arguments_of(value.__text_signature__)
    for callee in (FROZEN, bnfast.BatchNorm(64)):
        arguments = arguments_of(type(callee).__call__.__text_signature__)
        found[f"{type(callee).__name__}.__call__"] = callee, arguments
    return found


def positional(arguments):
    return [argument.arg for argument in arguments.args]


def required(arguments):
    return positional(arguments)[: len(arguments.args) - len(arguments.defaults)]


COMPILED = compiled()


def each(belongs=lambda arguments: True):
    """Parametrize by name, callable and arguments of those whose arguments belong here."""
    cases = [(name, *found) for name, found in COMPILED.items() if belongs(found[1])]
    return pytest.mark.parametrize("name, call, arguments", cases, ids=[case[0] for case in cases])


def message_of(call, *arguments, **keywords):
    with pytest.raises(TypeError) as caught:
        call(*arguments, **keywords)
    assert type(caught.value) is TypeError
    return str(caught.value)


def test_all_is_there():
    public = {name for name in bnfast.__all__ if getattr(_core, name, None) is not None}
    names = {name.removesuffix(".__init__") for name in COMPILED}
    assert len(public) >= 17
    assert public <= names
    assert {"Affine.__call__", "BatchNorm.__call__", "batch_norm_train"} <= names


@each()
def test_unexpected_keyword(name, call, arguments):
    message = message_of(call, *[X] * len(required(arguments)), foo=X)
    assert message == f"{name}() got an unexpected keyword argument 'foo'"


@each(lambda arguments: not arguments.vararg)
def test_too_many_arguments(name, call, arguments):
    message = message_of(call, *[X] * (len(positional(arguments)) + 1))
    # What is given and taken counts `self`.
    takes, given = re.fullmatch(
        rf"{re.escape(name)}\(\) takes (?:from \d+ to )?(\d+) positional arguments?"
        r" but (\d+) (?:was|were) given",
        message,
    ).groups()
    most = len(positional(arguments)) + ("." in name)
    assert (int(takes), int(given)) == (most, most + 1)


@each(required)
def test_missing_arguments(name, call, arguments):
    for count in range(len(required(arguments))):
        missing = required(arguments)[count:]
        message = message_of(call, *[X] * count)
        kind = "argument" if len(missing) == 1 else "arguments"
        expected = f"{name}() missing {len(missing)} required positional {kind}: "
        assert message.startswith(expected)
        assert re.findall(r"'(\w+)'", message) == missing


@each(positional)
def test_arguments_given_twice(name, call, arguments):
    names = positional(arguments)
    for twice in names:
        message = message_of(call, *[X] * len(names), **{twice: X})
        assert message == f"{name}() got multiple values for argument '{twice}'"


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: bnfast.batch_norm(X, foo=1),
            "batch_norm() got an unexpected keyword argument 'foo'",
        ),
        (
            lambda: bnfast.batch_norm(weight=C),
            "batch_norm() missing 1 required positional argument: 'x'",
        ),
        (
            lambda: bnfast.batch_norm(X, C, C, C, weight=C),
            "batch_norm() got multiple values for argument 'weight'",
        ),
        (
            lambda: bnfast.batch_norm(*[X] * 9),
            "batch_norm() takes from 1 to 8 positional arguments but 9 were given",
        ),
        (
            lambda: bnfast.moments(X, 1),
            "moments() takes 1 positional argument but 2 were given",
        ),
        (
            lambda: FROZEN(X, None, 2),
            "Affine.__call__() takes from 2 to 3 positional arguments but 4 were given",
        ),
        (
            lambda: bnfast.Affine(C, shift=C),
            "Affine.__init__() missing 1 required positional argument: 'scale'",
        ),
        (
            bnfast.Affine.__call__,
            "Affine.__call__() missing 2 required positional arguments: 'self' and 'x'",
        ),
    ],
)
def test_messages(call, message):
    assert message_of(call) == message


def test_types_that_do_not_fit_are_told():
    message = message_of(_core.batch_norm_train, X, None, None, C, C, "64", 0.1, 0.0, 1, 1)
    assert message == "num_features must be an integer, got '64' of type str"


def test_errors_of_the_arguments_themselves_stay():
    assert message_of(bnfast.moments, [1.0]) == "x must be an array, got list"


def test_nothing_is_written():
    out = np.zeros_like(X)
    message_of(bnfast.batch_norm, X, C, C, out=out, foo=1)
    assert not out.any()


@each()
def test_docstrings_and_signatures_stay(name, call, arguments):
    documented = bnfast if hasattr(bnfast, name.partition(".")[0]) else _core
    for part in name.removesuffix(".__init__").split("."):
        documented = getattr(documented, part)
    assert documented.__text_signature__
    assert re.match(r"[A-Z].*[.:]", documented.__doc__, re.DOTALL)
    assert "Overloaded" not in documented.__doc__


def test_pickles_stay():
    for function in (bnfast.batch_norm, bnfast.moments):
        assert pickle.loads(pickle.dumps(function)) is function
    assert np.array_equal(pickle.loads(pickle.dumps(FROZEN))(X), FROZEN(X))


def test_keywords_must_be_strings():
    assert message_of(lambda: FROZEN(X, **{1: 2})) == "keywords must be strings"
