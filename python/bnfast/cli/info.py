"""``bnfast info``: what this build is and what it uses on this machine."""

import argparse
import json

from bnfast import config
from bnfast.cli.command import Command
from bnfast.cli.status import Status


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def _run(arguments: argparse.Namespace) -> Status:
    facts = config.info()
    print(json.dumps(facts, indent=2) if arguments.json else config.describe(facts))
    return Status.DONE


COMMAND = Command(
    name="info",
    summary="what this build is and what it uses on this machine",
    description="Show the version, the compiler, the instruction sets built, found and in use, "
    "the threads and why so many, the caches, the OpenMP runtimes loaded in this process, and "
    "the versions of Python, NumPy and the optional packages.",
    add_arguments=_add_arguments,
    run=_run,
)
