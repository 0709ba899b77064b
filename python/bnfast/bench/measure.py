"""Measure a case: bnfast, its peers and the limit take turns, after their answers are checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import bnfast
from bnfast import _core
from bnfast.bench.answers import BNFAST, failures
from bnfast.bench.cases import Case
from bnfast.bench.contender import Timed
from bnfast.bench.interleave import Effort, interleave
from bnfast.bench.limits import Probe, fastest, probes
from bnfast.bench.machine import cpu_model
from bnfast.bench.operations import FLOORS, Call, Problem, Traffic, bnfast_call, make_problem
from bnfast.bench.peers import Peers, peer_calls, reason
from bnfast.bench.quartiles import Quartiles
from bnfast.bench.ratio import Floats, Ratio, median_ratio
from bnfast.bench.threads import using_threads


@dataclass(frozen=True, eq=False)
class Bound:
    """What the memory allows: a time, and bnfast's share of the speed it stands for.

    `share` is the bound's time over bnfast's, `seconds` the bound's times, one a block.
    """

    pattern: str
    stores: str | None
    seconds: Floats
    share: Ratio

    def figures(self, bytes_moved: int) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "pattern": self.pattern,
            "stores": self.stores,
            "gb_per_s": bytes_moved / float(np.median(self.seconds)) / 1e9,
            "seconds": Quartiles.of(self.seconds).figures(),
            "share": self.share.figures(),
        }


@dataclass(frozen=True, eq=False)
class Measured:
    """A case's figures.

    Attributes
    ----------
    case : Case
        What was measured.
    seconds : ndarray of float64, shape (blocks,)
        bnfast's times per call.
    control : Ratio
        bnfast over itself.
    limit : Bound
        The least bytes at the machine's own speed.
    floor : Bound or None
        The bytes that must move where that is more, see `bnfast.bench.operations.FLOORS`.
    peers : mapping of str to Ratio
        How many times as long as bnfast each takes.
    left_out : mapping of str to str
        Why other peers, which are installed, do not take part.
    """

    case: Case
    seconds: Floats
    control: Ratio
    limit: Bound
    floor: Bound | None
    peers: Mapping[str, Ratio]
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Bytes per second, of the least that must move."""
        return self.case.bytes_moved / float(np.median(self.seconds))

    def extra_info(self) -> dict[str, Any]:
        """Return the figures that pytest-benchmark has no place for."""
        return {
            **self.case.figures(),
            "isa": _core.isa(),
            "version": bnfast.__version__,
            "cpu_model": cpu_model(),
            "tensor_bytes": self.case.tensor_bytes,
            "bytes_moved": self.case.bytes_moved,
            "gb_per_s": self.rate / 1e9,
            "share_of_limit": self.limit.share.value,
            "limit": self.limit.figures(self.case.bytes_moved),
            "floor": self.floor and self.floor.figures(self.case.bytes_moved),
            "control": self.control.figures(),
            "peers": {name: ratio.figures() for name, ratio in self.peers.items()},
            "left_out": dict(self.left_out),
        }


def measure(case: Case, effort: Effort | None = None, *, peers: bool = True) -> Measured:
    """Check the answers, then time them.

    Parameters
    ----------
    case : Case
        What to measure.
    effort : Effort, optional
        How long; 1 second by default.
    peers : bool, default True
        Whether NumPy, PyTorch and ONNX Runtime take part, as far as they are installed and right.

    Returns
    -------
    Measured
        Times and ratios.

    Raises
    ------
    WrongAnswerError
        If bnfast's answer is wrong.

    Examples
    --------
    >>> from bnfast.bench.cases import Case
    >>> from bnfast.bench.interleave import Effort
    >>> from bnfast.bench.measure import measure
    >>> found = measure(Case("training", "NCHW", (2, 3, 8, 8), 1), Effort(seconds=0.1))
    >>> "NumPy" in found.peers and found.rate > 0
    True
    """
    with using_threads(case.threads):
        problem = make_problem(case.layout, case.shape)
        own, others = checked_calls(case, problem, peers)
        return take_turns(case, problem, own, others, effort or Effort())


def checked_calls(case: Case, problem: Problem, peers: bool = True) -> tuple[Call, Peers]:
    """Return bnfast's call and, if asked for, its peers; those that fail or err are left out."""
    own = bnfast_call(bnfast, case.operation, problem)
    calls, left_out = peer_calls(case.operation, problem, case.threads) if peers else Peers({}, {})
    failed = failures(case.operation, problem, {BNFAST: own, **calls})
    if BNFAST in failed:
        raise failed[BNFAST]
    right = {name: call for name, call in calls.items() if name not in failed}
    left_out |= {name: reason(error) for name, error in failed.items()}
    return own, Peers(right, left_out)


def take_turns(
    case: Case, problem: Problem, own_call: Call, peers: Peers, effort: Effort
) -> Measured:
    """Let calls whose answers are right, and the probes of the memory, take turns."""
    floor = FLOORS.get((case.operation, case.layout))
    patterns = {traffic.probe for traffic in (case.traffic, floor) if traffic}
    limits = [
        probe
        for pattern in sorted(patterns)
        for probe in probes(pattern, problem.x, problem.dy, problem.out, case.threads)
    ]
    contenders = [own_call, own_call, *peers.calls.values(), *(probe.call for probe in limits)]
    times = interleave([Timed(call) for call in contenders], effort)
    own, control, *others = times.T[: -len(limits)]
    of_limits = times[:, -len(limits) :]

    def bound(traffic: Traffic) -> Bound:
        return _bound(traffic, own, of_limits, limits)

    return Measured(
        case,
        own,
        median_ratio(control, own),
        bound(case.traffic),
        bound(floor) if floor else None,
        {
            name: median_ratio(seconds, own)
            for name, seconds in zip(peers.calls, others, strict=True)
        },
        peers.left_out,
    )


def _bound(traffic: Traffic, own: Floats, times: Floats, measured: list[Probe]) -> Bound:
    """Return the time of so much traffic, by the better kind of stores."""
    places = [k for k, probe in enumerate(measured) if probe.name == traffic.probe]
    probe, seconds = fastest(times[:, places], [measured[k] for k in places])
    seconds = seconds * (traffic.tensors / probe.tensors)
    return Bound(probe.name, probe.stores, seconds, median_ratio(seconds, own))
