"""`bnfast.mpi.SyncBatchNorm` under mpiexec: what one process computes of the whole batch."""

import numpy as np
import pytest

import mpi_jobs
from mpi_batches import BIAS, CASES, CHANNELS, PARTS, STEPS, WEIGHT, batch, part_of
from reference import ACTIVATIONS, Real, backward, inference, max_error, moments

pytestmark = pytest.mark.once

pytest.importorskip("mpi4py", reason="bnfast.mpi needs mpi4py, which is not installed")

RANKS = [1, 2, 3]
EVERY_RANKS = {"weight_grad", "bias_grad", "running_mean", "running_var"}


@pytest.fixture(scope="module", params=RANKS, ids="{} ranks".format)
def runs(request, tmp_path_factory):
    """Two runs of the same job: of each, what its ranks have found."""
    found = []
    for _ in range(2):
        folder = tmp_path_factory.mktemp("run")
        mpi_jobs.succeed(request.param, "train.py", folder)
        found.append([dict(np.load(folder / f"{rank}.npz")) for rank in range(request.param)])
    return found


def exact(case):
    """Yield what each step gives, by its definition, on the whole batch."""
    affine = case.options.get("affine", True)
    weight, bias = (WEIGHT, BIAS) if affine else (1, 0)
    value, slope = ACTIVATIONS[case.options.get("activation")]
    mean_so_far, var_so_far = np.zeros(CHANNELS, Real), np.ones(CHANNELS, Real)
    for step in range(STEPS):
        x, dy, residual = (batch(case, step, what).astype(Real) for what in ("x", "dy", "residual"))
        mean, var = moments(x, case.channel_axis)
        before = inference(x, mean, var, weight, bias, channel_axis=case.channel_axis)
        if case.residual:
            before = before + residual
        through = dy * slope(before)
        dx, dweight, dbias = backward(through, x, mean, var, weight, channel_axis=case.channel_axis)
        found = {"y": value(before), "dx": dx}
        if affine:
            found |= {"weight_grad": dweight, "bias_grad": dbias}
        if case.residual:
            found["residual_grad"] = through
        if case.options.get("track_running_stats", True):
            momentum = case.options.get("momentum", Real("0.1"))
            momentum = Real(1) / (step + 1) if momentum is None else momentum
            correction = case.options.get("running_var_correction", 1)
            unbiased = moments(x, case.channel_axis, correction)[1]
            mean_so_far = mean_so_far + momentum * (mean - mean_so_far)
            var_so_far = var_so_far + momentum * (unbiased - var_so_far)
            found |= {"running_mean": mean_so_far, "running_var": var_so_far}
        yield {f"{step}.{name}": array for name, array in found.items()}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_equals_one_process_on_the_whole_batch(case, runs):
    expected = {name: array for step in exact(case) for name, array in step.items()}
    tolerance = 1e-12 if case.dtype == np.float64 else 1e-5
    ranks = runs[0]
    for at, parts in enumerate(PARTS[len(ranks)]):
        own = f"{case.name}.{at}."
        for rank, found in enumerate(ranks):
            names = {name.removeprefix(own) for name in found if name.startswith(own)}
            assert names == set(expected)
            for name in names:
                whole = expected[name]
                if name.partition(".")[2] not in EVERY_RANKS:
                    whole = part_of(rank, parts, whole)
                    assert found[own + name].dtype == case.dtype
                assert found[own + name].shape == whole.shape
                if whole.size:
                    scale = max(1.0, float(np.abs(whole).max()))
                    assert max_error(found[own + name], whole) <= tolerance * scale, (name, rank)


def test_all_ranks_and_all_runs_have_the_same_bits(runs):
    first, second = runs
    for rank, found in enumerate(first):
        assert found.keys() == second[rank].keys()
        for name, array in found.items():
            assert array.tobytes() == second[rank][name].tobytes()
            if name.rpartition(".")[2] in EVERY_RANKS:
                assert array.tobytes() == first[0][name].tobytes()
