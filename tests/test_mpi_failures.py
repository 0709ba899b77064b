"""`bnfast.mpi` where a rank fails, dies or does not come: an error on all ranks, and an end."""

import json

import pytest

import mpi_jobs

pytestmark = pytest.mark.once

pytest.importorskip("mpi4py", reason="bnfast.mpi needs mpi4py, which is not installed")

RANKS = 3
FIRST, LAST = 0, RANKS - 1


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What each rank was told of each refused call."""
    folder = tmp_path_factory.mktemp("refused")
    mpi_jobs.succeed(RANKS, "refuse.py", folder)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(RANKS)]


CULPRITS = {
    "channels of x": (LAST, "ValueError: x must have 3 channels"),
    "dtype of x": (FIRST, "TypeError: x must be float16, "),
    "shape of out": (LAST, "ValueError: out must have shape (4, 3, 2), got (1, 3, 2)"),
    "shape of residual": (FIRST, "ValueError: residual must have "),
    "no stats": (FIRST, "TypeError: stats must be a bnfast.ChannelStats, got ndarray"),
    "correction of one rank": (LAST, "ValueError: running_var_correction must lie in [0, 24)"),
    "renorm": (LAST, "ValueError: renorm and virtual_batch_size must be None"),
    "lost x": (LAST, "RuntimeError: backward needs the input, which the forward call has over"),
    "lost x by DLPack": (LAST, "RuntimeError: backward needs the input, which the forward call"),
    "lost residual": (FIRST, "RuntimeError: backward needs the residual, which the forward call"),
    "dtype of dy": (LAST, "TypeError: dy must have "),
    "out of backward": (FIRST, "ValueError: out must have "),
}


@pytest.mark.parametrize("call", CULPRITS)
def test_one_rank_fails_and_all_are_told(call, said):
    culprit, error = CULPRITS[call]
    own = said[culprit][call]
    assert own.startswith(error)
    for rank in set(range(RANKS)) - {culprit}:
        assert said[rank][call] == f"RuntimeError: rank {culprit} failed: {own}"


def test_two_ranks_fail(said):
    own = said[FIRST]["two ranks"]
    assert own == "ValueError: channel_axis must lie in [-1, 1) for a 1-d x, got 1"
    assert said[LAST]["two ranks"] == own
    assert said[1]["two ranks"] == (
        f"RuntimeError: rank {FIRST} failed: {own}; rank {LAST} failed: {own}"
    )


def test_one_value_per_channel_on_all_ranks(said):
    for rank in range(RANKS):
        size = (1, 3, 1) if rank == LAST else (0, 3, 2)
        assert said[rank]["one value"] == (
            "ValueError: Expected more than 1 value per channel when training, got input size "
            f"{size} and no more on {RANKS} ranks"
        )


CORRECTIONS = {"correction": 6, "larger correction": 15, "negative correction": -1}


@pytest.mark.parametrize("call", CORRECTIONS)
def test_no_more_values_on_all_ranks_than_the_correction(call, said):
    assert [told[call] for told in said] == RANKS * [
        "ValueError: running_var_correction must lie in [0, 6), the values per channel, got "
        f"{CORRECTIONS[call]}"
    ]


def test_a_correction_must_be_an_integer(said):
    assert [told["fractional correction"] for told in said] == RANKS * [
        "TypeError: running_var_correction must be an integer, got 1.5 of type float"
    ]


@pytest.mark.parametrize("call", ["num_features", "channels of stats"])
def test_other_channels_on_other_ranks(call, said):
    assert said[0][call].startswith("ValueError: ")
    assert [told[call] for told in said] == [said[0][call]] * RANKS


def test_ranks_at_different_calls(said):
    forward = "SyncBatchNorm's forward"
    for told in said:
        assert told["different calls"] == (
            "RuntimeError: the ranks are at different calls: "
            f"rank 0 at allreduce, rank 1 at {forward}, rank 2 at {forward}"
        )


def test_calls_after_refused_ones(said):
    for told in said:
        assert told["own forward"] == "RuntimeError: backward needs a forward call before it"
        assert told["at last"] is None


def test_a_killed_rank_ends_the_job():
    ended = mpi_jobs.run(2, "lose.py", "killed", 0)
    assert ended.status != 0


def test_an_exception_ends_the_job_under_mpi4py():
    ended = mpi_jobs.run(2, "lose.py", "raises", 0, options=["-m", "mpi4py"])
    assert ended.status != 0
    assert "LookupError: the data of rank 1 are gone" in ended.output


@pytest.mark.parametrize("how", ["raises", "leaves", "hangs"])
def test_a_missing_rank_is_an_error_in_time(how):
    ended = mpi_jobs.run(2, "lose.py", how, 1)
    assert ended.status != 0
    assert (
        "TimeoutError: rank 0 has waited 1 s for the other ranks at SyncBatchNorm's forward: "
        "not all 2 came"
    ) in ended.output
    assert "the second time: a call on this communicator has timed out" in ended.output
