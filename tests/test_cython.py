"""bnfast.cython_bnfast: what it declares, and extensions that cimport it from the package."""

import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import bnfast
import reference
from bnfast import cython_bnfast
from extensions import ROOT, build, build_copy, loaded, run

pytestmark = pytest.mark.once

PACKAGE = Path(bnfast.__file__).parent
OK, INVALID_ARGUMENT, UNSUPPORTED = range(3)
needs_nm = pytest.mark.skipif(shutil.which("nm") is None, reason="nm is not installed")


def declared(text):
    """Return the words of functions, structs and enumerations by name; C's and Cython's alike."""
    text = re.sub(r"/\*.*?\*/|#[^\n]*", "", text, flags=re.DOTALL)
    text = text.replace("ptrdiff_t", "Py_ssize_t").replace("(void)", "()")
    functions = re.findall(r"(?:BNF_API|cdef) ([^;()]*\*?)\b(bnf_\w+)(\([^)]*\))", text)
    types = re.findall(r"\btypedef \w+ (\w+) \{(.*?)\}", text, re.DOTALL)
    types += re.findall(r"\bctypedef \w+ (\w+):\n((?:    .*\n)+)", text)
    parts = [(name, returned + arguments) for returned, name, arguments in functions]
    parts += [(name, body) for name, body in types if name.startswith("bnf_")]
    return {name: re.findall(r"\w+|\*", text) for name, text in parts}


def defined_symbols(*command):
    listed = subprocess.run(["nm", "-D", *command], check=True, capture_output=True, text=True)
    return [line.split()[-1] for line in listed.stdout.splitlines()]


def test_the_declarations_are_those_of_the_header():
    header = declared((Path(bnfast.get_include()) / "bnfast.h").read_text())
    assert len(header) == 15 + 7
    assert header["bnf_merge"][:4] == ["bnf_status", "Py_ssize_t", "channels", "double"]
    # Below the header's come the fused types and the functions on memoryviews.
    here = declared((PACKAGE / "cython_bnfast.pxd").read_text())
    assert {name: here.get(name) for name in header} == header


def test_the_table_has_one_order_and_each_function_calls_its_member():
    filled = re.findall(
        r"decltype\(&(bnf_\w+)\) (\w+) = (\w+);",
        (ROOT / "src_cpp/bindings/c_table.cpp").read_text(),
    )
    assert len(filled) == 15
    assert [name for name, _, value in filled if name != value] == []
    text = (PACKAGE / "cython_bnfast.pyx").read_text()
    assert re.findall(r"\(\*(\w+)\)\(", text) == [member for _, member, _ in filled]
    calls = re.findall(r"\b(bnf_\w+)\([^)]*\) noexcept nogil:\n    return core\.(\w+)\(", text)
    assert calls == [(name, member) for name, member, _ in filled]


def test_the_example(tmp_path):
    folder = build_copy("examples/cython", tmp_path / "example")
    assert run(folder, "run.py").endswith("as NumPy says\n")


def test_the_example_of_the_docstring(tmp_path):
    blocks = re.findall(r"::\n\n((?:    .*\n|\n)+)", cython_bnfast.__doc__)
    for name, block in zip(["columns.pyx", "setup.py"], blocks, strict=True):
        (tmp_path / name).write_text(re.sub(r"^    ", "", block, flags=re.MULTILINE))
    build(tmp_path)
    table = np.random.default_rng(3).normal(5, 2, (50, 3)).astype(np.float32)
    exact = reference.forward(table, eps=0)
    loaded(tmp_path, "columns").standardize(table, np.empty(3), np.empty(3))
    assert reference.max_error(table, exact) < 1e-6


@needs_nm
def test_an_extension_needs_no_symbol_of_bnfast(every_function):
    assert [name for name in defined_symbols(every_function.__file__) if "bnf_" in name] == []


@needs_nm
@pytest.mark.parametrize("name", ["_core", "cython_bnfast"])
def test_modules_export_what_python_looks_for_alone(name):
    (place,) = PACKAGE.glob(f"{name}.*.so")
    assert defined_symbols("--defined-only", place) == [f"PyInit_{name}"]


def test_importing_bnfast_does_not_load_it(tmp_path):
    program = "import sys, bnfast; print('bnfast.cython_bnfast' in sys.modules)"
    assert run(tmp_path, "-c", program) == "False\n"


def test_another_table_is_refused(tmp_path):
    program = """
import ctypes, bnfast._core
new = ctypes.pythonapi.PyCapsule_New
new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
table, name = (ctypes.c_int * 64)(2), b"bnfast._core._c_api"
bnfast._core._c_api = new(ctypes.addressof(table), name, None)
try:
    import bnfast.cython_bnfast
except ImportError as error:
    print(error)
"""
    assert "by table 1, which has table 2" in run(tmp_path, "-c", program)


def test_the_number_of_threads_is_that_of_the_process(every_function):
    before = bnfast.get_num_threads()
    try:
        bnfast.set_num_threads(3)
        assert every_function.get_num_threads() == 3
        assert every_function.set_num_threads(5) == OK
        assert bnfast.get_num_threads() == 5
        assert every_function.set_num_threads(-1) == INVALID_ARGUMENT
        assert every_function.set_num_threads(0) == OK
        bnfast.set_num_threads(None)
        assert every_function.get_num_threads() == bnfast.get_num_threads()
    finally:
        bnfast.set_num_threads(before)


def test_the_instruction_set_is_that_of_the_process(every_function):
    before = bnfast.isa()
    try:
        for isa in bnfast.available_isas():
            bnfast.use_isa(isa)
            assert every_function.isa() == isa
        assert every_function.use_isa(before) == OK
        assert bnfast.isa() == before
        assert every_function.use_isa("abacus") == UNSUPPORTED
    finally:
        bnfast.use_isa(before)


def test_version_and_texts(every_function):
    major, minor, patch = bnfast.__version__.split(".")
    number = 10000 * int(major) + 100 * int(minor) + int(patch)
    assert every_function.version() == (number, bnfast.__version__)
    assert every_function.status_text(OK) == "done"
    assert "argument" in every_function.status_text(INVALID_ARGUMENT)


def test_calls_from_many_threads_give_the_same_bits(every_function):
    x = np.random.default_rng(5).normal(3, 2, (16, 24, 300)).astype(np.float32)

    def normalized(threads):
        y, mean, var, invstd = np.empty_like(x), np.empty(24), np.empty(24), np.empty(24)
        arguments = (x, None, None, 1e-5, 0, y, mean, var, invstd, 1, threads)
        assert every_function.view_forward(*arguments) == OK
        return b"".join(array.tobytes() for array in (y, mean, var, invstd))

    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(normalized, [0, 1, 2, 3, 7] * 8))
    assert len(found) == 1
