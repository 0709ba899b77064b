"""A process that times one build of bnfast on request: ``python worker.py FOLDER [SLOWER]``.

FOLDER holds the build's ``bnfast`` package; it may be older than this file, and lack
`bnfast.bench`. So nothing is imported from there but what is timed, and files of this file's own
package are loaded by their paths. Requests and replies are lines of JSON:

- ``{"case": {...}}``: prepare a case, its answer checked, and forget the one before; ``{}``.
- ``{"turn": [warm_up, seconds]}``: take a turn; ``{"seconds": per_call}``.

The first reply, ``{}``, says that the build is imported; ``{"error": text}``, that it cannot do
what was asked, or gives a wrong answer. SLOWER plants a slowdown of that share of each call's time.
"""

import ctypes
import importlib.util
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

Call = Callable[[], object]

_ADDR_NO_RANDOMIZE = 0x0040000  # of Linux's sys/personality.h
_ASK = 0xFFFFFFFF


def restart_at_fixed_addresses() -> None:
    """Begin again with stack, heap and libraries where every process has them.

    Where they begin changes the times of small calls by several percent. Does nothing if they are
    fixed already, or if the system has no such switch or refuses it.
    """
    personality = getattr(ctypes.CDLL(None), "personality", None)
    if personality is None:
        return
    current = personality(_ASK)
    if current < 0 or current & _ADDR_NO_RANDOMIZE:
        return
    if personality(current | _ADDR_NO_RANDOMIZE) >= 0:
        os.execv(sys.executable, sys.orig_argv)


def load_own(place: str) -> ModuleType:
    """Load a file of this package, by its place there, without importing the package."""
    path = Path(__file__).parents[1] / f"{place}.py"
    spec = importlib.util.spec_from_file_location(f"_bnfast_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def import_build(folder: Path) -> Any:
    """Import bnfast from a folder, and make sure that it is that one."""
    sys.path.insert(0, str(folder))
    bnfast = importlib.import_module("bnfast")
    found = Path(str(bnfast.__file__)).parents[1].resolve()
    if found != folder.resolve():
        raise ImportError(f"bnfast was imported from {str(found)!r}, not from {str(folder)!r}")
    return bnfast


class Server:
    """Answers requests for one build."""

    def __init__(self, bnfast: Any, slower: float) -> None:
        self._bnfast = bnfast
        self._slower = slower
        self._operations = load_own("bench/operations")
        self._contender = load_own("bench/contender")
        self._tolerance = load_own("bench/tolerance")
        self._reference = load_own("demo/reference")
        self._timed: Any = None

    def reply(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what a request asks for."""
        if "case" in request:
            self._timed = None  # its memory first
            self._timed = self._contender.Slowed(self._call(request["case"]), self._slower)
            return {}
        return {"seconds": self._timed.turn(*request["turn"])}

    def _call(self, case: dict[str, Any]) -> Call:
        """Return the build's call for a case, whose answer is right."""
        operation = case["operation"]
        self._bnfast.set_num_threads(case["threads"])
        problem = self._operations.make_problem(case["layout"], tuple(case["shape"]))
        call: Call = self._operations.bnfast_call(self._bnfast, operation, problem)
        expected = self._operations.right_answer(self._reference, operation, problem)
        error_of = self._operations.answer_error(self._reference, operation, problem)
        self._tolerance.check_answer("bnfast", operation, call, problem.out, expected, error_of)
        return call


def serve(server: Server, requests: TextIO, replies: TextIO) -> None:
    """Answer until there are no more requests."""
    for line in requests:
        try:
            reply = server.reply(json.loads(line))
        except Exception as error:  # whatever this build raises is its answer
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=replies, flush=True)


def main(folder: str, slower: str = "0") -> None:
    """Serve on standard input and output; what the build prints goes to standard error."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        server = Server(import_build(Path(folder)), float(slower))
    except ImportError as error:
        print(json.dumps({"error": str(error)}), file=replies)
        return
    print(json.dumps({}), file=replies, flush=True)
    serve(server, sys.stdin, replies)


if __name__ == "__main__":
    restart_at_fixed_addresses()
    del sys.path[0]  # this folder: its files are no modules of their own
    main(*sys.argv[1:])
