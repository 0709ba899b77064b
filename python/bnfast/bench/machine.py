"""What pytest-benchmark records of a machine, from the standard library."""

import platform
from functools import cache
from pathlib import Path
from typing import Any

_CPU_INFO = Path("/proc/cpuinfo")


@cache
def cpu_model() -> str:
    """Return the processor's name, or its kind where the system does not tell the name.

    Examples
    --------
    >>> from bnfast.bench.machine import cpu_model
    >>> len(cpu_model()) > 0
    True
    """
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def machine_info() -> dict[str, Any]:
    """Return it in pytest-benchmark's form."""
    return {
        "node": platform.node(),
        "processor": platform.processor(),
        "machine": platform.machine(),
        "python_implementation": platform.python_implementation(),
        "python_version": platform.python_version(),
        "system": platform.system(),
        "release": platform.release(),
        "cpu": {"brand_raw": cpu_model()},
    }
