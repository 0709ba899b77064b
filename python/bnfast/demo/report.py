"""What the parts of the demo have in common, and the report they make together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bnfast.demo.checks import Check


class Part(Protocol):
    """A finished part of the demo."""

    @property
    def name(self) -> str:
        """Its key among the figures."""

    @property
    def checks(self) -> Sequence[Check]:
        """What was checked."""

    def text(self) -> str:
        """Return it for reading: a title, tables and checks."""

    def figures(self) -> Any:
        """Return its numbers, as dictionaries, lists, arrays and scalars."""


@dataclass(frozen=True)
class Report:
    """All parts, and where the picture is."""

    parts: Sequence[Part]
    picture: Path

    @property
    def checks(self) -> list[Check]:
        """The checks of all parts."""
        return [check for part in self.parts for check in part.checks]

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return all(check.ok for check in self.checks)

    def figures(self) -> dict[str, Any]:
        """Return everything as JSON's types; a number that is not finite becomes None."""
        figures: dict[str, Any] = {part.name: part.figures() for part in self.parts}
        figures["checks"] = [check.figures() for check in self.checks]
        figures["ok"] = self.ok
        figures["picture"] = str(self.picture)
        return {name: _plain(value) for name, value in figures.items()}

    def summary(self) -> str:
        """Return the last lines of the demo."""
        failed = [check.name for check in self.checks if not check.ok]
        verdict = f"FAILED: {', '.join(failed)}" if failed else f"all {len(self.checks)} checks ok"
        return f"picture: {self.picture}\n{verdict}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
