"""Saved runs as pytest-benchmark writes them, for the tests that read them."""

import json


def benchmark(name, seconds=1e-3, spread=0.01, rounds=40, extra=None):
    quartiles = {"q1": seconds * (1 - spread), "median": seconds, "q3": seconds * (1 + spread)}
    return {
        "name": name,
        "fullname": f"bench/bench_x.py::{name}",
        "stats": {**quartiles, "rounds": rounds},
        "extra_info": extra or {},
    }


def layer(name="training-NCHW-8x4x5x6-2t", share=0.8, limit=1e-3, peers=("NumPy",), **changes):
    operation, layout, shape, threads = name.split("-")
    ratio = {"ratio": 2.0, "low": 1.9, "high": 2.2}
    seconds = limit / share
    quartiles = {"q1": limit * 0.999, "median": limit, "q3": limit * 1.001, "rounds": 40}
    extra = {
        "operation": operation,
        "layout": layout,
        "shape": [int(length) for length in shape.split("x")],
        "threads": int(threads[:-1]),
        "isa": "v3",
        "version": "1.2.3",
        "tensor_bytes": 10_000_000,
        "bytes_moved": 20_000_000,
        "gb_per_s": 0.02 / seconds,
        "share_of_limit": share,
        "limit": {
            "pattern": "copy",
            "gb_per_s": 0.02 / limit,
            "seconds": quartiles,
            "share": {"ratio": share, "low": share, "high": share},
        },
        "floor": None,
        "control": {"ratio": 1.0, "low": 0.99, "high": 1.01},
        "peers": dict.fromkeys(peers, ratio),
        **changes,
    }
    return benchmark(name, seconds, extra=extra)


def run(benchmarks, day=1, cpu="A processor", commit="0123456789abcdef" * 2 + "01234567"):
    return {
        "machine_info": {"cpu": {"brand_raw": cpu}},
        "commit_info": {"id": commit},
        "benchmarks": benchmarks,
        "datetime": f"2026-07-{day:02}T10:00:00.000000+00:00",
        "version": "5.0.0",
    }


def write(path, content):
    path.write_text(json.dumps(content))
    return path
