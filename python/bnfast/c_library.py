"""Where the C library lies that comes with this package, and how programs are built with it."""

from pathlib import Path

__all__ = ["cflags", "get_cmake_dir", "get_include", "libs"]

_PACKAGE = Path(__file__).parent


def get_include() -> str:
    """Find the directory of ``bnfast.h``.

    Returns
    -------
    str
        For a C or C++ compiler's ``-I``.

    Examples
    --------
    >>> import bnfast, os
    >>> os.path.exists(os.path.join(bnfast.get_include(), "bnfast.h"))
    True
    """
    return str(_PACKAGE / "include")


def get_cmake_dir() -> str:
    """Find the directory of ``bnfastConfig.cmake``.

    Returns
    -------
    str
        What CMake's ``find_package(bnfast)`` takes as ``bnfast_DIR``.

    Examples
    --------
    >>> import bnfast, os
    >>> os.path.exists(os.path.join(bnfast.get_cmake_dir(), "bnfastConfig.cmake"))
    True
    """
    return str(_PACKAGE / "lib" / "cmake" / "bnfast")


def cflags() -> str:
    """Tell a compiler where the header lies."""
    return f"-I{get_include()}"


def libs() -> str:
    """Tell a linker where the static library lies and what it needs, as bnfast.pc does."""
    description = _PACKAGE / "lib" / "pkgconfig" / "bnfast.pc"
    lines = description.read_text(encoding="utf-8").splitlines()
    flags = next(line for line in lines if line.startswith("Libs:")).removeprefix("Libs:")
    return flags.replace("${libdir}", str(_PACKAGE / "lib")).strip()
