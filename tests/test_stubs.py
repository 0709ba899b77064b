"""The types that the package tells type checkers are those that it has."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.once
pytest.importorskip("mypy", reason="mypy, which reads the stubs, is not installed")

# What a user writes, and the types it has; each error named is one that mypy must find.
USE = """\
import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_type

import bnfast

x16 = np.ones((2, 3), np.float16)
x32 = np.ones((2, 3), np.float32)
x64 = np.ones((2, 3))
c = np.ones(3)
frozen = bnfast.Affine(c, c, c)

assert_type(bnfast.batch_norm(x16, training=True, out=x16), NDArray[np.float16])
assert_type(bnfast.batch_norm(x32, training=True), NDArray[np.float32])
assert_type(bnfast.batch_norm(x64, c, c, [1, 2, 3], c, out=x64), NDArray[np.float64])
assert_type(bnfast.batch_norm(memoryview(x32.tobytes())), NDArray[np.floating])
assert_type(bnfast.affine(x32, c, c, out=x32), NDArray[np.float32])
assert_type(bnfast.affine(x32, c, c, dtype=np.float64), NDArray[np.float64])
assert_type(bnfast.affine(x32, c, c, dtype="float64"), NDArray[np.floating])
assert_type(bnfast.affine(x32, c, c, dtype=np.float16), NDArray[np.float16])
assert_type(bnfast.standardize(np.ones((2, 3), np.uint8)), NDArray[np.floating])
assert_type(bnfast.standardize(x64), NDArray[np.float64])
assert_type(bnfast.standardize(x64, dtype=np.dtype(np.float32)), NDArray[np.float32])
assert_type(frozen(x32), NDArray[np.float32])
assert_type(frozen.mean, NDArray[np.float64])
assert_type(bnfast.batch_norm_backward_elemt(x32, x32, c, c, None, c, c, 2), NDArray[np.float32])
assert_type(bnfast.moments(x32).count, int)
assert_type(bnfast.batch_norm_forward(x32).invstd, NDArray[np.float64])
assert_type(bnfast.batch_norm_backward(x32, x32, c, c).dweight, NDArray[np.float64] | None)
assert_type(bnfast.batch_norm_backward_reduce(x32, x32, c, c)[0], NDArray[np.float64])
assert_type(bnfast.inference_params(c, c), tuple[NDArray[np.float64], NDArray[np.float64]])
assert_type(bnfast.available_isas(), list[str])
bnfast.set_num_threads(None)

bnfast.moments([1.0])  # error: arg-type
bnfast.moments(x32, 1)  # error: call-arg
bnfast.moments(x32, axis=1)  # error: call-arg
bnfast.batch_norm(x32, momentum=None)  # error: call-overload
bnfast.affine(x32, 1.0, c)  # error: call-overload
bnfast.batch_norm_forward(x32, activation="tanh")  # error: arg-type
bnfast.use_isa(3)  # error: arg-type
"""


def run(folder, *command):
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,  # away from the checkout: what is installed is meant
        capture_output=True,
        text=True,
        check=False,
    )


def test_stubs_match_the_compiled_module(tmp_path):
    ended = run(tmp_path, "mypy.stubtest", "bnfast._core", "bnfast.results")
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_types_that_users_see(tmp_path):
    (tmp_path / "use.py").write_text(USE)
    strict = ["--strict", "--no-error-summary", "--hide-error-context", "--no-pretty"]
    ended = run(tmp_path, "mypy", *strict, "use.py")
    found = [line.split(": ", 2) for line in ended.stdout.splitlines() if ": error: " in line]
    marked = [
        (f"use.py:{number}", line.partition("# error: ")[2])
        for number, line in enumerate(USE.splitlines(), 1)
        if "# error: " in line
    ]
    assert [(place, text.rpartition("[")[2].rstrip("]")) for place, _, text in found] == marked
