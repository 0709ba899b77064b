"""The C library in the package: C programs built with it alone, by each way there is to find it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bnfast
from bnfast.cli import main

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]
LIBRARY = Path(bnfast.get_cmake_dir()).parents[1] / "libbnfast.a"
CC = os.environ.get("CC") or shutil.which("cc")
CXX = os.environ.get("CXX") or shutil.which("c++")
needs_cc = pytest.mark.skipif(CC is None, reason="no C compiler")
needs_cxx = pytest.mark.skipif(CXX is None, reason="no C++ compiler")


def output_of(*command, **environment):
    return subprocess.run(
        [str(word) for word in command],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    ).stdout


def config(capsys, *options):
    assert main(["config", *options]) == 0
    return capsys.readouterr().out.split()


def built(compiler, target, sources, flags):
    """Build a program; libraries, among the flags, follow the sources."""
    strict = ["-O2", "-Wall", "-Wextra", "-Werror", "-pedantic"]
    output_of(compiler, *strict, *sources, *flags, "-o", target)
    return target


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.\d+", text)]


def is_preprocessed(text):
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    expected = [(i / 255 - mean[i]) / std[i] for i in range(3)]
    return numbers(text) == pytest.approx(expected, abs=2e-6)


@pytest.fixture(scope="module")
def tested(tmp_path_factory):
    """Return what the test program prints: instruction sets and hashes of their results."""
    if CC is None:
        pytest.skip("no C compiler")
    flags = ["-std=c99", f"-I{bnfast.get_include()}"]
    libraries = output_of(sys.executable, "-m", "bnfast", "config", "--libs").split()
    sources = [ROOT / "tests/c/test_bnfast.c", ROOT / "tests/c/values.c"]
    program = built(CC, tmp_path_factory.mktemp("c") / "test", sources, [*flags, *libraries, "-lm"])
    return dict(line.split() for line in output_of(program).splitlines())


def recorded_hashes():
    return dict(line.split() for line in (ROOT / "tests/c/hashes.txt").read_text().splitlines())


def test_every_function_dtype_and_layout_against_plain_loops(tested):
    assert list(tested) == bnfast.available_isas()


def test_the_record_says_that_sets_with_fma_give_the_same_bits_and_those_without():
    recorded = recorded_hashes()
    assert recorded["v4"] == recorded["v3"] == recorded["neon"]
    assert recorded["v2"] == recorded["portable"]


def test_bits_of_results_are_those_of_the_record(tested):
    recorded = recorded_hashes()
    assert tested == {isa: recorded[isa] for isa in tested}


def test_the_header_tells_the_version():
    text = (Path(bnfast.get_include()) / "bnfast_version.h").read_text()
    assert f'#define BNF_VERSION_TEXT "{bnfast.__version__}"' in text
    major, minor, patch = bnfast.__version__.split(".")
    assert f"(10000 * {major} + 100 * {minor} + {patch})" in text


@pytest.mark.skipif(shutil.which("nm") is None, reason="nm is not installed")
def test_the_library_defines_what_the_header_declares_and_calls_c_alone():
    lines = [line.split() for line in output_of("nm", "-g", LIBRARY).splitlines()]
    symbols = [(line[-2], line[-1]) for line in lines if len(line) >= 2]
    header = (ROOT / "src_cpp/include/bnfast.h").read_text()
    declared = set(re.findall(r"^BNF_API [^;]*?\b(bnf_\w+)\(", header, re.MULTILINE))
    assert {name for kind, name in symbols if kind not in "Uw"} == declared
    called = [name for kind, name in symbols if kind in "Uw"]
    assert [name for name in called if re.match(r"_Z|__cxa_|__gxx_|_Unwind_", name)] == []


@needs_cc
def test_a_program_built_by_bnfast_config(tmp_path, capsys):
    flags = config(capsys, "--cflags", "--libs")
    program = built(CC, tmp_path / "program", [ROOT / "examples/c/preprocess.c"], flags)
    assert is_preprocessed(output_of(program))


@needs_cxx
@pytest.mark.skipif(shutil.which("pkg-config") is None, reason="pkg-config is not installed")
def test_a_program_built_by_pkg_config(tmp_path):
    found = {"PKG_CONFIG_PATH": str(LIBRARY.parent / "pkgconfig")}
    flags = output_of("pkg-config", "--cflags", "--libs", "bnfast", **found).split()
    program = built(CXX, tmp_path / "program", [ROOT / "examples/cpp/inference.cpp"], flags)
    assert numbers(output_of(program)) == [14]


@needs_cxx
@needs_cc
@pytest.mark.skipif(shutil.which("cmake") is None, reason="CMake is not installed")
@pytest.mark.parametrize("example, program", [("c", "preprocess"), ("cpp", "inference")])
def test_a_program_built_by_cmake(example, program, tmp_path, capsys):
    (found,) = config(capsys, "--cmakedir")
    source = ROOT / "examples" / example
    output_of("cmake", "-S", source, "-B", tmp_path, f"-Dbnfast_DIR={found}")
    output_of("cmake", "--build", tmp_path)
    assert numbers(output_of(tmp_path / program))


@needs_cc
@pytest.mark.parametrize("variable", ["BNFAST_ISA", "BNFAST_NUM_THREADS"])
def test_wishes_that_cannot_be_met_are_a_status(variable, tmp_path, capsys):
    flags = config(capsys, "--cflags", "--libs")
    program = built(CC, tmp_path / "program", [ROOT / "examples/c/preprocess.c"], flags)
    ended = subprocess.run(
        [program],
        env={**os.environ, variable: "abacus"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "environment" in ended.stderr


@needs_cc
def test_the_first_calls_may_come_from_many_threads(tmp_path, capsys):
    flags = ["-std=c99", "-pthread", *config(capsys, "--cflags", "--libs")]
    program = built(CC, tmp_path / "program", [ROOT / "tests/c/test_threads.c"], flags)
    for _ in range(20):
        output_of(program)


@needs_cc
def test_more_elements_and_longer_steps_than_32_bits_hold(tmp_path, capsys):
    flags = ["-std=c99", *config(capsys, "--cflags", "--libs"), "-lm"]
    program = built(CC, tmp_path / "program", [ROOT / "tests/c/test_large.c"], flags)
    status = subprocess.run([program], check=False).returncode
    if status == 77:
        pytest.skip("no address space for 2 GiB of zeros")
    assert status == 0


def test_config_asks_what_is_wanted(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["config"])
    assert caught.value.code == 2
    assert "one of --cflags, --libs, --cmakedir" in capsys.readouterr().err
