"""``bnfast bench run``: measure bnfast, its peers and the limit on this machine."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bnfast.bench.cases import typical_cases
from bnfast.bench.interleave import Effort
from bnfast.bench.known import KnownCase, known_cases
from bnfast.bench.measure import Measured, measure
from bnfast.bench.saved import load
from bnfast.bench.saving import FOLDER, new_file, save
from bnfast.bench.summary import summary
from bnfast.bench.tolerance import WrongAnswerError
from bnfast.cli.bench.options import add_case_options, chosen_cases, seconds
from bnfast.cli.command import Command
from bnfast.cli.progress import Progress
from bnfast.cli.status import Status


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_case_options(parser)
    parser.add_argument(
        "--seconds", type=seconds, default=1.0, metavar="S", help="for each case (default: 1)"
    )
    parser.add_argument("--no-peers", action="store_true", help="bnfast and the limit alone")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="JSON",
        help=f"where the figures go (default: a new file in ./{FOLDER})",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def _run(arguments: argparse.Namespace) -> Status:
    cases = chosen_cases(arguments, typical_cases)
    if arguments.list:
        print(*(case.name for case in cases), sep="\n")
        return Status.DONE
    effort = Effort(seconds=arguments.seconds)
    measured: list[Measured] = []
    try:
        path = new_file(arguments.output)
        with Progress() as progress:
            for place, case in enumerate(cases, 1):
                progress(f"{place}/{len(cases)} {case.name}")
                measured.append(measure(case, effort, peers=not arguments.no_peers))
        save(measured, path)
    except WrongAnswerError as error:
        print(f"bnfast bench run: {error}", file=sys.stderr)
        return Status.CHECK_FAILED
    except (OSError, MemoryError) as error:
        print(f"bnfast bench run: {str(error) or 'not enough memory'}", file=sys.stderr)
        return Status.NOT_MEASURED
    run = load(path)
    if arguments.json:
        print(path.read_text(encoding="utf-8"), end="")
    else:
        print(summary(run), f"saved: {path}", sep="\n\n")
    return _status(known_cases(run))


def _status(cases: Sequence[KnownCase]) -> Status:
    """Say that it could not be measured if the controls of most cases failed."""
    steady = sum(case.steady for case in cases)
    if 2 * steady >= len(cases):
        return Status.DONE
    print(
        f"bnfast bench run: {len(cases) - steady} of {len(cases)} controls are not steady:"
        " something else is running, or --seconds is too short",
        file=sys.stderr,
    )
    return Status.NOT_MEASURED


COMMAND = Command(
    name="run",
    summary="measure bnfast, its peers and the limit",
    description="Check the answers of bnfast, NumPy, PyTorch and ONNX Runtime, as far as they are "
    "installed; then let them and probes of the memory take turns in this process. Prints a table "
    "and saves the figures in pytest-benchmark's format. Exit status: 0 done, 1 an answer is "
    "wrong, 3 the controls of most cases failed.",
    add_arguments=_add_arguments,
    run=_run,
)
