"""Guard the instruction counts of fixed calls; ``--accept`` records new ones in instructions.json.

Exit status: 0 no count is above its record, or none can be taken here; 1 one is; 2 wrong usage;
3 valgrind failed, or there is nothing to accept.
"""

import argparse
import json
import platform
import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import bnfast
import callgrind
from bnfast.cli.status import Status
from bnfast.demo.tables import table
from counted_calls import CASES

RECORD = Path(__file__).with_name("instructions.json")
PROGRAM = Path(__file__).with_name("counted_calls.py")
# Of the same tools: addresses differ, and with them the cost of looking something up by address.
TOLERANCE = 0.01
# Compilers unroll differently: GCC 12 needs up to 1.39 times the instructions of Clang 22. What is
# left to see is work that is done twice, or not vectorized any more.
OTHER_TOOLS_TOLERANCE = 0.5
ACCEPT = "'make instructions ARGS=--accept' records them: commit bench/instructions.json"


class Counted(NamedTuple):
    """The instructions of a case, in the record and now; None: not there."""

    name: str
    recorded: int | None
    now: int | None

    @property
    def change(self):
        """By which share it grew, or None."""
        return None if None in self else self.now / self.recorded - 1

    def row(self):
        """Return it as a line of the table."""
        change = "-" if self.change is None else f"{self.change:+.1%}"
        return [self.name, str(self.recorded or "-"), str(self.now or "-"), change]

    def fault(self, tolerance):
        """Return what is wrong with it, or None."""
        if self.recorded is None:
            return f"{self.name} has no record"
        if self.now is None:
            return f"{self.name} is recorded, but not counted any more"
        if self.change > tolerance:
            grew = f"from {self.recorded} to {self.now} instructions"
            return f"{self.name} grew by {self.change:.1%}, {grew}"
        return None


def main(argv=None):
    """Count, then compare with the record or replace it."""
    parser = argparse.ArgumentParser(description=__doc__.partition(";")[0])
    parser.add_argument("--accept", action="store_true", help="record what is counted now")
    accept = parser.parse_args(argv).accept
    if obstacle := why_not_here():
        print(f"instructions: not counted: {obstacle}")
        return Status.NOT_MEASURED if accept else Status.DONE
    try:
        found = callgrind.count([str(PROGRAM)], [case.name for case in CASES])
    except callgrind.CountError as error:
        print(f"instructions: {error}", file=sys.stderr)
        return Status.NOT_MEASURED
    return record(found) if accept else check(found)


def why_not_here():
    """Return why nothing can be counted on this machine, or None."""
    if shutil.which(callgrind.TOOL) is None:
        return f"{callgrind.TOOL} is not installed"
    if callgrind.ISA not in bnfast.available_isas():
        return f"the record is of {callgrind.ISA}, which does not run on this {platform.machine()}"
    return None


def tools():
    """Return what decides, beside bnfast's source, which instructions a build has."""
    return {
        "compiler": bnfast._core.build_info()["compiler"],
        "Python": ".".join(platform.python_version_tuple()[:2]),
        "pybind11": version("pybind11"),
    }


def record(found):
    """Replace the record."""
    content = {"tools": tools(), "instructions": found}
    RECORD.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"{len(found)} counts recorded in {RECORD.name}")
    return Status.DONE


def check(found):
    """Print the counts beside their record, then what is wrong; fail if anything is."""
    kept = json.loads(RECORD.read_text(encoding="utf-8"))
    recorded, tolerance = kept["instructions"], tolerance_for(kept["tools"])
    counts = [Counted(name, recorded.get(name), found.get(name)) for name in recorded | found]
    print(table(["case", "recorded", "now", "change"], [count.row() for count in counts]))
    faults = [text for count in counts if (text := count.fault(tolerance))]
    if faults:
        print(*faults, f"If these counts are meant, {ACCEPT}", sep="\n")
        return Status.CHECK_FAILED
    if any(count.change < -tolerance for count in counts):
        print(f"Some counts fell. So that they stay low, {ACCEPT}")
    return Status.DONE


def tolerance_for(recorded):
    """Return the share by which counts may grow; say so if the record was made with other tools."""
    if recorded == tools():
        return TOLERANCE
    before, here = (", ".join(map(" ".join, made.items())) for made in (recorded, tools()))
    print(f"Recorded with {before}; here {here}: growth below {OTHER_TOOLS_TOLERANCE:.0%} is ok.")
    return OTHER_TOOLS_TOLERANCE


if __name__ == "__main__":
    sys.exit(main())
