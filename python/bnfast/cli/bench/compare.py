"""``bnfast bench compare``: two builds in turn, or two saved runs."""

import argparse
import json
import sys
from collections.abc import Container, Iterable, Mapping
from dataclasses import replace

from bnfast.bench.builds import INSTALLED, compare_builds
from bnfast.bench.cases import sensitive_cases
from bnfast.bench.comparing import compare
from bnfast.bench.comparison import Comparison
from bnfast.bench.saved import NotSavedError, SavedRun, load
from bnfast.bench.verdict import Verdict
from bnfast.bench.workers import CannotMeasureError
from bnfast.cli.bench.options import (
    add_case_options,
    add_threshold_option,
    chosen_cases,
    chosen_names,
    chosen_thresholds,
    seconds,
    share,
)
from bnfast.cli.command import Command
from bnfast.cli.progress import Progress
from bnfast.cli.status import Status

_SECONDS = 60.0
# Options that do nothing for the other kind, by the names of their values.
_OF_BUILDS = {
    "networks": "--network",
    "shapes": "--shape",
    "batch": "--batch",
    "threads": "--threads",
    "seconds": "--seconds",
    "slow_down": "--slow-down",
}
_OF_SAVED_RUNS = {"trust_times": "--trust-times"}
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
        metavar="S",
        help=f"at most, for each case of two builds (default: {_SECONDS:g})",
    )
    parser.add_argument(
        "--slow-down",
        type=share,
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
    if all(saved):
        _refuse(arguments, _OF_BUILDS, "of saved runs")
    else:
        _refuse(arguments, _OF_SAVED_RUNS, "of two builds")
    try:
        return (_run_saved if all(saved) else _run_builds)(arguments)
    except (CannotMeasureError, NotSavedError, OSError) as error:
        print(f"bnfast bench compare: {error}", file=sys.stderr)
        return Status.NOT_MEASURED


def _refuse(arguments: argparse.Namespace, options: Mapping[str, str], of: str) -> None:
    given = [option for name, option in options.items() if getattr(arguments, name)]
    if given:
        arguments.refuse(f"not {of}: {', '.join(given)}")


def _run_saved(arguments: argparse.Namespace) -> Status:
    old, new = load(arguments.old), load(arguments.new)
    chosen = set(chosen_names(arguments, {**old.cases, **new.cases}))
    if arguments.list:
        return _list(name for name in new.cases if name in old.cases and name in chosen)
    comparison = compare(
        _only(chosen, old),
        _only(chosen, new),
        thresholds=chosen_thresholds(arguments),
        trust_times=arguments.trust_times,
    )
    return _tell(comparison, arguments.json)


def _only(chosen: Container[str], run: SavedRun) -> SavedRun:
    return replace(run, cases={name: case for name, case in run.cases.items() if name in chosen})


def _run_builds(arguments: argparse.Namespace) -> Status:
    cases = chosen_cases(arguments, sensitive_cases)
    if arguments.list:
        return _list(case.name for case in cases)
    with Progress() as progress:
        comparison = compare_builds(
            arguments.old,
            arguments.new,
            cases,
            thresholds=chosen_thresholds(arguments),
            seconds=arguments.seconds or _SECONDS,
            slower=arguments.slow_down or 0.0,
            progress=progress,
        )
    return _tell(comparison, arguments.json)


def _list(names: Iterable[str]) -> Status:
    for name in names:
        print(name)
    return Status.DONE


def _tell(comparison: Comparison, as_json: bool) -> Status:
    print(json.dumps(comparison.figures(), indent=2) if as_json else comparison.text())
    return _STATUS[comparison.verdict]


COMMAND = Command(
    name="compare",
    summary="compare two builds in turn, or two saved runs",
    description="Two builds run in processes that take turns, once their answers are checked, the "
    "new one in two of them: the second is the control. They are started anew until each case is "
    "clear, 40 times at most. Of saved runs the cases of both are compared, or those that -k asks "
    "for. Each case is ok, a regression, or unclear, as one whose answer is wrong, or that the new "
    "run lacks. Exit status: 0 all ok, 1 a regression, 3 none but something unclear.",
    add_arguments=_add_arguments,
    run=_run,
)
