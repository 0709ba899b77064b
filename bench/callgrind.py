"""Count the instructions of calls under valgrind: exact, whatever else the machine does.

Counted is what bnfast's own shared object executes between `begin` and `end`: neither Python nor
the C library. Callgrind begins anew, and writes a part of its profile, where the program enters two
functions that nothing else calls.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

TOOL = "valgrind"
BEGIN, END = "getppid", "getpgrp"
OWN = re.compile(r"/bnfast/_core\.[^/]*so$")
# AVX-512 is more than valgrind can run; one thread, or the count depends on who waits for whom.
ISA = "v3"
# All of the environment, as its size moves the stack, and with that what a hash of addresses costs.
ENVIRONMENT = {
    "BNFAST_ISA": ISA,
    "BNFAST_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
}


class CountError(Exception):
    """Valgrind or the program failed, or the profile is not of the calls expected."""


def begin():
    """Count from here."""
    getattr(os, BEGIN)()


def end():
    """Count up to here."""
    getattr(os, END)()


def count(program, names):
    """Return the instructions of each named call of a Python program, in the order it makes them.

    Raises `CountError`.
    """
    with TemporaryDirectory() as folder:
        run(program, Path(folder, "part"))
        # "part" itself is of what follows the last call.
        ended = len(list(Path(folder).glob("part.*")))
        if ended != len(names):
            raise CountError(f"expected {len(names)} calls, but {ended} ended")
        parts = (Path(folder, f"part.{place}") for place in range(1, ended + 1))
        counts = (own_instructions(part.read_text(encoding="utf-8")) for part in parts)
        return dict(zip(names, counts, strict=True))


def run(program, parts):
    """Run a program, which calls `begin` and `end`, under callgrind."""
    tool = [shutil.which(TOOL) or TOOL, "--tool=callgrind", f"--callgrind-out-file={parts}"]
    command = [*tool, f"--zero-before={BEGIN}", f"--dump-before={END}", sys.executable, *program]
    try:
        done = subprocess.run(command, check=False, capture_output=True, env=ENVIRONMENT)
    except OSError as error:
        raise CountError(str(error)) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace")
        raise CountError(f"{TOOL} ended with status {done.returncode}:\n{said}")


def own_instructions(profile):
    """Sum up a profile's lines that belong to bnfast's shared object.

    After a line ``calls=`` comes what the called function cost, which it has lines of its own for.
    """
    names, total, own, called = {}, 0, False, False
    for line in profile.splitlines():
        kind, _, value = line.partition("=")
        if kind in ("ob", "cob"):  # "(3) path" at first, then "(3)"
            key, _, path = value.partition(" ")
            names.setdefault(key, path)
            own = OWN.search(names[key]) is not None if kind == "ob" else own
        elif kind == "calls":
            called = True
        elif re.match(r"[\d+*-]", line):
            total += int(line.split()[1]) if own and not called else 0
            called = False
    if not total:
        raise CountError("a call executed nothing of bnfast")
    return total
