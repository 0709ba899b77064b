"""The command line: ``bnfast COMMAND``, the same as ``python -m bnfast COMMAND``."""

import argparse
import os
import sys
from collections.abc import Sequence

from bnfast import __version__
from bnfast.cli import bench, config, demo, info, normalize, stats
from bnfast.cli.status import Status

__all__ = ["main"]

_COMMANDS = (
    info.COMMAND,
    config.COMMAND,
    demo.COMMAND,
    bench.COMMAND,
    stats.COMMAND,
    normalize.COMMAND,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments after the program's name; those of this process by default.

    Returns
    -------
    int
        0 done, 1 a check failed, 3 could not measure, 141 whoever read the output stopped.

    Raises
    ------
    SystemExit
        With status 2 for wrong usage; with 0 after ``--help`` and ``--version``.

    Examples
    --------
    >>> from bnfast.cli import main
    >>> status = main(["info"])  # doctest: +ELLIPSIS
    bnfast ...
    >>> status
    0
    """
    arguments = _parser().parse_args(argv)
    try:
        status = int(arguments.run(arguments))
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
        status = Status.UNREAD
    return status


def _discard_output() -> None:
    """Have what is still to be printed, by the interpreter's exit at last, go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bnfast",
        description="Batch normalization for CPUs.",
        epilog="Exit status: 0 done, 1 a check failed, 2 wrong usage, 3 could not measure, "
        "141 whoever read the output stopped.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in _COMMANDS:
        subparser = commands.add_parser(
            command.name, help=command.summary, description=command.description
        )
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    return parser
