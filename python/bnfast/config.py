"""What this build is, what it found on this machine, and what it will use."""

import platform
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from bnfast import _core

OPTIONAL_PACKAGES = (
    "ml_dtypes",
    "torch",
    "scikit-learn",
    "matplotlib",
    "pillow",
    "onnx",
    "dask",
    "mpi4py",
)
_OPENMP_RUNTIME = re.compile(r"lib(gomp|omp5?|iomp5?)(-\w+)?\.so")
_PROCESS_MAPS = Path("/proc/self/maps")


def info() -> dict[str, Any]:
    """Return the facts behind ``bnfast info``, ready for JSON.

    Returns
    -------
    dict
        ``build`` (version, compiler, type, platform, OpenMP), ``isa`` (names built into the
        library, available on this CPU, in use), ``threads`` (the default count and its source),
        ``caches`` (bytes), ``output_cache`` (the bound, what decided it, the bytes held),
        ``openmp_runtimes`` (those loaded in this process; None where the system does not tell)
        and ``versions`` (None for a package that is not installed).

    Examples
    --------
    >>> from bnfast.config import info
    >>> facts = info()
    >>> facts["isa"]["in_use"] in facts["isa"]["available"]
    True
    """
    build = _core.build_info()
    return {
        "build": {
            "version": build["version"],
            "compiler": build["compiler"],
            "type": build["build_type"],
            "platform": build["platform"],
            "openmp": build["openmp"],
            "openmp_version": build["openmp_version"],
        },
        "isa": {
            "built": list(build["isas_built"]),
            "available": list(build["isas_available"]),
            "in_use": build["isa"],
        },
        "threads": dict(_core.default_threads()),
        "caches": dict(_core.cache_sizes()),
        "output_cache": dict(_core.output_cache()),
        "openmp_runtimes": loaded_openmp_runtimes(),
        "versions": package_versions(),
    }


def loaded_openmp_runtimes() -> list[dict[str, str]] | None:
    """Return name and path of each OpenMP runtime in this process; None if it cannot be told.

    Two different runtimes in one process each keep their own threads, which is a common cause of
    slow programs, so they are worth seeing.
    """
    try:
        maps = _PROCESS_MAPS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return _openmp_runtimes(maps.splitlines())


def _openmp_runtimes(maps: Iterable[str]) -> list[dict[str, str]]:
    """Pick the OpenMP runtimes from lines of ``/proc/<pid>/maps``: five fields, then a path."""
    fields = (line.split(maxsplit=5) for line in maps)
    paths = {Path(field[5].removesuffix(" (deleted)")) for field in fields if len(field) == 6}
    found = sorted(path for path in paths if _OPENMP_RUNTIME.match(path.name))
    return [{"name": path.name, "path": str(path)} for path in found]


def package_versions() -> dict[str, str | None]:
    """Return the versions of Python, NumPy and the optional packages, importing none of them."""
    packages = {name: _installed_version(name) for name in ("numpy", *OPTIONAL_PACKAGES)}
    return {"python": platform.python_version(), **packages}


def _installed_version(name: str) -> str | None:
    # Here, because it is slow to import and `import bnfast` does not need it.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return None


def show_config(mode: Literal["stdout", "dicts"] = "stdout") -> dict[str, Any] | None:
    """Show what this build is and what it uses on this machine.

    Parameters
    ----------
    mode : {"stdout", "dicts"}, default "stdout"
        Print it, or return it as a dictionary, as `numpy.show_config` does.

    Returns
    -------
    dict or None
        The dictionary of `info` with ``mode="dicts"``, else None.

    Raises
    ------
    ValueError
        If `mode` is something else.

    Examples
    --------
    >>> import bnfast
    >>> bnfast.show_config(mode="dicts")["build"]["version"] == bnfast.__version__
    True
    """
    if mode == "dicts":
        return info()
    if mode != "stdout":
        raise ValueError(f"show_config: mode must be 'stdout' or 'dicts', got {mode!r}")
    print(describe(info()))
    return None


def show_versions() -> None:
    """Print the versions to put into a bug report: bnfast, Python, the system and the packages.

    Examples
    --------
    >>> import bnfast
    >>> bnfast.show_versions()  # doctest: +ELLIPSIS
    bnfast ...
    """
    lines = [("bnfast", _core.build_info()["version"]), ("system", platform.platform())]
    lines += [(name, found or "not installed") for name, found in package_versions().items()]
    lines.append(("executable", sys.executable))
    print("\n".join(f"{name:<13} {value}" for name, value in lines))


def describe(facts: dict[str, Any]) -> str:
    """Return the dictionary of `info` as text, one fact a line."""
    build, isa = facts["build"], facts["isa"]
    lines = [
        ("bnfast", f"{build['version']} ({build['type']}, {build['platform']})"),
        ("compiler", build["compiler"]),
        ("OpenMP", f"version {build['openmp_version']}" if build["openmp"] else "not built in"),
        ("ISAs built", ", ".join(isa["built"])),
        ("ISAs found", ", ".join(isa["available"])),
        ("ISA in use", isa["in_use"]),
        ("threads", _describe_threads(facts["threads"])),
        ("caches", ", ".join(_describe_cache(*item) for item in facts["caches"].items())),
        ("output cache", _describe_output_cache(facts["output_cache"])),
        *_describe_runtimes(facts["openmp_runtimes"]),
        ("versions", _describe_versions(facts["versions"])),
    ]
    return "\n".join(f"{name:<16} {value}" for name, value in lines)


def _describe_threads(threads: dict[str, Any]) -> str:
    quota = threads["cgroup_quota"]
    limit = "no cgroup quota" if quota is None else f"cgroup quota of {quota:g} CPUs"
    return (
        f"{threads['threads']}, from {threads['source']}"
        f" (affinity: {threads['affinity']} CPUs; {limit})"
    )


def _describe_cache(level: str, size: int) -> str:
    return f"{level.upper()} {size // 1024} KiB" if size > 0 else f"{level.upper()} unknown"


def _describe_output_cache(cache: dict[str, Any]) -> str:
    if cache["max_bytes"] == 0:
        return f"off, from {cache['source']}"
    most, held = (round(cache[key] / 2**20) for key in ("max_bytes", "held_bytes"))
    return f"up to {most} MiB, from {cache['source']}; holds {held} MiB"


def _describe_runtimes(runtimes: list[dict[str, str]] | None) -> list[tuple[str, str]]:
    label = "OpenMP runtimes"
    if runtimes is None:
        return [(label, "unknown")]
    if not runtimes:
        return [(label, "none loaded")]
    return [(label, f"{found['name']}: {found['path']}") for found in runtimes]


def _describe_versions(versions: dict[str, str | None]) -> str:
    return ", ".join(f"{name} {found}" for name, found in versions.items() if found)
