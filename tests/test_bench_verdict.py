"""Verdicts: ok, regression or unclear, and none where the control fails."""

import pytest

from bnfast.bench import Ratio, Thresholds, Verdict, judge
from bnfast.bench.verdict import overall

pytestmark = pytest.mark.once
STEADY = Ratio(1.0, 0.99, 1.01)
OK, REGRESSION, UNCLEAR = Verdict.OK, Verdict.REGRESSION, Verdict.UNCLEAR


@pytest.mark.parametrize(
    "low, value, high, verdict",
    [
        (0.99, 1.0, 1.01, OK),
        (0.5, 0.6, 0.7, OK),
        (1.03, 1.04, 1.05, OK),
        (1.04, 1.05, 1.06, UNCLEAR),
        (0.5, 1.0, 1.5, UNCLEAR),
        (1.05, 1.06, 1.07, UNCLEAR),
        (1.051, 1.06, 1.07, REGRESSION),
        (2.0, 3.0, 4.0, REGRESSION),
    ],
)
def test_the_whole_interval_decides(low, value, high, verdict):
    assert judge(Ratio(value, low, high), STEADY).verdict is verdict


@pytest.mark.parametrize(
    "control", [Ratio(1.0, 0.94, 1.0), Ratio(1.0, 1.0, 1.06), Ratio(1.2, 1.1, 1.3)]
)
@pytest.mark.parametrize("value", [0.5, 1.0, 3.0])
def test_nothing_is_said_if_the_control_fails(value, control):
    judgement = judge(Ratio(value, value, value), control)
    assert judgement.verdict is UNCLEAR
    assert str(control) in judgement.reason


def test_nan_is_unclear():
    nan = float("nan")
    assert judge(Ratio(1, 1, 1), Ratio(nan, nan, nan)).verdict is UNCLEAR
    assert judge(Ratio(nan, nan, nan), STEADY).verdict is UNCLEAR


def test_threshold_holds_for_ratio_and_control():
    ratio = Ratio(1.1, 1.09, 1.11)
    assert judge(ratio, STEADY, 0.05).verdict is REGRESSION
    assert judge(ratio, STEADY, 0.2).verdict is OK
    assert judge(ratio, STEADY, 0.005).verdict is UNCLEAR


def test_last_pattern_that_fits_is_the_threshold():
    thresholds = Thresholds(0.05, (("*", 0.1), ("small*", 0.2), ("*-1x64-*", 0.3)))
    assert thresholds.of("training") == 0.1
    assert thresholds.of("small") == 0.2
    assert thresholds.of("small-1x64-2t") == 0.3
    assert Thresholds().of("anything") == 0.05


@pytest.mark.parametrize(
    "verdicts, expected",
    [
        ([], UNCLEAR),
        ([OK, OK], OK),
        ([OK, UNCLEAR], UNCLEAR),
        ([UNCLEAR, REGRESSION, OK], REGRESSION),
    ],
)
def test_overall_verdict(verdicts, expected):
    assert overall(verdicts) is expected
