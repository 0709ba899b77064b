"""A layer's state, with PyTorch's keys and errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["IncompatibleKeys", "Stateful", "load"]

Arrays = Mapping[str, NDArray[Any]]


class IncompatibleKeys(NamedTuple):
    """Keys that `BatchNorm.load_state_dict` did not find, and those it did not know."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Stateful:
    """The state of a layer by PyTorch's names."""

    weight: NDArray[Any] | None
    bias: NDArray[Any] | None
    running_mean: NDArray[Any] | None
    running_var: NDArray[Any] | None
    num_batches_tracked: int
    track_running_stats: bool

    def state_dict(self, prefix: str = "") -> dict[str, NDArray[Any]]:
        """Return the state by PyTorch's names.

        Parameters
        ----------
        prefix : str
            Put before every name.

        Returns
        -------
        dict
            The layer's own arrays, not copies; those that it does not have are absent.
        """
        return {prefix + name: value for name, value in self._state().items()}

    def _state(self) -> dict[str, NDArray[Any]]:
        state = {
            "weight": self.weight,
            "bias": self.bias,
            "running_mean": self.running_mean,
            "running_var": self.running_var,
        }
        if self.track_running_stats:
            state["num_batches_tracked"] = np.array(self.num_batches_tracked, np.int64)
        return {name: value for name, value in state.items() if value is not None}

    def load_state_dict(
        self, state: Mapping[str, Any], strict: bool = True, prefix: str = ""
    ) -> IncompatibleKeys:
        """Take over the state that `state_dict`, or a PyTorch layer's, has returned.

        Parameters
        ----------
        state : mapping
            Arrays by name. ``num_batches_tracked`` may be missing, as in old files.
        strict : bool
            Refuse missing and unexpected names.
        prefix : str
            What the layer's names begin with; other names are not the layer's.

        Returns
        -------
        IncompatibleKeys
            The names that were missing or unexpected.

        Raises
        ------
        RuntimeError
            Names (with `strict`) or shapes do not fit. Nothing has been changed then.
        """
        own = self._state()
        result = load(own, state, strict, prefix)
        if self.track_running_stats:
            self.num_batches_tracked = int(own["num_batches_tracked"])
        return result


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
