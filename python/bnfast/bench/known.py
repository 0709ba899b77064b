"""The saved cases that tell an operation, its limit and its peers, as bnfast's own do."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bnfast.bench.ratio import Ratio, positive
from bnfast.bench.saved import SavedCase, SavedRun

_STEADY = 0.1


@dataclass(frozen=True)
class KnownCase:
    """A saved case's figures; times in seconds, speeds in GB/s of the least that must move."""

    name: str
    operation: str
    layout: str
    shape: str
    threads: int
    tensor_bytes: int
    seconds: float
    speed: float
    limit: float
    share: float
    floor_share: float | None
    control: Ratio
    peers: Mapping[str, Ratio]

    @property
    def label(self) -> str:
        """A name that does not depend on the suite: `name` may hold a file's."""
        return f"{self.operation}-{self.layout}-{self.shape}-{self.threads}t"

    @property
    def steady(self) -> bool:
        """Whether bnfast over itself was 1, within a tenth, in the same turns."""
        return self.control.within(_STEADY)

    @property
    def group(self) -> str:
        """Operation, layout and threads, in words."""
        return f"{self.operation} {self.layout}, {threads_text(self.threads)}"


def threads_text(threads: int) -> str:
    """Return the number in words.

    Examples
    --------
    >>> from bnfast.bench.known import threads_text
    >>> threads_text(1), threads_text(2)
    ('1 thread', '2 threads')
    """
    return f"{threads} thread{'s' if threads > 1 else ''}"


def known_cases(run: SavedRun) -> list[KnownCase]:
    """Return those of a run's cases that tell these figures."""
    return [known for case in run.cases.values() if (known := known_case(case))]


def known_case(case: SavedCase) -> KnownCase | None:
    """Return a case's figures; None if it does not tell them, or others by the same names."""
    extra = case.extra
    try:
        return KnownCase(
            name=case.name,
            operation=str(extra["operation"]),
            layout=str(extra["layout"]),
            shape="x".join(map(str, extra["shape"])),
            threads=int(_positive(extra, "threads")),
            tensor_bytes=int(_positive(extra, "tensor_bytes")),
            seconds=_positive(extra, "bytes_moved") / _positive(extra, "gb_per_s") / 1e9,
            speed=_positive(extra, "gb_per_s"),
            limit=_positive(extra["limit"], "gb_per_s"),
            share=_positive(extra["limit"]["share"], "ratio"),
            floor_share=_positive(extra["floor"]["share"], "ratio") if extra["floor"] else None,
            control=Ratio.read(extra["control"]),
            peers={name: Ratio.read(figures) for name, figures in extra["peers"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _positive(figures: Mapping[str, Any], name: str) -> float:
    return positive(name, figures[name])


def peer_names(cases: Iterable[KnownCase]) -> list[str]:
    """Return the names of all peers, each once, in the order they appear."""
    return list(dict.fromkeys(name for case in cases for name in case.peers))


def grouped(
    cases: Iterable[KnownCase], key: Callable[[KnownCase], str]
) -> dict[str, list[KnownCase]]:
    """Return the cases by a key, in the order the keys appear."""
    groups: dict[str, list[KnownCase]] = {}
    for case in cases:
        groups.setdefault(key(case), []).append(case)
    return groups


def geometric_mean(values: Sequence[float]) -> float:
    """Return the geometric mean of positive values.

    Examples
    --------
    >>> from bnfast.bench.known import geometric_mean
    >>> round(geometric_mean([1, 4]), 6)
    2.0
    """
    return math.exp(math.fsum(map(math.log, values)) / len(values))
