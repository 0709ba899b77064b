"""Results large enough for memory of the library's own, and what is known of that memory."""

import os
import subprocess
import sys

import numpy as np

import bnfast
from bnfast import _core

MIB = 2**20
ROWS = 2**18
X = np.random.default_rng(0).normal(3, 2, (ROWS, 16)).astype(np.float32)  # 16 MiB: a large one
Y = X * np.float32(2) + np.float32(1)
C = np.ones(16)


def large(rows=ROWS):
    """Return 2x + 1 of so many rows, cut off or repeated, as a fresh result."""
    x = np.resize(X, (rows, 16))
    return bnfast.affine(x, 2 * C, C)


def held():
    return _core.output_cache()["held_bytes"]


def address(array):
    return array.__array_interface__["data"][0]


def run(program, **environment):
    clean = {name: value for name, value in os.environ.items() if name != "BNFAST_OUTPUT_CACHE"}
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
