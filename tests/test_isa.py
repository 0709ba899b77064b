"""Instruction sets: listed, chosen, forced by name; the same bits wherever there is an fma."""

import os
import subprocess
import sys

import numpy as np
import pytest

import bnfast
from stored_types import FLOATS, INTEGERS, eps

AVAILABLE = bnfast.available_isas()
KNOWN = ["v4", "v3", "v2", "neon", "portable"]  # best first
WITH_FMA = [name for name in AVAILABLE if name in ("v4", "v3", "neon")]
LISTED = ", ".join(AVAILABLE)


def run(program, isa):
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "BNFAST_ISA": isa},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def use():
    """A function that forces an instruction set until the test ends."""
    before = bnfast.isa()
    yield bnfast.use_isa
    bnfast.use_isa(before)


def test_available():
    assert [name for name in KNOWN if name in AVAILABLE] == AVAILABLE
    info = bnfast._core.build_info()
    assert info["isas_available"] == AVAILABLE
    assert set(AVAILABLE) <= set(info["isas_built"])
    assert info["isa"] == bnfast.isa()


def test_the_wanted_one_runs():
    assert bnfast.isa() == (os.environ.get("BNFAST_ISA") or AVAILABLE[0])


@pytest.mark.parametrize("name", AVAILABLE)
def test_forced_by_name(use, name):
    use(name)
    assert bnfast.isa() == name
    assert bnfast._core.build_info()["isa"] == name


@pytest.mark.once
@pytest.mark.parametrize("name", [*AVAILABLE, ""])
def test_forced_by_the_environment(name):
    ended = run("import bnfast; print(bnfast.isa())", name)
    assert ended.stdout.strip() == (name or AVAILABLE[0]), ended.stderr


@pytest.mark.parametrize("name", ["v9", "", "V3", "v3 ", "avx2"])
def test_unknown_name(name):
    before = bnfast.isa()
    message = rf"^name must be one of .* available here \({LISTED}\), got '{name}'$"
    with pytest.raises(ValueError, match=message):
        bnfast.use_isa(name)
    assert bnfast.isa() == before


@pytest.mark.once
@pytest.mark.parametrize("name", ["v9", "V3", " v3", *(n for n in KNOWN if n not in AVAILABLE)])
def test_unknown_name_in_the_environment(name):
    ended = run("import bnfast", name)
    assert ended.returncode == 1
    assert "ImportError: BNFAST_ISA must be one of" in ended.stderr
    assert f"({LISTED}), got '{name}'" in ended.stderr


@pytest.mark.skipif(len(AVAILABLE) == 1, reason="only one instruction set is available")
def test_kernels_differ(use):
    # What is forced must also be what computes: without fma a product is rounded before the sum.
    x = np.random.default_rng(0).normal(3, 2, (4, 5, 999)).astype(np.float32)
    one_ulp = np.full(5, 1 + 2**-12, np.float32)
    seen = {}
    for name in AVAILABLE:
        use(name)
        seen.setdefault(bnfast.affine(x, one_ulp, one_ulp).tobytes(), []).append(name)
    without = [name for name in AVAILABLE if name not in WITH_FMA]
    assert list(seen.values()) == [names for names in (WITH_FMA, without) if names]


SHAPES = {
    "planes": (3, 37, 28 * 28),
    "short planes": (5, 67, 49),
    "tiny planes": (9, 35, 3),
    "long planes": (2, 3, 50_007),
    "rows": (777, 129, 1),
    "long rows": (1003, 7, 1),
    "one channel": (1, 1, 70_001),
}


