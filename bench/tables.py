"""Statistics beside the memory's read speed, and tables beside scikit-learn.

python bench/tables.py [--seconds S]

All calls of a line take turns in this process; bnfast's answers are checked first. Prints shares of
the read speed of as many bytes, and times of scikit-learn as multiples of bnfast's.
"""

import argparse
import sys
from typing import Any

import numpy as np

import bnfast
from bnfast.bench.limits import probes
from bnfast.bench.operations import Call, at_huge_page
from median_times import seconds_of

TABLE = (1_000_000, 32)
# Shape and channel axis.
ARRAYS = [
    ((32, 64, 56, 56), 1),
    ((32, 256, 56, 56), 1),
    ((32, 512, 14, 14), 1),
    ((32, 56, 56, 64), -1),
    ((32, 56, 56, 256), -1),
    ((32, 14, 14, 512), -1),
    ((16, 512, 512, 3), -1),
    (TABLE, -1),
]


def filled(shape: tuple[int, ...]) -> Any:
    x = at_huge_page(shape)
    x[...] = np.random.default_rng(0).normal(3, 2, shape)
    return x


def statistics(shape: tuple[int, ...], axis: int, seconds: float) -> None:
    x = filled(shape)
    others = tuple(i for i in range(x.ndim) if i != axis % x.ndim)
    stats = bnfast.ChannelStats(channel_axis=axis)
    exact = x.mean(others, dtype=np.float64), x.var(others, dtype=np.float64)
    stats.update(x)
    np.testing.assert_allclose((stats.mean, stats.var()), exact, rtol=1e-9)
    np.testing.assert_allclose(bnfast.moments(x, channel_axis=axis)[:2], exact, rtol=1e-9)
    read = probes("read", x, x, x, bnfast.get_num_threads())
    calls: dict[str, Call] = {
        "moments": lambda: bnfast.moments(x, channel_axis=axis),
        "ChannelStats.update": lambda: stats.update(x),
        **{f"read {probe.stores}": probe.call for probe in read},
    }
    times = seconds_of(calls, seconds)
    limit = min(time for name, time in times.items() if name.startswith("read"))
    found = {name: limit / times[name] for name in ("moments", "ChannelStats.update")}
    report(f"{'x'.join(map(str, shape))} ({x.nbytes / 1e6:.0f} MB), share of reading", found)


def scalers(seconds: float) -> None:
    from sklearn.preprocessing import StandardScaler as Original

    from bnfast.sklearn import StandardScaler

    x = filled(TABLE)
    own, original = StandardScaler().fit(x), Original().fit(x)
    np.testing.assert_allclose(own.scale_, original.scale_, rtol=1e-6)
    np.testing.assert_allclose(own.transform(x), original.transform(x), atol=1e-5)
    calls: dict[str, dict[str, Call]] = {
        "fit": {"own": lambda: own.fit(x), "its": lambda: original.fit(x)},
        "transform": {"own": lambda: own.transform(x), "its": lambda: original.transform(x)},
    }
    for what, both in calls.items():
        times = seconds_of(both, seconds)
        report(f"StandardScaler.{what} of {TABLE}", {"scikit-learn": times["its"] / times["own"]})


def report(what: str, found: dict[str, float]) -> None:
    figures = "  ".join(f"{name} {value:.2f}" for name, value in found.items())
    print(f"{what}: {figures}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="for each line")
    seconds = parser.parse_args().seconds
    for shape, axis in ARRAYS:
        statistics(shape, axis, seconds)
    scalers(seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
