"""Write measurements as pytest-benchmark does, so that its tools read them too."""

import json
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from bnfast import __version__
from bnfast.bench.machine import machine_info
from bnfast.bench.measure import Measured
from bnfast.bench.quartiles import Quartiles
from bnfast.bench.ratio import Floats
from bnfast.files.writing import check_target, new_file

FOLDER = Path(".benchmarks")


def target(path: Path | None = None) -> Path:
    """Return a path to save to; its folder is made, so that what is wrong shows before a long run.

    Parameters
    ----------
    path : Path, optional
        A file; by default one named by the time, in ``.benchmarks`` here.

    Returns
    -------
    Path
        The file, which is not made yet.

    Raises
    ------
    OSError
        If nothing can be written there.
    """
    path = path or FOLDER / f"bnfast-{datetime.now(timezone.utc):%Y%m%d-%H%M%S}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    check_target(path)
    return path


def save(measured: Sequence[Measured], path: Path) -> None:
    """Write measurements, one for each case, to a file."""
    content = as_json(measured, datetime.now(timezone.utc))
    with new_file(path) as file:
        file.write((json.dumps(content, indent=1) + "\n").encode())


def as_json(measured: Sequence[Measured], now: datetime) -> dict[str, Any]:
    """Return the file's content; `now` says when it was measured."""
    return {
        "machine_info": machine_info(),
        "commit_info": {
            "id": f"bnfast-{__version__}",
            "time": now.isoformat(),
            "dirty": False,
            "branch": "(unknown)",
        },
        "benchmarks": [_benchmark(found) for found in measured],
        "datetime": now.isoformat(),
        "version": f"bnfast-{__version__}",
    }


def _benchmark(found: Measured) -> dict[str, Any]:
    name = found.case.name
    return {
        "group": found.case.operation,
        "name": name,
        "fullname": name,
        "params": found.case.figures(),
        "param": name,
        "extra_info": found.extra_info(),
        "options": {"timer": "perf_counter", "disable_gc": True},
        "stats": _stats(found.seconds),
    }


def _stats(seconds: Floats) -> dict[str, Any]:
    found = Quartiles.of(seconds)
    mean, deviation = float(seconds.mean()), float(seconds.std())
    iqr = found.q3 - found.q1
    near = seconds[(seconds >= found.q1 - 1.5 * iqr) & (seconds <= found.q3 + 1.5 * iqr)]
    beyond = int(np.sum(np.abs(seconds - mean) > deviation))
    return {
        "min": float(seconds.min()),
        "max": float(seconds.max()),
        "mean": mean,
        "stddev": deviation,
        **found.figures(),
        "iqr": iqr,
        "iqr_outliers": len(seconds) - len(near),
        "stddev_outliers": beyond,
        "outliers": f"{beyond};{len(seconds) - len(near)}",
        "ld15iqr": float(near.min()),
        "hd15iqr": float(near.max()),
        "ops": 1 / mean,
        "total": float(seconds.sum()),
        "iterations": 1,
    }
