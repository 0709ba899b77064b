"""Paired times: their order, their ratio, their interval, on a clock that the contenders move."""

import gc
import itertools
import json
import math

import numpy as np
import pytest

from bnfast.bench import Effort, Verdict, judge, paired
from bnfast.bench.contender import Slowed, Timed
from bnfast.bench.interleave import interleave
from bnfast.bench.ratio import Ratio, median_ratio
from fake_clock import FakeClock

pytestmark = pytest.mark.once
SHORT = Effort(seconds=1.0)


@pytest.fixture
def clock():
    return FakeClock()


class Recorder:
    def __init__(self, name, turns):
        self.name, self.turns = name, turns

    def turn(self, warm_up, seconds):
        self.turns.append(self.name)
        return 1.0


@pytest.mark.parametrize(
    "factor, verdict",
    [(1.0, Verdict.OK), (0.5, Verdict.OK), (1.04, Verdict.OK), (1.1, Verdict.REGRESSION)],
)
def test_known_durations_give_the_known_ratio(factor, verdict, clock):
    found = paired(clock.work(1e-3 * factor), clock.work(1e-3), effort=SHORT, clock=clock)
    assert found.ratio.value == pytest.approx(factor)
    assert found.ratio.spread < 1e-9
    assert found.control.value == pytest.approx(1)
    assert found.judge().verdict is verdict
    assert found.candidate_seconds == pytest.approx(1e-3 * factor)
    assert found.baseline_seconds == pytest.approx(1e-3)


@pytest.mark.parametrize("seconds", [1e-8, 1e-6, 1e-4, 1e-2, 1.0])
def test_every_duration_is_measured(seconds, clock):
    assert Timed(clock.work(seconds), clock).turn(0.005, 0.005) == pytest.approx(seconds)


def test_a_machine_that_slows_down_does_not_change_the_ratio(clock):
    slower = clock.work(lambda: 1.1e-3 * (1 + clock.now / 4))
    steady = clock.work(lambda: 1e-3 * (1 + clock.now / 4))
    found = paired(slower, steady, effort=Effort(seconds=4.0), precision=0, clock=clock)
    assert found.baseline_seconds[-1] > 1.5 * found.baseline_seconds[0]
    assert found.ratio.value == pytest.approx(1.1, rel=3e-3)
    assert found.judge().verdict is Verdict.REGRESSION


def test_pauses_of_a_minute_do_not_change_the_verdict(clock):
    calls = itertools.count(1)
    candidate = clock.work(lambda: 1e-3 + 60 * (next(calls) % 97 == 0))
    effort = Effort(seconds=0, least_blocks=40)
    found = paired(candidate, clock.work(1e-3), effort=effort, clock=clock)
    assert found.judge().verdict is Verdict.OK


def test_a_contender_that_is_not_steady_is_not_judged(clock):
    rng = np.random.default_rng(1)
    level = {"turn": 1.0}

    def seconds():
        if rng.random() < 0.1:
            level["turn"] = rng.uniform(1, 3)
        return 1e-3 * level["turn"]

    found = paired(clock.work(seconds), clock.work(1e-3), effort=SHORT, clock=clock)
    judgement = found.judge()
    assert judgement.verdict is Verdict.UNCLEAR
    assert "control" in judgement.reason


@pytest.mark.parametrize("count", [2, 3, 5])
def test_blocks_are_an_order_and_its_mirror_image(count):
    turns = []
    effort = Effort(seconds=0, least_blocks=60, most_blocks=60)
    times = interleave([Recorder(k, turns) for k in range(count)], effort)
    assert times.shape == (60, count)
    blocks = np.reshape(turns, (60, 2 * count))
    assert (blocks == blocks[:, ::-1]).all()
    assert (np.sort(blocks[:, :count]) == np.arange(count)).all()
    assert len({tuple(block) for block in blocks.tolist()}) > 1


def test_orders_follow_from_the_seed():
    def turns_of(seed):
        turns = []
        effort = Effort(seconds=0, least_blocks=9, seed=seed)
        interleave([Recorder(k, turns) for k in range(3)], effort)
        return turns

    assert turns_of(1) == turns_of(1) != turns_of(2)


