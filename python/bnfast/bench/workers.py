"""Processes that time a build on request, see `bnfast.bench.worker`."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from bnfast.bench.cases import Case

_WORKER = Path(__file__).with_name("worker.py")


class CannotMeasureError(Exception):
    """A build cannot be run, or cannot do a case."""


class WorkerEndedError(CannotMeasureError):
    """The process of a build has ended before its time."""


class Worker:
    """A process that runs one build; a contender.

    Parameters
    ----------
    folder : Path
        Holds the ``bnfast`` package of the build. Its name is kept, a link's too: processes whose
        arguments are of different lengths have different stacks, and times.
    slower : float, default 0
        Slow each call down by this share of its time.
    name : str, optional
        The build's, in errors; by default the folder's.
    """

    def __init__(self, folder: Path, slower: float = 0.0, name: str = "") -> None:
        self._name = name or str(folder)
        self._process = subprocess.Popen(
            [sys.executable, str(_WORKER), str(folder.absolute()), f"{slower:.6f}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def prepare(self, case: Case) -> None:
        """Ask to make ready for the turns of a case."""
        self._ask({"case": case.figures()})

    def failure(self) -> CannotMeasureError | None:
        """Wait until the build is imported, or a case prepared; return why it is not, if so."""
        try:
            self._reply()
        except CannotMeasureError as error:
            return error
        return None

    def turn(self, warm_up: float, seconds: float) -> float:
        """Return the seconds per call of one turn."""
        self._ask({"turn": [warm_up, seconds]})
        return float(self._reply()["seconds"])

    def _ask(self, request: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            raise self._ended() from None

    def _reply(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._ended()
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise CannotMeasureError(f"{self._name}: {reply['error']}")
        return reply

    def _ended(self) -> WorkerEndedError:
        status = self._process.wait()
        return WorkerEndedError(f"{self._name}: its process ended with status {status}")
