"""The table of times: bnfast beside NumPy, PyTorch and a copy of the memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bnfast.demo.checks import Check, checks_table
from bnfast.demo.problem import Layout, Operation
from bnfast.demo.pytorch import AS_CALLED, GIVEN_OUTPUT
from bnfast.demo.tables import table

BNFAST, NUMPY = "bnfast", "NumPy"


@dataclass(frozen=True)
class Timed:
    """One problem's times in seconds: the median of each contender, the best of the copy."""

    operation: Operation
    layout: Layout
    shape: tuple[int, ...]
    bytes_moved: int
    copy_rate: float
    seconds: Mapping[str, float]

    @property
    def shape_text(self) -> str:
        """The shape as N x C x H x W."""
        return "x".join(map(str, self.shape))

    def rate(self, name: str) -> float:
        """Return a contender's bytes per second, of the least that must move."""
        return self.bytes_moved / self.seconds[name]

    def ratio(self, other: str) -> float | None:
        """Return how many times as long as bnfast the other takes; None if not timed."""
        return self.seconds[other] / self.seconds[BNFAST] if other in self.seconds else None

    def figures(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "operation": self.operation,
            "layout": self.layout,
            "shape": self.shape,
            "bytes_moved": self.bytes_moved,
            "bytes_per_second": self.rate(BNFAST),
            "copy_bytes_per_second": self.copy_rate,
            "seconds": dict(self.seconds),
        }

    def row(self) -> list[str]:
        """Return it as a line of the table."""
        factors = (self.ratio(other) for other in (NUMPY, GIVEN_OUTPUT, AS_CALLED))
        return [
            f"{self.operation} {self.layout} {self.shape_text}",
            f"{self.copy_rate / 1e9:.1f}",
            f"{self.seconds[BNFAST] * 1e3:.2f}",
            f"{self.rate(BNFAST) / 1e9:.1f}",
            f"{self.rate(BNFAST) / self.copy_rate:.0%}",
            *("-" if factor is None else f"{factor:.1f}x" for factor in factors),
        ]


@dataclass(frozen=True)
class Times:
    """The table of times."""

    rounds: int
    isa: str
    threads: int
    rows: Sequence[Timed]
    checks: Sequence[Check]

    name = "times"

    def text(self) -> str:
        """Return the table, and the checks of the answers that were timed."""
        title = (
            f"times: float32, ISA {self.isa}, {self.threads} threads, medians of {self.rounds} "
            "turns in one process; GB/s of the least bytes that must move; how many times as long "
            "the others take"
        )
        header = (
            "shape as N x C x H x W",
            "copy GB/s",
            "bnfast ms",
            "GB/s",
            "of copy",
            NUMPY,
            GIVEN_OUTPUT,
            AS_CALLED,
        )
        times = table(header, [row.row() for row in self.rows])
        return "\n".join((title, times, "", checks_table(self.checks)))

    def figures(self) -> dict[str, Any]:
        """Return the table for JSON."""
        return {
            "isa": self.isa,
            "threads": self.threads,
            "rounds": self.rounds,
            "rows": [row.figures() for row in self.rows],
        }
