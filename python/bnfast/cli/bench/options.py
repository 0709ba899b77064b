"""Options that the bench commands share."""

import argparse
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase

import bnfast
from bnfast.bench.cases import Case, layer_cases, network_cases
from bnfast.bench.shapes import NETWORKS
from bnfast.bench.verdict import THRESHOLD, Thresholds

_BATCH = 32


def add_case_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is measured."""
    parser.add_argument(
        "-k",
        dest="patterns",
        action="append",
        metavar="PATTERN",
        help="only cases whose names hold this text, which may have the wildcards of a shell",
    )
    parser.add_argument(
        "--network",
        dest="networks",
        action="append",
        default=[],
        choices=[*NETWORKS, "all"],
        help="every operation and layout on all shapes of a network, not the default selection",
    )
    parser.add_argument(
        "--shape",
        dest="shapes",
        action="append",
        default=[],
        type=_shape,
        metavar="NxCxHxW",
        help="every operation and layout on this shape",
    )
    parser.add_argument(
        "--batch", type=positive, metavar="N", help=f"of --network (default: {_BATCH})"
    )
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="threads (default: bnfast's own default)"
    )
    parser.add_argument("--list", action="store_true", help="print the names of the cases, no more")


def chosen_cases(
    arguments: argparse.Namespace, default: Callable[[int], Sequence[Case]]
) -> list[Case]:
    """Return the cases asked for; to ask for none is wrong usage."""
    threads = arguments.threads or bnfast.get_num_threads()
    cases = layer_cases(arguments.shapes, [threads])
    names = list(NETWORKS) if "all" in arguments.networks else arguments.networks
    cases += network_cases(names, arguments.batch or _BATCH, [threads])
    cases = list(dict.fromkeys(cases or default(threads)))
    chosen = set(chosen_names(arguments, [case.name for case in cases]))
    return [case for case in cases if case.name in chosen]


def chosen_names(arguments: argparse.Namespace, names: Iterable[str]) -> list[str]:
    """Return those of the names that -k asks for; to ask for none is wrong usage."""
    patterns = arguments.patterns
    if not patterns:
        return list(names)
    chosen = [name for name in names if _matches(name, patterns)]
    if not chosen:
        arguments.refuse(f"no case matches -k {' -k '.join(patterns)}; --list shows their names")
    return chosen


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, f"*{pattern}*") for pattern in patterns)


def _shape(text: str) -> tuple[int, ...]:
    lengths = tuple(positive(length) for length in text.split("x"))
    if len(lengths) < 2:
        raise argparse.ArgumentTypeError(f"expected N, C and more, as 32x64x56x56, got {text!r}")
    return lengths


def add_threshold_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that says how much slower is still ok."""
    parser.add_argument(
        "--threshold",
        dest="thresholds",
        action="append",
        default=[],
        type=_threshold,
        metavar="[PATTERN=]SHARE",
        help="how much slower is still ok, as 0.05 or 5%%; with a pattern, of the cases whose names"
        f" match it (default: {THRESHOLD:g})",
    )


def chosen_thresholds(arguments: argparse.Namespace) -> Thresholds:
    """Return the thresholds asked for; of two that fit a case the last counts."""
    return Thresholds(patterns=tuple(arguments.thresholds))


def _threshold(text: str) -> tuple[str, float]:
    pattern, equals, value = text.rpartition("=")
    return (pattern if equals else "*"), share(value)


def share(text: str) -> float:
    """Return a share that was written as 0.05 or 5%."""
    percent = text.endswith("%")
    try:
        value = float(text.removesuffix("%")) / (100 if percent else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value < 10:
        raise argparse.ArgumentTypeError(f"expected a share as 0.05 or 5%, got {text!r}")
    return value


def seconds(text: str) -> float:
    """Return a time that is above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected seconds above 0, got {text!r}")
    return value


def positive(text: str) -> int:
    """Return a whole number of 1 or more."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of 1 or more, got {text!r}")
    return int(text)
