"""A run as a table: for a terminal, and for the page."""

from collections.abc import Sequence
from textwrap import fill
from typing import NamedTuple

from bnfast.bench.known import KnownCase, geometric_mean, grouped, known_cases, peer_names
from bnfast.bench.saved import SavedRun
from bnfast.demo.tables import table

_LARGE = 1 << 20
_NOTE = (
    "GB/s of the least that must move; share: of the limit, the memory's own speed at this size;"
    " floor: of the speed at which what must be read twice could be; a peer's figure: how many"
    " times as long as bnfast it takes; control: bnfast over itself, ? where it is not 1"
    " within a tenth: something else was running."
)


class Table(NamedTuple):
    """A header and its rows, all of text."""

    header: list[str]
    rows: list[list[str]]


def summary(run: SavedRun) -> str:
    """Return a run as text: its cases, and the geometric means of what they have in common."""
    known = known_cases(run)
    content = summary_of(known) if known else table(*times_table(run))
    return f"{run.label}, {run.cpu or 'unknown processor'}\n\n{content}"


def summary_of(cases: Sequence[KnownCase]) -> str:
    """Return cases as text."""
    tables = [table(*found) for found in (cases_table(cases), means_table(cases)) if found.rows]
    return "\n\n".join([*tables, fill(note(cases), 100)])


def note(cases: Sequence[KnownCase]) -> str:
    """Return what the columns mean, and how many figures are in doubt."""
    unsteady = sum(not case.steady for case in cases)
    return f"{_NOTE} {unsteady} of {len(cases)} are not." if unsteady else _NOTE


def times_table(run: SavedRun) -> Table:
    """Return a row for each case of any suite."""
    rows = [[name, seconds_text(case.times.median)] for name, case in run.cases.items()]
    return Table(["case", "median"], rows)


def cases_table(cases: Sequence[KnownCase]) -> Table:
    """Return a row for each case."""
    peers = peer_names(cases)
    header = ["case", "time", "GB/s", "limit", "share", "floor", *peers, "control"]
    return Table(header, [_row(case, peers) for case in cases])


def _row(case: KnownCase, peers: Sequence[str]) -> list[str]:
    return [
        case.label,
        seconds_text(case.seconds),
        f"{case.speed:.1f}",
        f"{case.limit:.1f}",
        f"{case.share:.2f}",
        "-" if case.floor_share is None else f"{case.floor_share:.2f}",
        *(f"{case.peers[name].value:.1f}x" if name in case.peers else "-" for name in peers),
        f"{case.control.value:.2f}{'' if case.steady else '?'}",
    ]


def means_table(cases: Sequence[KnownCase]) -> Table:
    """Return geometric means by operation, layout and threads, of tensors from 1 MiB up."""
    cases = [case for case in cases if case.tensor_bytes >= _LARGE]
    peers = peer_names(cases)
    groups = grouped(cases, lambda case: case.group)
    rows = [_means(name, group, peers) for name, group in groups.items() if len(group) > 1]
    return Table(["geometric mean", "cases", "share", *peers], rows)


def _means(name: str, cases: Sequence[KnownCase], peers: Sequence[str]) -> list[str]:
    shares = [case.share for case in cases]
    ratios = [[case.peers[peer].value for case in cases if peer in case.peers] for peer in peers]
    return [
        name,
        str(len(cases)),
        f"{geometric_mean(shares):.2f}",
        *(f"{geometric_mean(values):.1f}x" if values else "-" for values in ratios),
    ]


def seconds_text(seconds: float) -> str:
    """Return a time with a unit that suits it.

    Examples
    --------
    >>> from bnfast.bench.summary import seconds_text
    >>> seconds_text(3.21e-7), seconds_text(0.0123)
    ('0.321 us', '12.3 ms')
    """
    for unit, factor in (("us", 1e6), ("ms", 1e3)):
        if seconds * factor < 1000:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds:.3g} s"
