"""Read what pytest-benchmark, or ``bnfast bench run``, has saved."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from bnfast.bench.quartiles import Quartiles

_LEAST = "a file that pytest-benchmark or 'bnfast bench run' has saved"


class NotSavedError(ValueError):
    """A file holds no saved benchmarks."""


@dataclass(frozen=True)
class SavedCase:
    """A benchmark's times, and what else it told."""

    name: str
    times: Quartiles
    extra: Mapping[str, Any]


@dataclass(frozen=True)
class SavedRun:
    """A file of benchmarks.

    Attributes
    ----------
    path : Path
        Where it was read from.
    label : str
        The commit, shortened, and the time.
    when : datetime
        When it was measured.
    cpu : str
        The processor's name; empty if it was not told.
    cases : mapping of str to SavedCase
        By their full names, in the file's order.
    """

    path: Path
    label: str
    when: datetime
    cpu: str
    cases: Mapping[str, SavedCase]


def load(path: Path | str) -> SavedRun:
    """Read a file.

    Parameters
    ----------
    path : Path or str
        JSON of pytest-benchmark.

    Returns
    -------
    SavedRun
        Its cases.

    Raises
    ------
    NotSavedError
        If the file holds something else, or times that are not finite and above 0.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> from bnfast.bench import load
    >>> run = load("saved.json")  # doctest: +SKIP
    >>> run.label  # doctest: +SKIP
    '1a2b3c4d 2026-07-01 12:00'
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return _run(path, content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = error if isinstance(error, ValueError) else repr(error)
        raise NotSavedError(f"expected {_LEAST}, got {str(path)!r}: {reason}") from error


def load_all(paths: Iterable[Path | str]) -> list[SavedRun]:
    """Read files, and all below folders, the oldest first.

    In a folder other JSON files are passed over; a file that is named must be readable.
    """
    runs: list[SavedRun] = []
    for path in map(Path, paths):
        if path.is_dir():
            runs += _load_folder(path)
        else:
            runs.append(load(path))
    return sorted(runs, key=lambda run: run.when)


def _load_folder(folder: Path) -> Iterable[SavedRun]:
    for path in sorted(folder.rglob("*.json")):
        try:
            yield load(path)
        except NotSavedError:
            continue


def _run(path: Path, content: dict[str, Any]) -> SavedRun:
    when = datetime.fromisoformat(content["datetime"].replace("Z", "+00:00"))
    when = when.replace(tzinfo=when.tzinfo or timezone.utc)
    commit = str(content.get("commit_info", {}).get("id") or "unversioned")
    cpu = content.get("machine_info", {}).get("cpu", {})
    cases = [_case(benchmark) for benchmark in content["benchmarks"]]
    return SavedRun(
        path,
        f"{_shortened(commit)} {when:%Y-%m-%d %H:%M}",
        when,
        str(cpu.get("brand_raw") or cpu.get("brand") or ""),
        {case.name: case for case in cases},
    )


def _shortened(commit: str) -> str:
    is_hash = len(commit) == 40 and set(commit) <= set("0123456789abcdef")
    return commit[:8] if is_hash else commit


def _case(benchmark: dict[str, Any]) -> SavedCase:
    name = str(benchmark.get("fullname") or benchmark["name"])
    extra = benchmark.get("extra_info") or {}
    if not isinstance(extra, dict):
        raise ValueError(f"{name}: extra_info must be an object, got {extra!r}")
    try:
        return SavedCase(name, Quartiles.read(benchmark["stats"]), extra)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
