"""A page on saved runs: one HTML file that needs no other and no network."""

from collections.abc import Iterable
from html import escape
from pathlib import Path

from bnfast.bench.charts import LEAST_BYTES, WIDTH, history_chart, ratio_chart, speed_chart
from bnfast.bench.known import KnownCase, known_cases
from bnfast.bench.saved import NotSavedError, SavedRun, load_all
from bnfast.bench.summary import Table, cases_table, means_table, note, times_table

_STYLE = Path(__file__).with_name("page.css")
_SPEED_NOTE = (
    "Bytes that must move at least, over the time. A mark is a case: point at it for its figures."
    " The limit was measured at the same size in the same run."
)
_RATIO_NOTE = (
    "Time of each peer over that of bnfast, with the 99 % interval: right of 1x the peer is slower."
)
_HISTORY_NOTE = (
    "Speed as a share of the limit measured beside it, which a slower or faster machine changes"
    " little. Where a suite tells no limit: time of the oldest run over the time."
)


def report(
    saved: Iterable[SavedRun | Path | str], output: Path | str | None = None, *, title: str = ""
) -> str:
    """Draw a page: GB/s against size with the limit, ratios to each peer, history over the runs.

    Parameters
    ----------
    saved : iterable of SavedRun, Path or str
        Loaded runs, or files and folders of pytest-benchmark's JSON. The newest is shown in full.
    output : Path or str, optional
        The file to write.
    title : str, optional
        The page's heading.

    Returns
    -------
    str
        The page. Runs that tell no limits and no peers have a history and a table only.

    Raises
    ------
    NotSavedError
        If a file holds no benchmarks, or there are none at all.

    Examples
    --------
    >>> from bnfast.bench import report
    >>> page = report([".benchmarks"], "benchmarks.html")  # doctest: +SKIP
    """
    given = list(saved)
    runs = [run for run in given if isinstance(run, SavedRun)]
    runs += load_all(path for path in given if not isinstance(path, SavedRun))
    runs = sorted((run for run in runs if run.cases), key=lambda run: run.when)
    if not runs:
        raise NotSavedError("expected saved benchmarks, got none")
    page = _page(runs, title or "Benchmarks")
    if output is not None:
        Path(output).write_text(page, encoding="utf-8")
    return page


def _page(runs: list[SavedRun], title: str) -> str:
    newest = runs[-1]
    cases = known_cases(newest)
    parts = [f"<h1>{escape(title)}</h1>", f"<p>{escape(_caption(newest))}</p>"]
    if any(case.tensor_bytes >= LEAST_BYTES for case in cases):
        parts += [_section("Speed against size", _SPEED_NOTE, speed_chart(cases))]
    if any(case.peers for case in cases):
        parts += [_section("Ratios to the peers", _RATIO_NOTE, ratio_chart(cases))]
    parts += [_section(f"History over {len(runs)} saved runs", _HISTORY_NOTE, history_chart(runs))]
    parts += [_section("Figures", *_figures(newest, cases))]
    style = _STYLE.read_text(encoding="utf-8")
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>",
            f'<main style="max-width:{WIDTH:g}px">',
            *parts,
            "</main>\n</body>\n</html>\n",
        ]
    )


def _caption(run: SavedRun) -> str:
    tells = {
        name: sorted({str(case.extra[name]) for case in run.cases.values() if name in case.extra})
        for name in ("version", "isa")
    }
    parts = [run.label, run.cpu]
    parts += [f"{name} {', '.join(values)}" for name, values in tells.items() if values]
    return " · ".join(part for part in parts if part)


def _section(title: str, note: str, *content: str) -> str:
    said = f"<p>{escape(note)}</p>" if note else ""
    return "\n".join(["<section>", f"<h2>{escape(title)}</h2>", said, *content, "</section>"])


def _figures(run: SavedRun, cases: list[KnownCase]) -> list[str]:
    if not cases:
        return ["", _table(times_table(run))]
    tables = [found for found in (means_table(cases), cases_table(cases)) if found.rows]
    return [note(cases), *map(_table, tables)]


def _table(found: Table) -> str:
    header = "".join(f"<th>{escape(name)}</th>" for name in found.header)
    rows = [
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in found.rows
    ]
    return "\n".join(["<table>", f"<tr>{header}</tr>", *rows, "</table>"])
