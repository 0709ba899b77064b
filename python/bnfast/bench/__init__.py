"""Benchmarks that can be trusted: interleaved, with a control, beside the machine's own limit.

`paired` times two callables side by side, `judge` gives the verdict, `roofline` measures the
memory; `load` and `compare` read what pytest-benchmark saves, `compare_builds` runs two builds of
bnfast in turn, `report` draws a page.
"""

from bnfast.bench.builds import compare_builds
from bnfast.bench.comparing import compare
from bnfast.bench.comparison import ComparedCase, Comparison
from bnfast.bench.interleave import Effort
from bnfast.bench.limits import Roofline, roofline
from bnfast.bench.page import report
from bnfast.bench.pairing import Paired, paired
from bnfast.bench.ratio import Ratio
from bnfast.bench.saved import NotSavedError, SavedCase, SavedRun, load
from bnfast.bench.verdict import Judgement, Thresholds, Verdict, judge
from bnfast.bench.workers import CannotMeasureError

__all__ = [
    "CannotMeasureError",
    "ComparedCase",
    "Comparison",
    "Effort",
    "Judgement",
    "NotSavedError",
    "Paired",
    "Ratio",
    "Roofline",
    "SavedCase",
    "SavedRun",
    "Thresholds",
    "Verdict",
    "compare",
    "compare_builds",
    "judge",
    "load",
    "paired",
    "report",
    "roofline",
]
