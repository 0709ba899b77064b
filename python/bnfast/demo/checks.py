"""A checked result: how far it is from the reference, and how far it may be."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bnfast.demo.tables import table

FLOAT64_UNIT = 2.2e-16
LIMIT = 8.0


@dataclass(frozen=True)
class Check:
    """A measured value that must not exceed its limit; NaN fails."""

    name: str
    measured: float
    limit: float = LIMIT
    unit: str = "x 1.2e-7"

    @property
    def ok(self) -> bool:
        """Whether the check passed."""
        return self.measured <= self.limit

    def figures(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "name": self.name,
            "measured": self.measured,
            "limit": self.limit,
            "unit": self.unit,
            "ok": self.ok,
        }


def checks_table(checks: Sequence[Check]) -> str:
    """Return a table with a line for each check, ending in ok or FAILED."""
    rows = [
        (
            check.name,
            f"{check.measured:.3g}",
            f"{check.limit:.3g}",
            check.unit,
            "ok" if check.ok else "FAILED",
        )
        for check in checks
    ]
    return table(("check", "max error", "limit", "unit", ""), rows)
