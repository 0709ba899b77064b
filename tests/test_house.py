"""The rules of the house: who includes whom, where a word lives, what a kernel's object defines."""

import ast
import os
import platform
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

import bnfast

pytestmark = [pytest.mark.once, pytest.mark.aside]

ROOT = Path(__file__).parents[1]
CPP = ROOT / "src_cpp"
MOST_LINES = 400

# Whose files a folder's may include, besides its own.
LAYERS = {
    "bindings": {"core", "dispatch", "include"},
    "c_api": {"core", "dispatch", "include"},
    "include": set(),
    "core": {"dispatch", "kernels/contract.hpp"},
    "dispatch": {"kernels/contract.hpp"},
    "kernels": {"simd"},
    "simd": set(),
}
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.MULTILINE)

# A pattern of C++ and the places, below src_cpp, where it may stand.
HOMES = {
    "Python's C API": (r"\bpybind11\b|\bPy[A-Z]\w+\(|\bpy::", ("bindings/",)),
    "OpenMP": (r"\bomp_\w+|#\s*pragma\s+omp|<omp\.h>|\b_OPENMP\b", ("core/parallel.cpp",)),
    "the environment": (r"\bgetenv\b", ("dispatch/",)),
    "tests of the CPU": (r"\b__builtin_cpu_\w+|\bcpuid\b|\bgetauxval\b", ("dispatch/",)),
    "intrinsics": (r"<immintrin\.h>|<arm_neon\.h>|\b_mm\d*_\w+|\bv\w+q_f(32|64)\b", ("simd/",)),
    "flags that change arithmetic": (r"ffast-math|Ofast|funsafe-math|fassociative-math", ()),
}


def cpp_files(*folders):
    return sorted(
        path for folder in folders or LAYERS for path in (CPP / folder).rglob("*") if path.is_file()
    )


def name_of(path):
    return path.relative_to(CPP).as_posix()


def written_files():
    for folder in ("src_cpp", "python", "tests", "bench", ".ci"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".pyi", ".pyx", ".pxd", ".cpp", ".hpp", ".h"):
                yield path


def test_every_folder_has_its_layer():
    assert {path.name for path in CPP.iterdir()} == set(LAYERS)


@pytest.mark.parametrize("path", cpp_files(), ids=name_of)
def test_includes_follow_the_arrows(path):
    layer = path.relative_to(CPP).parts[0]
    for kind, included in INCLUDE.findall(path.read_text()):
        if kind == "<":
            continue
        assert (CPP / included).is_file(), f"include {included!r} by its path below src_cpp"
        allowed = included.split("/")[0] == layer or any(
            included == place or included.startswith(place + "/") for place in LAYERS[layer]
        )
        assert allowed, f"{layer} must not include {included}"


@pytest.mark.parametrize("path", cpp_files("kernels", "simd"), ids=name_of)
def test_kernels_include_c_headers_alone(path):
    # A function of the C++ library, instantiated in a kernel's file, could be linked into code
    # that runs on a lesser CPU.
    system = [included for kind, included in INCLUDE.findall(path.read_text()) if kind == "<"]
    assert [included for included in system if not included.endswith(".h")] == []


@pytest.mark.parametrize("pattern, homes", HOMES.values(), ids=HOMES)
def test_words_live_in_one_place(pattern, homes):
    found = {name_of(path) for path in cpp_files() if re.search(pattern, path.read_text())}
    assert not homes or found, "the pattern finds nothing at all"
    assert [name for name in found if not name.startswith(homes or "none/")] == []


def test_the_build_does_not_change_arithmetic():
    for path in (ROOT / "CMakeLists.txt", ROOT / "pyproject.toml", ROOT / "Makefile"):
        assert not re.search(HOMES["flags that change arithmetic"][0], path.read_text())


PARTS = [path for path in cpp_files("kernels") if path.suffix == ".cpp"]


def built_objects(library, *layers):
    """Return what builds for this machine have left in the checkout, if no source is newer."""
    newest = max(path.stat().st_mtime for path in cpp_files(*layers))
    return [
        path
        for path in (ROOT / "build").glob(f"*/CMakeFiles/bnfast_{library}.dir/**/*.o")
        if "aarch64" not in path.parts[len(ROOT.parts) + 1] and path.stat().st_mtime > newest
    ]


def built_object(source, library, *layers):
    """Return the one of a source, or None."""
    objects = built_objects(library, *layers)
    return next((path for path in objects if path.name == source.name + ".o"), None)


def compiled(source, folder, *flags):
    """Compile a file much as the build does."""
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("no object of the build, and no compiler to make one")
    target = folder / "object.o"
    fixed = ["-std=c++17", "-O3", "-fno-exceptions", "-fno-rtti", "-fPIC", "-c"]
    subprocess.run([compiler, *fixed, *flags, f"-I{CPP}", source, "-o", target], check=True)
    return target


def compiled_kernels(isa, part, folder):
    flags = [f"-march=x86-64-{isa}"] if isa.startswith("v") else []
    header = f'-DBNFAST_ISA_HEADER="kernels/isa_{isa}.hpp"'
    return compiled(part, folder, header, *flags)


def symbols_of(path):
    """Return kinds and names, as nm tells them."""
    listed = subprocess.run(["nm", path], check=True, capture_output=True, text=True).stdout
    symbols = [tuple(line.split()[-2:]) for line in listed.splitlines()]
    return [(kind, name) for kind, name in symbols if not name.startswith(".L")]


