"""Compare two installed builds of bnfast: each in processes of its own, which take turns.

Two processes of one build differ by several percent, each steadily: by the pages that their memory
got, by where stack and heap begin. More turns do not help. So the processes are started anew, many
times over; each start gives one ratio, and what they scatter is the uncertainty. A start ends when
each process has been as fast as it gets twice: what else the machine does can only slow it down.
"""

import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import bnfast
from bnfast.bench.cases import Case
from bnfast.bench.comparison import ComparedCase, Comparison
from bnfast.bench.interleave import Effort, interleave
from bnfast.bench.ratio import Floats, Ratio, median_ratio
from bnfast.bench.verdict import Judgement, Thresholds, Verdict, judge
from bnfast.bench.workers import CannotMeasureError, Worker, WorkerEndedError

INSTALLED = "installed"
LEAST_STARTS, MOST_STARTS = 8, 40
_LONGEST_START = 2.0  # seconds
_AS_FAST = 0.01


@dataclass
class _Measured:
    """A case with the fastest times of (candidate, baseline, control) of each start."""

    case: Case
    threshold: float
    times: list[Floats] = field(default_factory=list)
    failure: str = ""

    @property
    def decided(self) -> bool:
        """Whether further starts are useless."""
        clear = self.compared().judgement.verdict is not Verdict.UNCLEAR
        return bool(self.failure) or (len(self.times) >= LEAST_STARTS and clear)

    def compared(self) -> ComparedCase:
        """Return ratio, control and verdict of the starts so far."""
        if self.failure or not self.times:
            judgement = Judgement(Verdict.UNCLEAR, self.failure or "not measured")
            return ComparedCase(self.case.name, None, None, judgement)
        ratio, control = self._ratios()
        return ComparedCase(self.case.name, ratio, control, judge(ratio, control, self.threshold))

    def _ratios(self) -> tuple[Ratio, Ratio]:
        candidate, baseline, control = np.array(self.times).T
        return median_ratio(candidate, baseline), median_ratio(control, candidate)


def compare_builds(
    base: Path | str,
    candidate: Path | str,
    cases: Sequence[Case],
    *,
    thresholds: Thresholds | None = None,
    seconds: float = 60.0,
    slower: float = 0.0,
    progress: Callable[[str], None] = lambda step: None,
) -> Comparison:
    """Compare two builds, case by case, in processes that take turns.

    A second process of the candidate is the control.

    Parameters
    ----------
    base, candidate : Path or str
        A folder that holds a ``bnfast`` package (of ``pip install --target``), a wheel, or
        ``"installed"``, the bnfast of this process.
    cases : sequence of Case
        What to time.
    thresholds : Thresholds, optional
        How much slower is still ok; 0.05 by default.
    seconds : float, default 60
        How long to try for each case, on average and at most; less if it is soon clear. There are
        `LEAST_STARTS` starts whatever they take.
    slower : float, default 0
        Plant a slowdown of this share into the candidate, to see that it is found.
    progress : callable
        Called with each step's name.

    Returns
    -------
    Comparison
        A verdict for each case; one that a build cannot do, or does wrong, is unclear.

    Raises
    ------
    CannotMeasureError
        If there is no bnfast in a build's place, or it cannot be imported.

    Examples
    --------
    >>> from bnfast.bench import compare_builds
    >>> from bnfast.bench.cases import small_calls
    >>> found = compare_builds("installed", "installed", small_calls(1)[:1])  # doctest: +SKIP
    >>> found.verdict.value  # doctest: +SKIP
    'ok'
    """
    thresholds = thresholds or Thresholds()
    measured = [_Measured(case, thresholds.of(case.name)) for case in cases]
    with ExitStack() as stack:
        folders = [stack.enter_context(folder_of(build)) for build in (base, candidate)]
        old, new = stack.enter_context(_equally_long(folders))
        planned = (
            (new, slower, str(candidate)),
            (old, 0.0, str(base)),
            (new, slower, str(candidate)),
        )
        end = time.perf_counter() + seconds * len(measured)
        for start in range(MOST_STARTS):
            undecided = [found for found in measured if not found.decided]
            enough = all(len(found.times) >= LEAST_STARTS for found in undecided)
            if enough and (not undecided or time.perf_counter() > end):
                break
            longest = min(_LONGEST_START, seconds / LEAST_STARTS)
            effort = Effort(longest, least_blocks=3, seed=start)
            _measure(planned, undecided, effort, progress)
    return Comparison(str(base), str(candidate), [found.compared() for found in measured])


def _measure(
    planned: Sequence[tuple[Path, float, str]],
    measured: Sequence[_Measured],
    effort: Effort,
    progress: Callable[[str], None],
) -> None:
    """Start the processes, and let them take turns on each case."""
    with ExitStack() as stack:
        workers: dict[int, Worker] = {}
        for place in np.random.default_rng(effort.seed).permutation(len(planned)).tolist():
            workers[place] = stack.enter_context(Worker(*planned[place]))
        for worker in workers.values():
            if failure := worker.failure():
                raise failure
        for place, found in enumerate(measured, 1):
            progress(f"start {effort.seed + 1}, {place}/{len(measured)} {found.case.name}")
            try:
                found.times.append(_times(found.case, workers, effort))
            except WorkerEndedError as error:
                found.failure = str(error)
                return
            except CannotMeasureError as error:
                found.failure = str(error)


def _times(case: Case, workers: dict[int, Worker], effort: Effort) -> Floats:
    """Return the time of each process's fastest turn, in the order that was planned."""
    for worker in workers.values():
        worker.prepare(case)
    failures = [failure for worker in workers.values() if (failure := worker.failure())]
    if failures:
        raise max(failures, key=lambda failure: isinstance(failure, WorkerEndedError))
    contenders = [workers[place] for place in sorted(workers)]
    times = interleave(contenders, effort, of_block=np.min, enough=as_fast_twice)
    found: Floats = times.min(axis=0)
    return found


def as_fast_twice(times: Floats) -> bool:
    """Whether the fastest two blocks of each process agree."""
    fastest, second = np.sort(times, axis=0)[:2]
    return bool((second <= fastest * (1 + _AS_FAST)).all())


@contextmanager
def _equally_long(folders: Sequence[Path]) -> Iterator[list[Path]]:
    """Give the folders names of one length: a process's stack begins where its arguments end."""
    with TemporaryDirectory() as names:
        links = [Path(names, f"build-{place}") for place in range(len(folders))]
        for link, folder in zip(links, folders, strict=True):
            link.symlink_to(folder.resolve(), target_is_directory=True)
        yield links


@contextmanager
def folder_of(build: Path | str) -> Iterator[Path]:
    """Give the folder that holds a build's package, unpacked if it is a wheel.

    Of the installed one the package alone: what is installed beside it, NumPy say, is imported from
    where the other build's process imports it.
    """
    if str(build) == INSTALLED:
        with TemporaryDirectory() as alone:
            package = Path(bnfast.__file__).parent
            Path(alone, package.name).symlink_to(package, target_is_directory=True)
            yield Path(alone)
    elif (folder := Path(build)).suffix == ".whl" and folder.is_file():
        with TemporaryDirectory() as unpacked:
            with zipfile.ZipFile(folder) as wheel:
                wheel.extractall(unpacked)
            yield Path(unpacked)
    elif (folder / "bnfast" / "__init__.py").is_file():
        yield folder
    else:
        raise CannotMeasureError(
            f"expected a folder that holds bnfast, or a wheel, got {str(build)!r}"
        )