def test_time_ends_the_measurement(clock):
    contender = Timed(clock.work(0.1), clock)
    effort = Effort(seconds=3.0, least_blocks=2, warm_up=0, turn=0)
    blocks = len(interleave([contender, contender], effort, clock=clock))
    assert 2 < blocks < 30
    assert clock.now >= 3.0
    assert len(interleave([contender], Effort(0, 7, warm_up=0, turn=0), clock=clock)) == 7
    assert len(interleave([contender], Effort(1e9, 1, 9, 0, 0), clock=clock)) == 9


def test_enough_ends_the_measurement(clock):
    shown = []

    def enough(times):
        shown.append(len(times))
        return len(times) >= 12

    contender = Timed(clock.work(0.1), clock)
    times = interleave([contender], Effort(seconds=1e9), enough=enough, clock=clock)
    assert len(times) == 12
    assert shown == [8, 12]


def test_a_block_can_keep_the_faster_turn(clock):
    durations = itertools.cycle([3.0, 2.0])

    class Changing:
        def turn(self, warm_up, seconds):
            return next(durations)

    effort = Effort(seconds=0, least_blocks=2)
    assert interleave([Changing()], effort).tolist() == [[2.5], [2.5]]
    assert interleave([Changing()], effort, of_block=np.min).tolist() == [[2.0], [2.0]]


def test_a_turn_warms_up_and_keeps_the_fastest(clock):
    durations = itertools.chain([5.0, 9.0, 9.0, 4.0, 3.0, 7.0], itertools.repeat(8.0))
    contender = Timed(clock.work(lambda: next(durations)), clock)
    # 5 finds how many calls make a batch, 9 and 9 fill the warm-up, the others the turn.
    assert contender.turn(warm_up=15.0, seconds=12.0) == 3.0


def test_a_slow_first_call_does_not_change_the_batches(clock):
    def calls_of_a_turn(first):
        durations = itertools.chain([first], itertools.repeat(1.25e-5))
        called = []
        contender = Timed(clock.work(lambda: called.append(next(durations)) or called[-1]), clock)
        contender.turn(0, 0)
        return len(called)

    assert calls_of_a_turn(1e-3) == calls_of_a_turn(1.25e-5) > 20


def test_at_least_two_batches_are_timed(clock):
    durations = itertools.chain([1.0, 1.0, 6.0, 5.0], itertools.repeat(1.0))
    assert Timed(clock.work(lambda: next(durations)), clock).turn(0, 0) == 5.0


@pytest.mark.parametrize("seconds", [1e-6, 1e-3])
@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_a_planted_slowdown_takes_its_share_longer(seconds, share, clock):
    def ticking():
        clock.now += 1e-7
        return clock.now

    slowed = Slowed(clock.work(seconds), share, ticking)
    assert slowed.turn(0.001, 0.001) == pytest.approx(seconds * (1 + share), rel=0.02)


def test_garbage_is_not_collected_during_a_turn(clock):
    seen = []

    def call():
        seen.append(gc.isenabled())
        clock.now += 1
        if len(seen) > 5:
            raise RuntimeError

    assert gc.isenabled()
    with pytest.raises(RuntimeError):
        Timed(call, clock).turn(0, 9)
    assert gc.isenabled()
    assert not any(seen)


def test_ratio_is_the_median_of_pairs_and_its_interval_is_repeatable():
    rng = np.random.default_rng(0)
    pairs = rng.uniform(1, 2, 50)
    candidate = pairs * rng.normal(1.1, 0.01, 50)
    found = median_ratio(candidate, pairs)
    assert found.value == np.median(candidate / pairs)
    assert found.low < 1.1 < found.high
    assert 0.001 < found.spread < 0.01
    assert found == median_ratio(candidate, pairs)
    assert median_ratio(candidate, pairs, confidence=0.5).spread < found.spread


def misses(count, beyond):
    """The probability that of so many values at most `beyond` are on one side of the median."""
    return sum(math.comb(count, k) for k in range(beyond + 1)) / 2**count


