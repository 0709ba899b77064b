"""``bench/variants.py`` and ``bench/tables.py``: what they print, and that they check answers."""

import numpy as np
import pytest

import bnfast
import tables
import variants
from bnfast.bench.operations import make_problem
from bnfast.bench.tolerance import WrongAnswerError

pytestmark = pytest.mark.once
SHAPE = (2, 3, 5, 4)


def test_a_line_for_each_operation_and_layout(capsys):
    variants.fused([SHAPE], 0.01)
    lines = [line.split(" 2x")[0] for line in capsys.readouterr().out.splitlines()]
    operations = ("training", "inference", "backward", "inference with a residual")
    assert lines == [f"{name} {layout}" for layout in ("NCHW", "NHWC") for name in operations]


FORWARD, BACKWARD = bnfast.batch_norm, bnfast.batch_norm_backward


def wrong_where(wanted):
    """Return batch_norm, its answer a little off where its options are such."""

    def call(*arguments, out, **options):
        y = FORWARD(*arguments, out=out, **options)
        return np.add(y, 1e-3, out=out) if wanted(arguments, options) else y

    return call


WRONG = {
    "training": lambda arguments, options: True in arguments[5:6],
    "inference": lambda arguments, options: len(arguments) == 5 and "activation" not in options,
    "relu": lambda arguments, options: options.get("activation") == "relu",
    "silu": lambda arguments, options: options.get("activation") == "silu",
    "residual": lambda arguments, options: "residual" in options,
}


@pytest.mark.parametrize("wanted", WRONG.values(), ids=WRONG)
def test_wrong_forward_answers_are_not_timed(wanted, monkeypatch):
    monkeypatch.setattr(bnfast, "batch_norm", wrong_where(wanted))
    with pytest.raises((WrongAnswerError, AssertionError)):
        variants.fused_calls(make_problem("NCHW", SHAPE))


@pytest.mark.parametrize("activation", [None, "relu", "silu"])
def test_wrong_gradients_are_not_timed(activation, monkeypatch):
    def call(*arguments, **options):
        found = BACKWARD(*arguments, **options)
        if options.get("activation") == activation:
            found.dx[...] += 1e-3
        return found

    monkeypatch.setattr(bnfast, "batch_norm_backward", call)
    with pytest.raises((WrongAnswerError, AssertionError)):
        variants.fused_calls(make_problem("NHWC", SHAPE))


def test_wrong_float32_answers_are_not_taken_for_the_measure_of_half(monkeypatch):
    pytest.importorskip("ml_dtypes", reason="computes in bfloat16, which needs ml_dtypes")
    monkeypatch.setattr(bnfast, "batch_norm", wrong_where(lambda arguments, options: True))
    with pytest.raises(WrongAnswerError, match="bnfast: the error of inference"):
        list(variants.half_calls("inference", make_problem("NCHW", SHAPE)))


def test_wrong_moments_are_not_timed(monkeypatch):
    right = bnfast.moments
    monkeypatch.setattr(bnfast, "moments", lambda x, **more: right(x * np.float32(1.001), **more))
    with pytest.raises(AssertionError, match="Mismatched elements"):
        tables.statistics(SHAPE, 1, 0.01)


def test_shares_of_reading(capsys):
    tables.statistics(SHAPE, 1, 0.01)
    said = capsys.readouterr().out
    assert said.startswith("2x3x5x4 (0 MB), share of reading: moments ")
