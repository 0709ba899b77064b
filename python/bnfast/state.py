"""Loading a layer's state, with PyTorch's keys and errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["IncompatibleKeys", "load"]

Arrays = Mapping[str, NDArray[Any]]


class IncompatibleKeys(NamedTuple):
    """Keys that `BatchNorm.load_state_dict` did not find, and those it did not know."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def load(own: Arrays, state: Mapping[str, Any], strict: bool, prefix: str) -> IncompatibleKeys:
    """Copy `state` into the arrays of `own`, all of them or, after an error, none.

    Parameters
    ----------
    own : mapping
        The layer's arrays by name.
    state : mapping
        Arrays by prefixed name; ``num_batches_tracked`` may be missing.
    strict : bool
        Refuse missing and unexpected names.
    prefix : str
        What the layer's names begin with in `state`; other names are not the layer's.

    Returns
    -------
    IncompatibleKeys
        Prefixed names.

    Raises
    ------
    RuntimeError
        Names (with `strict`), shapes or values do not fit.
    """
    given = {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}
    missing = [prefix + k for k in own if k not in given and k != "num_batches_tracked"]
    unexpected = [prefix + k for k in given if k not in own]
    arrays = {name: np.asarray(given[name]) for name in own if name in given}
    errors = _value_errors(own, arrays, prefix)
    if strict:
        errors = _key_errors("Missing", missing) + _key_errors("Unexpected", unexpected) + errors
    if errors:
        lines = "\n\t".join(["Error(s) in loading state_dict for BatchNorm:", *errors])
        raise RuntimeError(lines)
    for name, array in arrays.items():
        own[name][...] = array
    return IncompatibleKeys(missing, unexpected)


def _key_errors(title: str, names: list[str]) -> list[str]:
    listed = ", ".join(f'"{name}"' for name in names)
    return [f"{title} key(s) in state_dict: {listed}. "] if names else []


def _value_errors(own: Arrays, given: Arrays, prefix: str) -> list[str]:
    errors = []
    for name, array in given.items():
        if array.dtype.kind not in "fiu":
            errors.append(f"{prefix}{name} must be an array of real numbers, got {array.dtype}.")
        elif array.shape != own[name].shape:
            errors.append(
                f"size mismatch for {prefix}{name}: copying a param with shape {array.shape} from "
                f"checkpoint, the shape in current model is {own[name].shape}."
            )
    return errors