def all_results(x, dy):
    c = x.shape[1]
    a, b = np.linspace([1, -1], [2, 1], c).T
    forward = bnfast.batch_norm_forward(x, a, b)
    statistics = forward.mean, forward.invstd, a
    sums = bnfast.batch_norm_backward_reduce(dy, x, *statistics[:2])
    return {
        "y": forward.y,
        "mean": forward.mean,
        "invstd": forward.invstd,
        **bnfast.batch_norm_backward(dy, x, *statistics)._asdict(),
        "frozen dx": bnfast.batch_norm_backward(dy, x, *statistics, training=False).dx,
        "elemt": bnfast.batch_norm_backward_elemt(dy, x, *statistics, *sums, 99),
        "inference": bnfast.batch_norm(x, a, a, a, b),
        "affine": bnfast.affine(x, a, b),
        "wide affine": bnfast.affine(x, a, b, dtype=np.float64),
        "narrow affine": bnfast.affine(x, a, b, dtype=np.float32),
        "standardize": bnfast.standardize(x, channel_axis=1),
        **{f"moments {k}": v for k, v in bnfast.moments(x)._asdict().items() if k != "count"},
    }


def layouts(shape, dtype):
    """Return x and dy in three layouts; the values of some channels are hard to sum."""
    rng = np.random.default_rng(1)
    x = rng.normal(3, 2, shape)
    x[:, -1] += 2e4
    x[0, 0, :1] = -0.0
    x, dy = x.astype(dtype), rng.normal(size=shape).astype(dtype)
    yield x, dy
    yield np.asfortranarray(x), np.asfortranarray(dy)
    last = [np.ascontiguousarray(array.swapaxes(1, 2)).swapaxes(1, 2) for array in (x, dy)]
    yield tuple(last)


@pytest.mark.once
@pytest.mark.skipif(len(WITH_FMA) < 2, reason="fewer than two instruction sets with fma")
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@FLOATS
def test_same_bits(use, shape, dtype):
    for x, dy in layouts(shape, dtype):
        use(WITH_FMA[0])
        wanted = all_results(x, dy)
        for name in WITH_FMA[1:]:
            use(name)
            for key, result in all_results(x, dy).items():
                if result is not None:
                    assert result.tobytes() == wanted[key].tobytes(), f"{key} by {name}"


@pytest.mark.once
@pytest.mark.skipif(len(AVAILABLE) == len(WITH_FMA), reason="all instruction sets have fma")
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@FLOATS
def test_nearly_the_same_without_fma(use, shape, dtype):
    # By a result's size: half precision is computed in float32, statistics of it too.
    computed = max(eps(np.float64), min(eps(dtype), eps(np.float32)))
    ulps = {2: eps(dtype), 4: computed, 8: computed}
    for x, dy in layouts(shape, dtype):
        use(AVAILABLE[0])
        wanted = all_results(x, dy)
        for name in AVAILABLE:
            use(name)
            for key, result in all_results(x, dy).items():
                if result is not None:
                    # Counted against the channel's largest value, or the largest of all channels.
                    others = (0, 2) if result.ndim == 3 else None
                    right = wanted[key].astype(np.float64)
                    largest = np.abs(right).max(others, keepdims=True)
                    error = np.abs(result - right) / np.maximum(largest, 1e-30)
                    assert error.max() <= 16 * ulps[result.itemsize], f"{key} by {name}"


def results_of_integers(x):
    c = x.shape[1]
    a, b = np.linspace([1, -1], [2, 1], c).T
    return [
        *bnfast.moments(x)[:2],
        *(bnfast.affine(x, a, b, dtype=kind) for kind in ("f2", "f4", "f8")),
        *(bnfast.standardize(x, channel_axis=1, dtype=kind) for kind in ("f2", "f4", "f8")),
    ]


@pytest.mark.once
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", INTEGERS, ids=lambda t: t.__name__)
def test_integers(use, shape, dtype):
    info = np.iinfo(dtype)
    plain = np.random.default_rng(2).integers(info.min, info.max, shape, dtype, endpoint=True)
    for x in (plain, np.asfortranarray(plain), np.ascontiguousarray(plain.swapaxes(1, 2))):
        use(WITH_FMA[0] if WITH_FMA else AVAILABLE[0])
        wanted = [result.tobytes() for result in results_of_integers(x)]
        for name in AVAILABLE:
            use(name)
            found = [result.tobytes() for result in results_of_integers(x)]
            same = len(wanted) if name in WITH_FMA else 2  # exact sums need no fma
            assert found[:same] == wanted[:same], name
