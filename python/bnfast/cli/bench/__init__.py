"""``bnfast bench``: measure, compare, report."""

import argparse

from bnfast.cli.bench import compare, report, run
from bnfast.cli.command import Command
from bnfast.cli.status import Status

_COMMANDS = (run.COMMAND, compare.COMMAND, report.COMMAND)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in _COMMANDS:
        subparser = commands.add_parser(
            command.name, help=command.summary, description=command.description
        )
        command.add_arguments(subparser)
        subparser.set_defaults(run_bench=command.run, refuse=subparser.error)


def _run(arguments: argparse.Namespace) -> Status:
    status: Status = arguments.run_bench(arguments)
    return status


COMMAND = Command(
    name="bench",
    summary="measure against the memory's limit and other libraries, compare builds, draw a page",
    description="Benchmarks whose contenders take turns, after their answers are checked: in one "
    "process, beside the memory's own speed at the same size, or builds in processes of their own.",
    add_arguments=_add_arguments,
    run=_run,
)
