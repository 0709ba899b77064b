"""``bnfast bench report``: a table and a page on saved runs."""

import argparse
import json
import sys
from pathlib import Path

from bnfast.bench.page import report
from bnfast.bench.saved import NotSavedError, load_all
from bnfast.bench.saving import FOLDER
from bnfast.bench.summary import summary
from bnfast.cli.command import Command
from bnfast.cli.output import path_ending_in
from bnfast.cli.status import Status


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "saved",
        nargs="*",
        type=Path,
        default=[FOLDER],
        metavar="JSON",
        help=f"files of saved benchmarks, or folders of them (default: ./{FOLDER})",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=path_ending_in(".html", ".htm"),
        default=Path("bnfast-bench.html"),
        metavar="HTML",
        help="where the page goes (default: ./bnfast-bench.html)",
    )
    parser.add_argument("--title", default="bnfast: benchmarks", help="the page's heading")
    parser.add_argument("--json", action="store_true", help="print the newest run as JSON")


def _run(arguments: argparse.Namespace) -> Status:
    try:
        runs = load_all(arguments.saved)
        report(runs, arguments.output, title=arguments.title)
    except (NotSavedError, OSError) as error:
        print(f"bnfast bench report: {error}", file=sys.stderr)
        return Status.NOT_MEASURED
    newest = runs[-1]
    if arguments.json:
        cases = {
            name: {"seconds": case.times.figures(), **case.extra}
            for name, case in newest.cases.items()
        }
        print(json.dumps({"label": newest.label, "cpu": newest.cpu, "cases": cases}, indent=2))
    else:
        print(summary(newest), f"page: {arguments.output}", sep="\n\n")
    return Status.DONE


COMMAND = Command(
    name="report",
    summary="print a table and draw a page of saved runs",
    description="Print the newest of the saved runs, and draw a page that needs no network: GB/s "
    "against size with the limit drawn in, ratios to each peer, the history over all runs.",
    add_arguments=_add_arguments,
    run=_run,
)