@pytest.mark.skipif(shutil.which("nm") is None, reason="nm is not installed")
@pytest.mark.parametrize("part", PARTS, ids=name_of)
@pytest.mark.parametrize("isa", sorted(p.stem[4:] for p in CPP.glob("kernels/isa_*.hpp")))
def test_kernels_define_their_own_namespace_alone(isa, part, tmp_path):
    machine = platform.machine().lower()
    needs = {"v2": "x86_64", "v3": "x86_64", "v4": "x86_64", "neon": "aarch64"}.get(isa, machine)
    if machine.replace("amd64", "x86_64").replace("arm64", "aarch64") != needs:
        pytest.skip(f"{isa} is compiled on {needs}")
    built = built_object(part, isa, "kernels", "simd")
    symbols = symbols_of(built or compiled_kernels(isa, part, tmp_path))
    own = re.compile(rf"_Z(Z|TV|TI|TS|GV)?N?K?6bnfast{len(isa)}{isa}")
    defined = [name for kind, name in symbols if kind not in "Uw"]
    assert [name for name in defined if not own.match(name)] == []
    assert any(own.match(name) for name in defined)
    # What a kernel calls is compiled for every CPU: C's library.
    called = {name for kind, name in symbols if kind in "Uw" and not own.match(name)}
    assert called <= {"memcpy", "memmove", "memset", "_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail"}


def compiled_core(part, folder):
    version = '#define BNF_VERSION 0\n#define BNF_VERSION_TEXT ""\n'
    (folder / "bnfast_version.h").write_text(version)
    return compiled(part, folder, "-fvisibility=hidden", "-fopenmp", f"-I{folder}")


CORE = ("core", "dispatch", "c_api", "include", "kernels")  # what its objects are made of

# The Python module's own.
BESIDES_THE_CORE = {"core/output_memory.cpp"}


def test_exceptions_are_told():
    told = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert [name for name in BESIDES_THE_CORE if f"`{name}`" not in told] == []


@pytest.mark.skipif(shutil.which("nm") is None, reason="nm is not installed")
@pytest.mark.parametrize(
    "path",
    [
        path
        for path in cpp_files("core", "dispatch", "c_api")
        if path.suffix == ".cpp" and name_of(path) not in BESIDES_THE_CORE
    ],
    ids=name_of,
)
def test_the_core_calls_c_libraries_alone(path, tmp_path):
    # A program without the C++ library's runtime can link it.
    library = "c_api" if path.parent.name == "c_api" else "core"
    symbols = symbols_of(built_object(path, library, *CORE) or compiled_core(path, tmp_path))
    called = [name for kind, name in symbols if kind in "Uw"]
    foreign = re.compile(r"_Z(?!T?[A-Z]*N?K?6bnfast)|__cxa_|__gxx_|_Unwind_|__once_proxy")
    assert [name for name in called if foreign.match(name)] == []


def disassembled(path):
    """Return the instructions of an object, a line each, without addresses and bytes."""
    listed = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", path], check=True, capture_output=True, text=True
    ).stdout
    return [line.split("\t", 1)[1] for line in listed.splitlines() if "\t" in line]


def is_avx(instruction):
    return re.match(r"v\w+\s.*%[xyz]mm|k\w+\s.*%k[0-7]|vzero", instruction) is not None


@pytest.mark.skipif(shutil.which("objdump") is None, reason="objdump is not installed")
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="AVX is of x86-64")
def test_only_kernels_hold_instructions_that_an_old_cpu_lacks(tmp_path):
    built = [*built_objects("core", *CORE), *built_objects("c_api", *CORE)]
    if not built:
        pytest.skip("no objects of a build of these sources: make test-c leaves some")
    for path in built:
        instructions = disassembled(path)
        assert instructions, path
        assert [line for line in instructions if is_avx(line)] == [], path
    kernels = compiled(CPP / "dispatch/machine.cpp", tmp_path, "-march=x86-64-v3")
    assert any(map(is_avx, disassembled(kernels))), "the check finds nothing at all"


def test_import_loads_numpy_alone():
    program = (
        "import sys, numpy\n"
        "before = {name.partition('.')[0] for name in sys.modules}\n"
        "import bnfast\n"
        "after = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(after - before - sys.stdlib_module_names))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert ast.literal_eval(ended.stdout) == ["bnfast"]


def test_version_is_told_once():
    assert bnfast.__version__ == version("bnfast") == bnfast._core.build_info()["version"]
    quoted = re.compile(rf"""["']{re.escape(bnfast.__version__)}["']""")
    places = [p for p in written_files() if quoted.search(p.read_text(encoding="utf-8"))]
    files = (ROOT / "pyproject.toml", ROOT / "CMakeLists.txt")
    places += [path for path in files if bnfast.__version__ in path.read_text()]
    assert [path.relative_to(ROOT).as_posix() for path in places] == ["python/bnfast/__init__.py"]


def test_all_names_what_is_there():
    assert sorted(bnfast.__all__) == bnfast.__all__
    assert [name for name in bnfast.__all__ if not hasattr(bnfast, name)] == []


PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
FILES_OF_THAT_NAME = {"h", "libs"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_name_what_is_there(page):
    named = set(re.findall(r"\bbnfast\.(\w+)", page.read_text(encoding="utf-8")))
    missing = {
        name
        for name in named - FILES_OF_THAT_NAME
        if not hasattr(bnfast, name) and find_spec(f"bnfast.{name}") is None
    }
    assert missing == set()


def test_files_are_small_and_named_for_what_they_hold():
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in written_files()}
    assert len(lengths) > 50
    assert [str(path) for path, lines in lengths.items() if lines > MOST_LINES] == []
    vague = ("utils", "util", "common", "helpers", "misc")
    assert [str(path) for path in lengths if path.stem.strip("_").lower() in vague] == []
