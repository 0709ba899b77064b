"""``bnfast bench compare``: two builds in turn, or two saved runs."""

import argparse
import json
import sys

from bnfast.bench.builds import INSTALLED, compare_builds
from bnfast.bench.cases import sensitive_cases
from bnfast.bench.comparing import compare
from bnfast.bench.comparison import Comparison
from bnfast.bench.saved import NotSavedError
from bnfast.bench.verdict import Verdict
from bnfast.bench.workers import CannotMeasureError
from bnfast.cli.bench.options import (
    add_case_options,
    add_threshold_option,
    chosen_cases,
    chosen_thresholds,
    seconds,
    share,
)
from bnfast.cli.command import Command
from bnfast.cli.progress import Progress
from bnfast.cli.status import Status

_STATUS = {
    Verdict.OK: Status.DONE,
    Verdict.REGRESSION: Status.CHECK_FAILED,
    Verdict.UNCLEAR: Status.NOT_MEASURED,
}


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    for name, what in (("old", "the baseline"), ("new", "the candidate")):
        parser.add_argument(
            name,
            nargs="?",
            default=INSTALLED,
            metavar=name.upper(),
            help=f"{what}: a folder that 'pip install --target' filled, a wheel, {INSTALLED!r} "
            "(the default), or a file of saved benchmarks that ends in .json",
        )
    add_case_options(parser)
    add_threshold_option(parser)
    parser.add_argument(
        "--seconds",
        type=seconds,
        default=60.0,
        metavar="S",
        help="at most, for each case of two builds (default: 60)",
    )
    parser.add_argument(
        "--slow-down",
        type=share,
        default=0.0,
        metavar="SHARE",
        help="let the new build spin this much longer, as 10%%: to see that it is found",
    )
    parser.add_argument(
        "--trust-times",
        action="store_true",
        help="of saved runs: judge cases that tell no speed of the memory, too",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def _run(arguments: argparse.Namespace) -> Status:
    saved = [name.endswith(".json") for name in (arguments.old, arguments.new)]
    if saved[0] != saved[1]:
        arguments.refuse("OLD and NEW must be two builds or two saved runs")
    if arguments.list:
        print(*(case.name for case in chosen_cases(arguments, sensitive_cases)), sep="\n")
        return Status.DONE
    try:
        comparison = (_compare_saved if all(saved) else _compare_builds)(arguments)
    except (CannotMeasureError, NotSavedError, OSError) as error:
        print(f"bnfast bench compare: {error}", file=sys.stderr)
        return Status.NOT_MEASURED
    print(json.dumps(comparison.figures(), indent=2) if arguments.json else comparison.text())
    return _STATUS[comparison.verdict]


def _compare_saved(arguments: argparse.Namespace) -> Comparison:
    return compare(
        arguments.old,
        arguments.new,
        thresholds=chosen_thresholds(arguments),
        trust_times=arguments.trust_times,
    )


def _compare_builds(arguments: argparse.Namespace) -> Comparison:
    cases = chosen_cases(arguments, sensitive_cases)
    with Progress() as progress:
        return compare_builds(
            arguments.old,
            arguments.new,
            cases,
            thresholds=chosen_thresholds(arguments),
            seconds=arguments.seconds,
            slower=arguments.slow_down,
            progress=progress,
        )


COMMAND = Command(
    name="compare",
    summary="compare two builds in turn, or two saved runs",
    description="Two builds run in processes that take turns, once their answers are checked, the "
    "new one in two of them: the second is the control. They are started anew until each case is "
    "clear, 40 times at most. Each case is ok, a regression, or unclear, as where an answer is "
    "wrong. Exit status: 0 all ok, 1 a regression, 3 none but something unclear.",
    add_arguments=_add_arguments,
    run=_run,
)