@pytest.mark.parametrize("confidence", [0.9, 0.99])
@pytest.mark.parametrize("count", [8, 9, 20, 21, 200])
@pytest.mark.parametrize("seed", range(5))
def test_interval_covers_as_often_as_it_says(count, confidence, seed):
    # Exact for any distribution: it depends on the places of the bounds among the values alone.
    ratios = np.random.default_rng(seed).lognormal(0, 0.05, count)
    found = median_ratio(ratios, np.ones(count), confidence=confidence)
    below, above = int(np.sum(ratios < found.low)), int(np.sum(ratios > found.high))
    assert misses(count, below) + misses(count, above) <= 1 - confidence
    # One value less on each side would not do.
    assert misses(count, below + 1) + misses(count, above + 1) > 1 - confidence


@pytest.mark.parametrize("count", [1, 7])
def test_few_pairs_have_a_ratio_and_no_verdict(count):
    found = median_ratio(np.full(count, 3.0), np.full(count, 2.0))
    assert found == Ratio(1.5, 0.0, math.inf)
    one = Ratio(1, 1, 1)
    assert judge(found, one).verdict is judge(one, found).verdict is Verdict.UNCLEAR
    assert median_ratio(np.full(8, 3.0), np.full(8, 2.0)) == Ratio(1.5, 1.5, 1.5)


def test_many_pairs_have_an_interval():
    assert median_ratio(np.full(3000, 3.0), np.full(3000, 2.0)) == Ratio(1.5, 1.5, 1.5)


def test_no_bound_is_valid_json():
    figures = median_ratio(np.ones(3), np.ones(3)).figures()
    assert json.loads(json.dumps(figures, allow_nan=False)) == {"ratio": 1, "low": 0, "high": None}


def test_the_default_effort_gives_an_interval(clock):
    found = paired(clock.work(1.0), clock.work(1.0), effort=Effort(seconds=0), clock=clock)
    assert found.judge().verdict is Verdict.OK


def test_figures_are_medians(clock):
    figures = paired(clock.work(2e-3), clock.work(1e-3), effort=SHORT, clock=clock).figures()
    assert figures["ratio"] == pytest.approx(2)
    assert figures["control"]["ratio"] == pytest.approx(1)
    assert figures["candidate_seconds"] == pytest.approx(2e-3)
    assert figures["baseline_seconds"] == pytest.approx(1e-3)
    assert figures["blocks"] >= 8


@pytest.mark.parametrize("name", ["candidate", "baseline"])
def test_what_cannot_be_called_is_refused(name):
    arguments = {"candidate": int, "baseline": int, name: 3}
    with pytest.raises(TypeError, match=f"{name} must be callable, got int"):
        paired(**arguments)


@pytest.mark.parametrize(
    "wrong, error, message",
    [
        ({"confidence": 99}, ValueError, "confidence must lie between 0 and 1, got 99"),
        ({"confidence": 0.0}, ValueError, "confidence must lie between 0 and 1, got 0.0"),
        ({"confidence": float("nan")}, ValueError, "confidence must lie between 0 and 1, got nan"),
        ({"confidence": "99%"}, TypeError, "confidence must be a number, got str"),
        ({"precision": -0.1}, ValueError, "precision must be 0 or more, got -0.1"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_timed(wrong, error, message):
    with pytest.raises(error, match=message):
        paired(lambda: pytest.fail("timed first"), int, **wrong)


@pytest.mark.parametrize("confidence", [-5, 1])
def test_wrong_confidences_are_refused(confidence):
    with pytest.raises(ValueError, match=f"confidence must .*got {confidence}"):
        median_ratio(np.ones(9), np.ones(9), confidence=confidence)


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"seconds": -1}, "seconds must be 0 or more, got -1"),
        ({"warm_up": float("nan")}, "warm_up must be 0 or more, got nan"),
        ({"turn": -0.1}, "turn must be 0 or more"),
        ({"least_blocks": 0}, "least_blocks and most_blocks must be 1 or more"),
        ({"least_blocks": 9, "most_blocks": 8}, "in this order, got 9 and 8"),
    ],
)
def test_wrong_efforts_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Effort(**wrong)
