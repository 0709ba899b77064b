"""``bnfast normalize``: a .npy file normalized by statistics that ``bnfast stats`` has written."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path

from bnfast.channel_stats import ChannelStats
from bnfast.cli.bytes_progress import BytesProgress
from bnfast.cli.command import Command
from bnfast.cli.progress import Progress
from bnfast.cli.status import Status


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", type=Path, metavar="IN", help="a .npy file, as large as it may be"
    )
    parser.add_argument("target", type=Path, metavar="OUT", help="the .npy file to write")
    parser.add_argument(
        "--stats",
        type=Path,
        required=True,
        metavar="JSON",
        help="what bnfast stats -o has written, or ChannelStats.to_dict as JSON",
    )
    parser.add_argument(
        "--channel-axis", type=int, default=-1, metavar="N", help="default: -1, the last"
    )
    parser.add_argument(
        "--dtype",
        choices=("float16", "float32", "float64"),
        help="of the result (default: that of floats, float32 for integers)",
    )
    parser.add_argument(
        "--eps",
        type=_eps,
        default=0.0,
        help="added to the variance (default: 0; a constant channel then becomes x - mean)",
    )


def _eps(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"expected a number of at least 0, got {text!r}")
    return value


def _run(arguments: argparse.Namespace) -> Status:
    from bnfast import files

    try:
        stats = _stats(arguments.stats)
        with Progress() as progress:
            files.normalize(
                arguments.source,
                arguments.target,
                stats,
                channel_axis=arguments.channel_axis,
                dtype=arguments.dtype,
                eps=arguments.eps,
                progress=BytesProgress(progress, arguments.source.stat().st_size),
            )
    except (files.FileError, OSError) as error:
        print(f"bnfast normalize: {error}", file=sys.stderr)
        return Status.CHECK_FAILED
    return Status.DONE


def _stats(path: Path) -> ChannelStats:
    from bnfast.files import FileError

    try:
        return ChannelStats.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise FileError(path, error) from error


COMMAND = Command(
    name="normalize",
    summary="write a .npy file normalized by statistics of bnfast stats",
    description="Write (x - mean)/sqrt(var + eps) of a .npy file to another, block by block, so "
    "that neither need fit in memory. OUT appears when all of it has been written.",
    add_arguments=_add_arguments,
    run=_run,
)
