"""``bnfast demo``: the main job on real data, checked, timed and drawn."""

import argparse
import json
import sys
from pathlib import Path

from bnfast import demo
from bnfast.cli.command import Command
from bnfast.cli.output import path_ending_in
from bnfast.cli.progress import Progress
from bnfast.cli.status import Status


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output",
        type=path_ending_in(".png"),
        default=Path("bnfast-demo.png"),
        metavar="PNG",
        help="where the picture goes (default: ./bnfast-demo.png)",
    )
    parser.add_argument("--no-times", action="store_true", help="skip the table of times")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def _run(arguments: argparse.Namespace) -> Status:
    try:
        demo.require_extra()
    except ImportError as error:
        print(f"bnfast demo: {error}", file=sys.stderr)
        return Status.NOT_MEASURED
    with Progress() as progress:
        report = _report(arguments, progress)
    print(json.dumps(report.figures(), indent=2) if arguments.json else report.summary())
    return Status.DONE if report.ok else Status.CHECK_FAILED


def _report(arguments: argparse.Namespace, progress: Progress) -> demo.Report:
    """Run the demo; as text, show each part as soon as it is done."""

    def show(part: demo.Part) -> None:
        progress.clear()
        print(part.text(), end="\n\n", flush=True)

    return demo.run(
        arguments.output,
        times=not arguments.no_times,
        progress=progress,
        show=(lambda part: None) if arguments.json else show,
    )


COMMAND = Command(
    name="demo",
    summary="batch normalization of real images, checked, timed and drawn",
    description="Normalize the photographs and the digits that scikit-learn carries, in training "
    "and in inference; show the statistics before and after; check every result against a "
    "float64 reference; compare the times with NumPy, with PyTorch if it is installed, and with "
    "the speed of the memory; draw a picture. Needs the extra: pip install 'bnfast[demo]'.",
    add_arguments=_add_arguments,
    run=_run,
)
