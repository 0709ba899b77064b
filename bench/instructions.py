"""Guard the instruction counts of fixed small calls: python bench/instructions.py [--update].

They are kept in instructions.json by compiler, since another compiler counts differently. Exit
status: 0 no count exceeds its record, 1 one does, 2 wrong usage, 3 could not measure.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

import bnfast
from bnfast.bench.cases import Case
from bnfast.bench.operations import Problem, bnfast_call, make_problem
from bnfast.cli.status import Status
from bnfast.demo.tables import table
from callgrind import count, mark

RECORD = Path(__file__).with_name("instructions.json")
TOLERANCE = 0.02
ALIGNMENT = 64
CASES = [
    Case(operation, layout, shape, 1)
    for operation, layout, shape in (
        ("training", "NCHW", (4, 8, 28, 28)),
        ("training", "NCHW", (4, 32, 7, 7)),
        ("training", "NHWC", (4, 32, 14, 14)),
        ("training", "NHWC", (3, 17, 5, 7)),
        ("inference", "NCHW", (4, 8, 28, 28)),
        ("inference", "NCHW", (4, 32, 7, 7)),
        ("inference", "NHWC", (4, 32, 14, 14)),
        ("inference", "NHWC", (3, 17, 5, 7)),
        ("backward", "NCHW", (4, 8, 28, 28)),
        ("backward", "NCHW", (4, 32, 7, 7)),
        ("backward", "NHWC", (4, 32, 14, 14)),
        ("backward", "NHWC", (3, 17, 5, 7)),
        ("moments", "NCHW", (4, 8, 28, 28)),
        ("moments", "NHWC", (4, 32, 14, 14)),
        ("inference", "NCHW", (1, 64)),
        ("layer", "NCHW", (1, 64)),
        ("training", "NCHW", (257, 10)),
    )
]


def main(argv=None):
    """Count, then compare with the record or replace it."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--update", action="store_true", help="replace the record of this compiler")
    parser.add_argument("--run", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.run:
        run_cases()
        return Status.DONE
    compiler = bnfast._core.build_info()["compiler"]
    records = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    if not arguments.update and compiler not in records:
        return cannot(f"no record for {compiler}; make one with --update and commit it")
    if shutil.which("valgrind") is None:
        return cannot("valgrind is not installed")
    try:
        found = count([__file__, "--run"], [case.name for case in CASES])
    except (subprocess.CalledProcessError, OSError) as error:
        return cannot(f"{error}\n{getattr(error, 'stderr', b'').decode(errors='replace')}")
    if arguments.update:
        records[compiler] = found
        RECORD.write_text(json.dumps(records, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        return Status.DONE
    return compared(records[compiler], found)


def cannot(reason):
    """Say why nothing was measured."""
    print(f"instructions: {reason}", file=sys.stderr)
    return Status.NOT_MEASURED


def compared(record, found):
    """Print the counts beside their record; fail if one exceeds it, or is missing there."""
    rows, ok = [], True
    for name, counted in found.items():
        recorded = record.get(name)
        verdict = judged(recorded, counted)
        ok = ok and verdict.startswith("ok")
        rows.append([name, str(counted), str(recorded or "-"), verdict])
    print(table(["case", "instructions", "record", "verdict"], rows))
    return Status.DONE if ok else Status.CHECK_FAILED


def judged(recorded, counted):
    """Return ok, with advice where the record is worth an update, or what is wrong."""
    if recorded is None:
        return "no record: --update"
    change = counted / recorded - 1
    if change > TOLERANCE:
        return f"{change:+.1%}: too many"
    return f"ok, {change:+.1%}: --update" if change < -TOLERANCE else "ok"


def run_cases():
    """Call each case once, warmed up, between two marks: the program that is counted."""
    calls = [
        bnfast_call(bnfast, case.operation, aligned(make_problem(case.layout, case.shape)))
        for case in CASES
    ]
    for call in calls:
        call()
        mark()
        call()
        mark()


def aligned(problem):
    """Return a problem with its arrays at multiples of 64 bytes: tails and peels do not vary."""
    arrays = {
        name: aligned_array(value) if isinstance(value, np.ndarray) else value
        for name, value in vars(problem).items()
    }
    return Problem(**arrays)


def aligned_array(array):
    """Return a copy of an array whose data begins at a multiple of 64 bytes."""
    memory = np.empty(array.nbytes + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    copy = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


if __name__ == "__main__":
    sys.exit(main())
