"""What an installed bnfast does anywhere. Run it outside the checkout; it exits 1 at a failure."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np


def packages_loaded() -> set[str]:
    return {name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names


before = packages_loaded()
import bnfast  # noqa: E402  (what it loads is the question)

loaded = packages_loaded() - before
assert loaded == {"bnfast"}, f"import bnfast also loaded {loaded - {'bnfast'}}"
assert bnfast.__version__ == version("bnfast")

x = np.random.default_rng(0).normal(3, 2, (8, 5, 7, 7)).astype(np.float32)
wide = x.astype(np.float64)
mean, var = wide.mean((0, 2, 3), keepdims=True), wide.var((0, 2, 3), keepdims=True)
y = bnfast.batch_norm(x, training=True)
assert y.dtype == x.dtype
np.testing.assert_allclose(y, (wide - mean) / np.sqrt(var + 1e-5), rtol=0, atol=2e-6)

command = Path(sys.executable).with_name("bnfast")
for program in ([command], [sys.executable, "-m", "bnfast"]):
    printed = subprocess.run([*program, "info", "--json"], check=True, capture_output=True).stdout
    assert json.loads(printed)["build"]["version"] == bnfast.__version__

print(f"bnfast {bnfast.__version__} works: {bnfast.__file__}, {bnfast.isa()}")
