"""What the build hands to the compiler: nothing that ties a wheel to one machine, unless asked."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(shutil.which("cmake") is None, reason="CMake is not installed"),
]
ROOT = Path(__file__).parents[1]


def commands(folder, *options):
    """Return the C library's files by their paths below src_cpp, each with a compiler's command."""
    configured = subprocess.run(
        ["cmake", "-S", ROOT, "-B", folder, "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert configured.returncode == 0, configured.stderr
    entries = json.loads((folder / "compile_commands.json").read_text())
    return [
        (Path(entry["file"]).relative_to(ROOT / "src_cpp").as_posix(), entry["command"])
        for entry in entries
    ]


def test_no_cpu_is_named_but_for_the_kernels(tmp_path):
    for name, command in commands(tmp_path):
        assert "native" not in command.replace(str(tmp_path), ""), name
        named = re.findall(r"-m(?:arch|cpu|tune)=(\S+)", command)
        isa = re.search(r"kernels/isa_(v\d)\.hpp", command)
        assert named == ([f"x86-64-{isa[1]}"] if isa else []), name


def test_native_by_a_switch_for_all_but_the_kernels(tmp_path):
    found = commands(tmp_path, "-DBNFAST_NATIVE=ON")
    native = {name for name, command in found if "-march=native" in command}
    assert native == {name for name, _ in found if not name.startswith("kernels/")}
    assert "core/fold.cpp" in native
    assert all("-ffp-contract=off" in command for _, command in found)
