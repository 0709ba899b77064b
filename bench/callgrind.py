"""Count the instructions of calls under valgrind: exact, whatever else the machine does.

Counted is what bnfast's own shared object executes, one part of the profile a call: callgrind
writes a part each time the program asks for the number of its parent process.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

MARK = "getppid"
OWN = re.compile(r"/bnfast/_core\.[^/]*so$")
# AVX-512 is more than valgrind can run; one thread, or the count depends on who waits for whom.
SETTINGS = {
    "BNFAST_ISA": "v3",
    "BNFAST_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
}


def count(program, names):
    """Return the instructions of named calls of a program, which calls `mark` around each."""
    with TemporaryDirectory() as folder:
        parts = Path(folder, "parts")
        tool = ["valgrind", "--tool=callgrind", f"--dump-before={MARK}"]
        command = [*tool, f"--callgrind-out-file={parts}", sys.executable, *program]
        subprocess.run(command, check=True, stderr=subprocess.PIPE, env={**os.environ, **SETTINGS})
        # The odd parts are what comes between the calls.
        return {
            name: own_instructions(Path(f"{parts}.{2 * place}").read_text(encoding="utf-8"))
            for place, name in enumerate(names, 1)
        }


def mark():
    """End a part of the profile."""
    getattr(os, MARK)()


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
    return total
