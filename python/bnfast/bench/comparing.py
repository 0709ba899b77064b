"""Compare two saved runs."""

from pathlib import Path

from bnfast.bench.comparison import ComparedCase, Comparison
from bnfast.bench.quartiles import Quartiles
from bnfast.bench.ratio import Ratio
from bnfast.bench.saved import SavedCase, SavedRun, load
from bnfast.bench.verdict import Judgement, Thresholds, Verdict, judge

_TRUSTED = Ratio(1.0, 1.0, 1.0)


def compare(
    old: SavedRun | Path | str,
    new: SavedRun | Path | str,
    *,
    thresholds: Thresholds | float | None = None,
    trust_times: bool = False,
) -> Comparison:
    """Compare the cases that two saved runs have in common.

    Two runs are two processes, maybe on two days: the machine itself may have changed. So a case
    needs a control: the speed of the memory that each run measured beside it (the ``limit`` of its
    ``extra_info``). If this differs, or the processors do, the case stays unclear; to
    compare builds use ``bnfast bench compare`` with both installed.

    Parameters
    ----------
    old, new : SavedRun, Path or str
        Loaded, or files of pytest-benchmark.
    thresholds : Thresholds or float, optional
        How much slower is still ok; 0.05 by default.
    trust_times : bool, default False
        Judge cases without a control as if the machine had not changed.

    Returns
    -------
    Comparison
        Ratios of medians, with their 99 % intervals from quartiles and rounds. A case that the new
        run lacks is unclear.

    Raises
    ------
    NotSavedError
        If a file holds no benchmarks.

    Examples
    --------
    >>> from bnfast.bench import compare
    >>> print(compare("old.json", "new.json").text())  # doctest: +SKIP
    """
    old, new = (run if isinstance(run, SavedRun) else load(run) for run in (old, new))
    if not isinstance(thresholds, Thresholds):
        thresholds = Thresholds() if thresholds is None else Thresholds(thresholds)
    cases = []
    for name in (name for name in new.cases if name in old.cases):
        ratio = new.cases[name].times.over(old.cases[name].times)
        control = _control(old.cases[name], new.cases[name])
        if old.cpu != new.cpu:
            judgement = _unclear("the processors differ")
        elif control is None and not trust_times:
            judgement = _unclear("no control: the runs do not tell the speed of the memory")
        else:
            judgement = judge(ratio, control or _TRUSTED, thresholds.of(name))
        cases.append(ComparedCase(name, ratio, control, judgement))
    return Comparison(
        f"{old.label} {old.path}",
        f"{new.label} {new.path}",
        cases,
        missing=sorted(old.cases.keys() - new.cases),
        added=sorted(new.cases.keys() - old.cases),
    )


def _control(old: SavedCase, new: SavedCase) -> Ratio | None:
    """Return the time of the memory's own speed over that of before, if both runs tell it."""
    before, after = (_limit(case) for case in (old, new))
    return after.over(before) if before and after else None


def _limit(case: SavedCase) -> Quartiles | None:
    try:
        return Quartiles.read(case.extra["limit"]["seconds"])
    except (KeyError, TypeError, ValueError):
        return None


def _unclear(reason: str) -> Judgement:
    return Judgement(Verdict.UNCLEAR, reason)
