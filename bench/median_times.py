"""Time calls that take turns in this process."""

import numpy as np

from bnfast.bench.contender import Timed
from bnfast.bench.interleave import Effort, interleave
from bnfast.bench.operations import Call


def seconds_of(calls: dict[str, Call], seconds: float) -> dict[str, float]:
    """Return each call's time, the median over the blocks of so many seconds."""
    times = interleave([Timed(call) for call in calls.values()], Effort(seconds=seconds))
    return dict(zip(calls, np.median(times, axis=0), strict=True))
