"""``bnfast stats``: statistics per channel of the data in files."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

from bnfast.channel_stats import ChannelStats
from bnfast.cli.bytes_progress import BytesProgress
from bnfast.cli.command import Command
from bnfast.cli.progress import Progress
from bnfast.cli.status import Status

_COLUMNS = ("channel", "count", "mean", "std", "min", "max")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help=".npy, .npz or image files, or directories, which are searched with all below them",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="JSON",
        help="write the statistics, exactly, to this file: "
        "for bnfast normalize and ChannelStats.from_dict",
    )
    parser.add_argument(
        "--channel-axis",
        type=int,
        default=-1,
        metavar="N",
        help="of arrays (default: -1, the last); images have their channels last",
    )
    parser.add_argument("--member", metavar="NAME", help="the array to read of .npz (default: all)")
    parser.add_argument(
        "--nan",
        choices=("propagate", "omit", "raise"),
        default="propagate",
        help="what a NaN does: makes its channel NaN (default), is left out, or is an error",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def _run(arguments: argparse.Namespace) -> Status:
    from bnfast import files
    from bnfast.files.writing import check_target

    try:
        if arguments.output is not None:
            check_target(arguments.output)
        with Progress() as progress:
            paths = files.find(arguments.paths)
            total = sum(path.stat().st_size for path in paths)
            stats = files.channel_stats(
                paths,
                channel_axis=arguments.channel_axis,
                member=arguments.member,
                nan_policy=arguments.nan,
                progress=BytesProgress(progress, total),
            )
        figures = {"files": len(paths), "channels": _figures(stats)}
        if arguments.output is not None:
            _write(arguments.output, {**stats.to_dict(), "summary": figures})
    except (files.FileError, ImportError, OSError) as error:
        print(f"bnfast stats: {error}", file=sys.stderr)
        return Status.CHECK_FAILED
    print(json.dumps(figures, indent=2) if arguments.json else _table(figures))
    return Status.DONE


def _write(path: Path, document: dict[str, Any]) -> None:
    from bnfast.files.writing import new_file

    with new_file(path) as file:
        file.write((json.dumps(document, indent=1, allow_nan=False) + "\n").encode())


def _figures(stats: ChannelStats) -> list[dict[str, Any]]:
    """Return one row per channel; None for what is not a number."""
    features = stats.num_features or 0
    counts = np.broadcast_to(stats.count, features).tolist()
    arrays = (stats.mean, stats.std(), stats.min, stats.max)
    numbers = [[x if math.isfinite(x) else None for x in array.tolist()] for array in arrays]
    rows = zip(range(features), counts, *numbers, strict=True)
    return [dict(zip(_COLUMNS, row, strict=True)) for row in rows]


def _table(figures: dict[str, Any]) -> str:
    rows = [_COLUMNS, *(tuple(map(_text, row.values())) for row in figures["channels"])]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_COLUMNS))]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    files = figures["files"]
    return "\n".join([*lines, f"{files} file{'' if files == 1 else 's'}"])


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.8g}"


COMMAND = Command(
    name="stats",
    summary="count, mean, std, min and max per channel of the data in files",
    description="Read .npy, .npz and image files, as large as they may be, and print the "
    "statistics of each channel. Of integers of 8 and 16 bits the sums are exact. Images need "
    "Pillow: pip install 'bnfast[demo]'.",
    add_arguments=_add_arguments,
    run=_run,
)
