"""``bnfast bench run``: measure bnfast, its peers and the limit on this machine."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bnfast.bench.cases import Case, typical_cases
from bnfast.bench.interleave import Effort
from bnfast.bench.known import KnownCase, known_cases
from bnfast.bench.measure import Measured, measure
from bnfast.bench.saved import load
from bnfast.bench.saving import FOLDER, save, target
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
    measured: list[Measured] = []
    try:
        path = target(arguments.output)
        try:
            status = _measure_all(cases, arguments, measured)
        finally:
            if measured:
                save(measured, path)
    except OSError as error:
        _say(str(error))
        return Status.NOT_MEASURED
    return _told(measured, path, arguments.json, status) if measured else status


def _measure_all(
    cases: Sequence[Case], arguments: argparse.Namespace, measured: list[Measured]
) -> Status:
    """Add what is measured, case by case; say what ends it early."""
    effort = Effort(seconds=arguments.seconds)
    try:
        with Progress() as progress:
            for place, case in enumerate(cases, 1):
                progress(f"{place}/{len(cases)} {case.name}")
                measured.append(measure(case, effort, peers=not arguments.no_peers))
    except WrongAnswerError as error:
        _say(f"{cases[len(measured)].name}: {error}")
        return Status.CHECK_FAILED
    except (OSError, MemoryError) as error:
        _say(f"{cases[len(measured)].name}: {str(error) or 'not enough memory'}")
        return Status.NOT_MEASURED
    except KeyboardInterrupt:
        _say(f"interrupted after {len(measured)} of {len(cases)} cases")
        return Status.NOT_MEASURED
    return Status.DONE


def _told(measured: Sequence[Measured], path: Path, as_json: bool, status: Status) -> Status:
    """Print what has been saved; return the status, or that of controls that failed."""
    run = load(path)
    if as_json:
        print(path.read_text(encoding="utf-8"), end="")
    else:
        print(summary(run), f"saved: {path}", sep="\n\n")
    _say_who_is_left_out(measured)
    return status or _steadiness(known_cases(run))


def _say_who_is_left_out(measured: Sequence[Measured]) -> None:
    for name in dict.fromkeys(name for found in measured for name in found.left_out):
        without = [found for found in measured if name in found.left_out]
        first = f"{without[0].case.name}: {without[0].left_out[name]}"
        _say(f"{name} is left out of {len(without)} of {len(measured)} cases; of {first}")


def _steadiness(cases: Sequence[KnownCase]) -> Status:
    """Say that it could not be measured if the controls of most cases failed."""
    steady = sum(case.steady for case in cases)
    if 2 * steady >= len(cases):
        return Status.DONE
    _say(
        f"{len(cases) - steady} of {len(cases)} controls are not steady:"
        " something else is running, or --seconds is too short"
    )
    return Status.NOT_MEASURED


def _say(text: str) -> None:
    print(f"bnfast bench run: {text}", file=sys.stderr)


COMMAND = Command(
    name="run",
    summary="measure bnfast, its peers and the limit",
    description="Check the answers of bnfast, NumPy, PyTorch and ONNX Runtime, as far as they are "
    "installed; then let them and probes of the memory take turns in this process. Those whose "
    "answers are wrong, or that fail, are left out. Prints a table and saves the figures in "
    "pytest-benchmark's format: of an interrupted run those of the cases before. Exit status: 0 "
    "done, 1 an answer of bnfast is wrong, 3 interrupted, or the controls of most cases failed.",
    add_arguments=_add_arguments,
    run=_run,
)
